//! What becomes an alert, and what ends one: pictures and entries in, alerts out.

use super::alert::{
    Alert, Beside, DOCKER_GONE_FOR, NO_CAPACITY_FOR, NO_VPN_FOR, Severity, Topic, Turn, Watch,
};
use crate::journal::Numbered;
use control::docker::State;
use control::ids::{Name, VpnId};
use control::journal::{Entry, Expect, Subject, What, Why};
use control::policy::breaker::{Breaker, Kind};
use control::settings::VpnSettings;
use control::snapshot::{BlockedCode, BlockedView, EmergencyView, PassiveView, PassiveWhy, Snapshot};
use control::vpn::Verdict;
use control::{Control, Settings, Time};
use std::sync::Arc;
use std::time::Duration;

const BEGIN: Time = Time::from_secs(1_000);

/// A fleet on two VPNs at which nothing is wrong.
fn picture() -> Snapshot {
    let vpn = |name: &str| VpnSettings { container: name.into(), ports: None };
    let settings = Settings { vpns: vec![vpn("one"), vpn("two")], ..Settings::default() };
    let mut snapshot = Control::new(settings, BEGIN, 1).snapshot();
    snapshot.ready = true;
    snapshot.docker_reachable = true;
    snapshot.blocked = None;
    for view in &mut snapshot.vpns {
        view.verdict = Verdict::Healthy;
    }
    snapshot
}

fn after(mut snapshot: Snapshot, seconds: u64) -> Snapshot {
    snapshot.at = BEGIN + Duration::from_secs(seconds);
    snapshot
}

fn with_failed(failed: &[usize]) -> Snapshot {
    let mut snapshot = picture();
    for place in failed {
        snapshot.vpns[*place].verdict = Verdict::Failed;
    }
    snapshot
}

fn entry(subject: Subject, what: What, why: Vec<Why>) -> Arc<Numbered> {
    let entry = Entry { seq: 1, at: BEGIN, subject, what, why, expect: Expect::Nothing };
    Arc::new(Numbered { id: 1, entry })
}

fn about_one(what: What, why: Vec<Why>) -> Arc<Numbered> {
    entry(Subject::Vpn(VpnId(0), "one".into()), what, why)
}

/// What is told of a picture.
fn told(watch: &mut Watch, snapshot: &Snapshot, news: &[Arc<Numbered>]) -> Vec<Alert> {
    watch.look(snapshot, news, &Beside::default())
}

fn turns(alerts: &[Alert]) -> Vec<(Topic, &str, Turn)> {
    alerts.iter().map(|alert| (alert.topic, alert.subject.as_str(), alert.turn)).collect()
}

#[test]
fn nothing_is_told_of_a_fleet_at_which_nothing_is_wrong() {
    let mut watch = Watch::default();
    assert_eq!(told(&mut watch, &picture(), &[]), []);
    assert!(watch.held().values().all(|number| *number == 0));
}

#[test]
fn a_vpn_that_is_down_is_told_once_with_the_reason_and_once_more_when_it_is_up() {
    let mut watch = Watch::default();
    let failed = about_one(What::VpnFailed, vec![Why::StateIs(State::Exited)]);
    let alerts = told(&mut watch, &with_failed(&[0]), &[failed]);
    assert_eq!(turns(&alerts), [(Topic::VpnDown, "one", Turn::Raised)]);
    assert_eq!(alerts[0].text, "VPN 'one' is down: its container has exited");
    assert_eq!(told(&mut watch, &after(with_failed(&[0]), 60), &[]), []);
    let alerts = told(&mut watch, &after(picture(), 75), &[]);
    assert_eq!(turns(&alerts), [(Topic::VpnDown, "one", Turn::Resolved)]);
    assert_eq!(alerts[0].text, "VPN 'one' is up again (it lasted 1 min 15 s)");
}

#[test]
fn when_no_vpn_is_healthy_any_more_that_is_critical_though_each_failure_was_told_as_a_warning() {
    let mut watch = Watch::default();
    assert_eq!(turns(&told(&mut watch, &with_failed(&[0]), &[])), [(Topic::VpnDown, "one", Turn::Raised)]);
    let alerts = told(&mut watch, &after(with_failed(&[0, 1]), 10), &[]);
    let both = [(Topic::NoVpn, "", Turn::Raised), (Topic::VpnDown, "two", Turn::Raised)];
    assert_eq!(turns(&alerts), both);
    assert_eq!(alerts[0].topic.severity(), Severity::Critical);
    assert!(alerts[0].text.starts_with("no VPN is healthy: nothing is served"), "{alerts:?}");
    let over = told(&mut watch, &after(with_failed(&[0]), 40), &[]);
    let both = [(Topic::NoVpn, "", Turn::Resolved), (Topic::VpnDown, "two", Turn::Resolved)];
    assert_eq!(turns(&over), both);
    assert_eq!(over[0].text, "a VPN is healthy again (it lasted 30 s)");
}

