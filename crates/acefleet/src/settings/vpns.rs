//! Which VPNs there are, and which ports their engines may use: said in the old way (two names) or in the new
//! one (a list of any length).

use super::draft::VpnWords;
use super::read::Problem;
use super::words;
use control::ids::Name;
use control::settings::VpnSettings;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// More VPNs than this are a mistake.
const MOST_VPNS: usize = 256;

/// The VPNs, in order. `limit` is how many engines there may be.
pub(super) fn vpns(
    words: &VpnWords,
    said: &BTreeSet<&str>,
    limit: usize,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<String>,
) -> Vec<VpnSettings> {
    let names = names(words, said, problems, warnings);
    let ranges = ranges(words, names.len(), problems, warnings);
    let mut ranges = ranges.into_iter();
    let vpns: Vec<VpnSettings> = names
        .iter()
        .map(|name| VpnSettings { container: Name::from(name.as_str()), ports: ranges.next().flatten() })
        .collect();
    warn_of_ranges(&vpns, limit, warnings);
    vpns
}

fn names(
    words: &VpnWords,
    said: &BTreeSet<&str>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<String>,
) -> Vec<String> {
    if words.containers.is_empty() {
        return old_names(words, problems, warnings);
    }
    let names = &words.containers;
    let mut problem = |what: &str, fix: &str| problems.push(Problem::new("GLUETUN_CONTAINERS", what, fix));
    if names.iter().any(String::is_empty) {
        problem(
            "there is nothing between two commas",
            "write the containers' names with one comma between two",
        );
    }
    if names.iter().collect::<BTreeSet<_>>().len() < names.len() {
        problem("a container is named twice", "name each VPN's own container once");
    }
    if names.len() > MOST_VPNS {
        problem(&format!("there are more than {MOST_VPNS} VPNs"), "name fewer");
    }
    let second =
        words.name_2.as_ref().filter(|_| words.redundant || said.contains("GLUETUN_CONTAINER_NAME_2"));
    let old: Vec<&String> = words.name_1.iter().chain(second).collect();
    if !old.is_empty() && old != names.iter().collect::<Vec<_>>() {
        let names = words::shown(&names.join(", "));
        warnings.push(format!(
            "GLUETUN_CONTAINERS says otherwise than GLUETUN_CONTAINER_NAME and GLUETUN_CONTAINER_NAME_2, and \
             holds: {names}"
        ));
    }
    if said.contains("VPN_MODE") && words.redundant != (names.len() > 1) {
        let mode = if names.len() > 1 { "redundant" } else { "single" };
        warnings.push(format!("VPN_MODE says otherwise than GLUETUN_CONTAINERS, which holds: it is {mode}"));
    }
    names.clone()
}

fn old_names(words: &VpnWords, problems: &mut Vec<Problem>, warnings: &mut Vec<String>) -> Vec<String> {
    let mut problem = |setting: &str, what: &str, fix: &str| problems.push(Problem::new(setting, what, fix));
    match (words.redundant, &words.name_1, &words.name_2) {
        (true, Some(one), Some(two)) if one == two => problem(
            "GLUETUN_CONTAINER_NAME_2",
            "it names the same container as GLUETUN_CONTAINER_NAME",
            "name the second VPN's own container, or set VPN_MODE=single",
        ),
        (true, Some(one), Some(two)) => return vec![one.clone(), two.clone()],
        (true, one, two) => {
            let fix = "set it to the container's name, or VPN_MODE=single";
            for (name, set) in [("GLUETUN_CONTAINER_NAME", one), ("GLUETUN_CONTAINER_NAME_2", two)] {
                if set.is_none() {
                    problem(name, "VPN_MODE=redundant needs it", fix);
                }
            }
        }
        (false, one, two) => {
            if two.is_some() {
                warnings.push(
                    "GLUETUN_CONTAINER_NAME_2 is ignored, because VPN_MODE is single; for two VPNs set \
                     VPN_MODE=redundant"
                        .into(),
                );
            }
            return one.iter().cloned().collect();
        }
    }
    Vec::new()
}