#[test]
fn the_only_vpn_that_fails_is_critical_at_once() {
    let mut snapshot = with_failed(&[0]);
    snapshot.vpns.truncate(1);
    let alerts = told(&mut Watch::default(), &snapshot, &[]);
    assert_eq!(alerts[0].topic, Topic::NoVpn);
}

#[test]
fn vpns_that_have_never_come_up_are_told_after_a_while() {
    let mut pending = picture();
    pending.vpns.iter_mut().for_each(|view| view.verdict = Verdict::Pending);
    let mut watch = Watch::default();
    let long = NO_VPN_FOR.as_secs();
    assert_eq!(told(&mut watch, &pending, &[]), []);
    assert_eq!(told(&mut watch, &after(pending.clone(), long - 1), &[]), []);
    let alerts = told(&mut watch, &after(pending, long), &[]);
    assert_eq!(turns(&alerts), [(Topic::NoVpn, "", Turn::Raised)]);
    let mut without = picture();
    without.vpns.clear();
    assert_eq!(turns(&told(&mut watch, &without, &[])), [(Topic::NoVpn, "", Turn::Resolved)]);
}

#[test]
fn an_emergency_is_told_with_who_carries_on() {
    let mut snapshot = with_failed(&[0]);
    let name = |name: &str| vec![Name::from(name)];
    snapshot.emergency = EmergencyView { entered_at: Some(BEGIN), failed: name("one"), healthy: name("two") };
    let mut watch = Watch::default();
    let alerts = told(&mut watch, &snapshot, &[]);
    assert_eq!(alerts[0].text, "emergency mode: one failed, two carries on with what engines there are");
    assert_eq!(turns(&told(&mut watch, &picture(), &[])).len(), 2);
}

#[test]
fn a_vpn_that_only_a_person_can_mend_is_told_until_it_is_healthy() {
    let mut watch = Watch::default();
    let beyond = about_one(What::NeedsPerson, vec![Why::Missing]);
    let alerts = told(&mut watch, &with_failed(&[0]), &[beyond]);
    assert_eq!(alerts[1].text, "VPN 'one' is for a person to mend: its container is missing");
    let over = told(&mut watch, &picture(), &[]);
    assert_eq!(turns(&over)[1], (Topic::VpnNeedsPerson, "one", Turn::Resolved));
    // It fails once more, and nobody is needed yet.
    assert_eq!(turns(&told(&mut watch, &with_failed(&[0]), &[])), [(Topic::VpnDown, "one", Turn::Raised)]);
}

#[test]
fn a_lost_port_is_told_until_there_is_one() {
    let mut watch = Watch::default();
    let lost = told(&mut watch, &picture(), &[about_one(What::MarkLost(4_711), vec![])]);
    assert_eq!(turns(&lost), [(Topic::PortLost, "one", Turn::Raised)]);
    assert!(lost[0].text.contains("port 4711"), "{lost:?}");
    let mut snapshot = picture();
    snapshot.vpns[0].forwarded_port = Some(4_712);
    assert_eq!(turns(&told(&mut watch, &snapshot, &[])), [(Topic::PortLost, "one", Turn::Resolved)]);
}

#[test]
fn conditions_of_the_whole_are_raised_and_resolved() {
    let mut flapping = picture();
    flapping.vpns[1].port_flaps = true;
    let mut passive = picture();
    let why = PassiveWhy::ForeignHand;
    passive.passive = Some(PassiveView { why, since: BEGIN, until: BEGIN });
    let mut suspicious = picture();
    suspicious.suspects_itself = true;
    let mut open = picture();
    let mut breaker = Breaker::new(1, Duration::from_secs(300));
    breaker.failed(BEGIN, BEGIN);
    open.breakers = vec![(Kind::Replacement, breaker)];
    for (snapshot, topic, subject) in [
        (flapping, Topic::PortFlapping, "two"),
        (passive, Topic::Passive, ""),
        (suspicious, Topic::EveryEngineFails, ""),
        (open, Topic::BreakerOpen, "replacement"),
    ] {
        let mut watch = Watch::default();
        assert_eq!(turns(&told(&mut watch, &snapshot, &[])), [(topic, subject, Turn::Raised)]);
        assert_eq!(watch.held()[&topic], 1);
        assert_eq!(turns(&told(&mut watch, &picture(), &[])), [(topic, subject, Turn::Resolved)]);
    }
}

#[test]
fn docker_is_told_of_only_when_it_is_gone_for_long() {
    let mut gone = picture();
    gone.docker_reachable = false;
    let mut watch = Watch::default();
    let long = DOCKER_GONE_FOR.as_secs();
    assert_eq!(told(&mut watch, &gone, &[]), []);
    assert_eq!(told(&mut watch, &after(picture(), 5), &[]), []);
    assert_eq!(told(&mut watch, &after(gone.clone(), 10), &[]), []);
    assert_eq!(told(&mut watch, &after(gone.clone(), 10 + long - 1), &[]), []);
    let alerts = told(&mut watch, &after(gone, 10 + long), &[]);
    assert_eq!(turns(&alerts), [(Topic::DockerUnreachable, "", Turn::Raised)]);
    let alerts = told(&mut watch, &after(picture(), 20 + long), &[]);
    assert_eq!(turns(&alerts), [(Topic::DockerUnreachable, "", Turn::Resolved)]);
}

#[test]
fn a_full_fleet_is_told_of_when_nothing_is_free_for_a_while() {
    let full = |used: usize| {
        let mut snapshot = picture();
        snapshot.capacity.offered = 4;
        snapshot.capacity.used = used;
        let message = "the limit of 4 engines is reached".to_owned();
        snapshot.blocked = Some(BlockedView { code: BlockedCode::MaxCapacity, message, until: BEGIN });
        snapshot
    };
    let long = NO_CAPACITY_FOR.as_secs();
    let mut watch = Watch::default();
    assert_eq!(told(&mut watch, &full(4), &[]), []);
    // One seat is left: a limit alone keeps nobody waiting.
    assert_eq!(told(&mut watch, &after(full(3), long), &[]), []);
    assert_eq!(told(&mut watch, &after(full(4), long + 1), &[]), []);
    let alerts = told(&mut watch, &after(full(4), 2 * long + 1), &[]);
    assert_eq!(turns(&alerts), [(Topic::NoCapacity, "", Turn::Raised)]);
    assert!(alerts[0].text.contains("the limit of 4 engines is reached"), "{alerts:?}");
}

#[test]
fn a_rebuilt_core_is_told_once_and_is_never_over() {
    let mut watch = Watch::default();
    let why = vec![Why::Quoted("index out of bounds".into())];
    let alerts = told(&mut watch, &picture(), &[entry(Subject::Fleet, What::Rebuilt, why)]);
    assert_eq!(turns(&alerts), [(Topic::CoreRebuilt, "", Turn::Happened)]);
    assert!(alerts[0].text.contains("index out of bounds"), "{alerts:?}");
    assert_eq!(told(&mut watch, &after(picture(), 60), &[]), []);
}

#[test]
fn a_store_that_only_remembers_is_told_even_before_anything_was_seen() {
    let mut watch = Watch::default();
    let mut blind = picture();
    blind.ready = false;
    let beside = Beside { store_degraded: Some("the disk is full".into()) };
    let alerts = watch.look(&blind, &[], &beside);
    assert_eq!(turns(&alerts), [(Topic::StoreDegraded, "", Turn::Raised)]);
    assert!(alerts[0].text.ends_with("the disk is full"), "{alerts:?}");
}

#[test]
fn what_was_told_is_not_over_because_a_new_core_has_not_looked_yet() {
    let mut watch = Watch::default();
    told(&mut watch, &with_failed(&[0]), &[]);
    let mut blind = picture();
    blind.ready = false;
    assert_eq!(told(&mut watch, &blind, &[]), []);
    assert_eq!(told(&mut watch, &with_failed(&[0]), &[]), []);
}

#[test]
fn an_alert_is_as_urgent_in_the_documents_and_in_the_rules_for_prometheus() {
    let page = include_str!("../../../../docs/alerts.md");
    let rules = include_str!("../../../../deploy/prometheus/acefleet.rules.yml");
    let capital = |part: &str| part[..1].to_uppercase() + &part[1..];
    for topic in Topic::ALL {
        let (word, severity) = (topic.word(), topic.severity().word());
        assert!(page.contains(&format!("| `{word}` | {severity} |")), "{word}");
        let name: String = word.split('_').map(capital).collect();
        let mut named = rules.split("- alert: Acefleet").filter_map(|rule| rule.split_once('\n'));
        match named.find(|(found, _)| *found == name) {
            Some((_, rule)) => assert!(rule.contains(&format!("{{ severity: {severity} }}")), "{word}"),
            None => assert_eq!(topic, Topic::EveryEngineFails, "it has no rule"),
        }
    }
}