/// The VPNs' ranges, in order. What the list says must make sense; what the old names say wrong is not used,
/// as it has always been.
fn ranges(
    words: &VpnWords,
    vpns: usize,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<String>,
) -> Vec<Option<RangeInclusive<u16>>> {
    let old = [&words.range_1, &words.range_2];
    if words.ranges.is_empty() {
        let named = old.into_iter().zip(["GLUETUN_PORT_RANGE_1", "GLUETUN_PORT_RANGE_2"]).take(vpns);
        return named.map(|(text, name)| old_range(name, text.as_deref()?, warnings)).collect();
    }
    let differs = |(at, text): (usize, &&Option<String>)| {
        text.as_ref().is_some_and(|text| words.ranges.get(at).map(String::as_str) != Some(text.trim()))
    };
    if old.iter().enumerate().any(differs) {
        warnings.push(
            "GLUETUN_PORT_RANGES says otherwise than GLUETUN_PORT_RANGE_1 and GLUETUN_PORT_RANGE_2, and \
             holds"
                .into(),
        );
    }
    let mut problem = |what: String, fix: &str| problems.push(Problem::new("GLUETUN_PORT_RANGES", what, fix));
    if vpns == 0 {
        warnings.push("GLUETUN_PORT_RANGES is ignored, because no VPN is named".into());
    } else if words.ranges.len() != vpns {
        let what = format!("there are {} ranges for {vpns} VPNs", words.ranges.len());
        problem(what, "write one for each VPN, in the same order; leave one empty for the shared pool");
    }
    let mut read = |text: &String| match (text.as_str(), words::span(text)) {
        ("", _) => None,
        (_, Some((first, last))) if ports(first..=last) == (first..=last) => clamped(first, last),
        (_, Some(_) | None) => {
            let what = format!("'{}' is no range of ports", words::shown(text));
            problem(what, "write two ports from 1 to 65535 as first-last, like 19000-19499");
            None
        }
    };
    words.ranges.iter().map(&mut read).collect()
}

fn old_range(name: &str, text: &str, warnings: &mut Vec<String>) -> Option<RangeInclusive<u16>> {
    let setting = format!("{name}={}", words::shown(text));
    let Some((first, last)) = words::span(text) else {
        warnings.push(format!(
            "{setting} is no range of ports and is not used: the VPN shares the pool that begins with 19000; \
             write first-last, like 19000-19499"
        ));
        return None;
    };
    if ports(first..=last) != (first..=last) {
        warnings.push(format!(
            "{setting} has ports that do not exist, which are left out; ports go from 1 to 65535"
        ));
    }
    clamped(first, last)
}

fn ports(range: RangeInclusive<i64>) -> RangeInclusive<i64> {
    let clamp = |port: i64| port.clamp(1, i64::from(u16::MAX));
    clamp(*range.start())..=clamp(*range.end())
}

/// The ports of a range that exist; one that is reversed has none, and stays so.
fn clamped(first: i64, last: i64) -> Option<RangeInclusive<u16>> {
    let range = ports(first..=last);
    Some(u16::try_from(*range.start()).ok()?..=u16::try_from(*range.end()).ok()?)
}

fn warn_of_ranges(vpns: &[VpnSettings], limit: usize, warnings: &mut Vec<String>) {
    let share = limit.div_ceil(vpns.len().max(1));
    let mut seen: Vec<(&Name, &RangeInclusive<u16>)> = Vec::new();
    for vpn in vpns {
        let (name, Some(range)) = (&vpn.container, &vpn.ports) else { continue };
        let (first, last) = (range.start(), range.end());
        if range.is_empty() {
            warnings.push(format!(
                "the range of VPN '{name}', {first}-{last}, is reversed: it has no ports, and the VPN gets \
                 no engines; write {last}-{first}"
            ));
        } else if range.len() < share {
            warnings.push(format!(
                "the range of VPN '{name}', {first}-{last}, is too small: it has room for {} of the {share} \
                 engines that are its share of the limit",
                range.len()
            ));
        }
        for (other, taken) in &seen {
            // Whoever writes the same one twice means a pool that both share.
            let overlap = range != *taken && first.max(taken.start()) <= last.min(taken.end());
            if overlap && !range.is_empty() && !taken.is_empty() {
                warnings.push(format!(
                    "the ranges of VPNs '{other}' and '{name}' overlap: each port is given to one engine of \
                     the fleet only"
                ));
            }
        }
        seen.push((name, range));
    }
}
