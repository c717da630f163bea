//! What a demo consists of: its sizes, names, channels and settings, computed from what it was told.
//!
//! Pure: nothing is opened or started here. A person's `.env`, database and Docker are none of its business; of the
//! environment only that counts which changes how the fleet behaves, and not what it is made of.

use super::ports::Ports;
use crate::cli::demo::{DemoArgs, StoryName};
use crate::settings::{self, Kind, Problem, ProxySettings, Settings, Sources};
use control::ids::Name;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// What holds unless the environment says otherwise.
const DEFAULTS: &str = include_str!("defaults.env");
/// Engines beyond the least, so that a failed VPN's viewers find room on the others.
const SPARE_ENGINES_LEAST: usize = 10;
/// So many engines for each channel: after half of them have gone there are still seats for all, and a free one.
const ENGINES_PER_CHANNEL: usize = 3;
/// What all viewers together are sent at most, so that a crowd does not keep the machine from everything else.
const CROWD_BITS_PER_S: u64 = 400_000_000;
/// What a channel has on average: a picture that a player shows, and no more than a crowd can be sent.
const CHANNEL_BITS_PER_S: (u64, u64) = (400_000, 2_000_000);
/// So many viewers and channels may come beside the demo's own: whoever tries what it prints is one of them.
const ROOM_FOR_OTHERS: usize = 50;
/// Settings of the environment that count, beside those that are times.
const CHOSEN: [&str; 14] = [
    "API_KEY",
    "API_KEY_FILE",
    "AUTO_DELETE",
    "CIRCUIT_BREAKER_FAILURE_THRESHOLD",
    "CIRCUIT_BREAKER_REPLACEMENT_THRESHOLD",
    "CORS_ORIGINS",
    "DOCKER_RETRIES",
    "HEALTH_FAILURE_THRESHOLD",
    "LOG_FORMAT",
    "LOG_LEVEL",
    "MAX_CONCURRENT_PROVISIONS",
    "MAX_STREAMS_PER_ENGINE",
    "MIN_FREE_REPLICAS",
    "VPN_RESTART_ENGINES_ON_RECONNECT",
];

/// A demo.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Plan {
    /// The VPNs' containers.
    pub(super) vpns: Vec<Name>,
    /// How many engines there are at least.
    pub(super) engines: usize,
    /// What each viewer watches.
    pub(super) viewers: Vec<String>,
    /// What a channel has on average.
    pub(super) bits_per_s: u64,
    /// Draws everything that is drawn.
    pub(super) seed: u64,
    /// What VPNs show when they tell the program of their ports.
    pub(super) hook_token: String,
    /// The incident that is played.
    pub(super) story: Option<StoryName>,
}

impl Plan {
    /// What these arguments ask for, or why that cannot be.
    pub(super) fn new(arguments: &DemoArgs, seed: u64) -> Result<Self, String> {
        let least = arguments.story.map_or(1, StoryName::least_vpns);
        if arguments.vpns < least {
            return Err(format!(
                "this story needs at least {least} VPNs, because it tells how the others carry on: --vpns {least}"
            ));
        }
        let channels = (arguments.engines / ENGINES_PER_CHANNEL).max(1);
        let share = CROWD_BITS_PER_S / arguments.viewers.max(1) as u64;
        let (least, most) = CHANNEL_BITS_PER_S;
        Ok(Self {
            vpns: (1..=arguments.vpns)
                .map(|number| Name::from(format!("gluetun-{number}").as_str()))
                .collect(),
            engines: arguments.engines,
            viewers: (0..arguments.viewers).map(|viewer| channel(seed, viewer % channels)).collect(),
            bits_per_s: share.clamp(least, most),
            seed,
            hook_token: format!("demo-{seed:016x}"),
            story: arguments.story,
        })
    }

    /// How many engines there are at most.
    pub(super) fn engines_most(&self) -> usize {
        self.engines + (self.engines / 2).max(SPARE_ENGINES_LEAST)
    }

    /// The settings that it runs with, its stand-ins on these ports, its database in this folder.
    pub(super) fn settings(
        &self,
        environment: &BTreeMap<String, String>,
        ports: &Ports,
        folder: &Path,
    ) -> Result<Settings, Vec<Problem>> {
        let most = self.engines_most();
        let vpns: Vec<&str> = self.vpns.iter().map(Name::as_str).collect();
        // Each VPN has an address of its own, and may get any of the engines.
        let engines = format!("{}-{}", ports.engines.start(), ports.engines.end());
        let own = [
            ("GLUETUN_CONTAINERS", vpns.join(",")),
            ("GLUETUN_PORT_RANGES", vec![engines; vpns.len()].join(",")),
            ("GLUETUN_API_PORT", ports.control.to_string()),
            ("MIN_REPLICAS", self.engines.to_string()),
            ("MAX_REPLICAS", most.to_string()),
            ("MAX_ACTIVE_REPLICAS", most.to_string()),
            ("HOOK_TOKEN", self.hook_token.clone()),
            ("DB_URL", format!("sqlite:///{}", folder.join("demo.db").display())),
        ];
        let counts = environment.iter().filter(|(name, _)| counts(name));
        settings::read(&Sources {
            flags: own.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            environment: counts.map(|(name, value)| (name.clone(), value.clone())).collect(),
            dotenv: Some(self.defaults()),
            ..Sources::empty()
        })
    }

    /// What holds unless the environment says otherwise, with room for everybody.
    fn defaults(&self) -> String {
        let usual = ProxySettings::default();
        let viewers = usual.viewers_max.max(self.viewers.len() + ROOM_FOR_OTHERS);
        let channels = usual.channels_max.max(self.channels() + ROOM_FOR_OTHERS);
        format!("{DEFAULTS}\nPROXY_MAX_VIEWERS={viewers}\nPROXY_MAX_CHANNELS={channels}\n")
    }

    /// How many different channels are watched.
    pub(super) fn channels(&self) -> usize {
        self.viewers.iter().collect::<std::collections::BTreeSet<_>>().len()
    }

    /// A channel that somebody may watch who wants to see one: one of the viewers' own, if there are any.
    pub(super) fn a_channel(&self) -> String {
        self.viewers.first().cloned().unwrap_or_else(|| channel(self.seed, 0))
    }
}

/// Whether a setting of the environment counts.
fn counts(name: &str) -> bool {
    let is_time = settings::rows().any(|row| row.name == name && matches!(row.kind, Kind::Seconds(..)));
    is_time || name.starts_with("PROXY_") || CHOSEN.contains(&name)
}

/// A content id: forty digits, of which the first are none that a stand-in takes for something special.
fn channel(seed: u64, number: usize) -> String {
    let digest = Sha256::digest(format!("channel {number} of {seed}"));
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("ace{}", &digits[..37])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::{ENGINES_MAX, VIEWERS_MAX, VPNS_MAX};
    use crate::cli::{Cli, Command};
    use clap::Parser;
    use std::time::Duration;

    fn arguments(line: &str) -> DemoArgs {
        let cli = Cli::try_parse_from(line.split(' ')).unwrap_or_else(|wrong| panic!("{wrong}"));
        let Command::Demo(arguments) = cli.command else { panic!("{line} is no demo") };
        arguments
    }

    fn plan(line: &str) -> Plan {
        Plan::new(&arguments(line), 7).unwrap_or_else(|why| panic!("{why}"))
    }

    fn settings_of(plan: &Plan, environment: &[(&str, &str)]) -> Settings {
        let pairs = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let ports = Ports { control: 8_001, engines: 19_100..=19_899 };
        let settings = plan.settings(&pairs.collect(), &ports, Path::new("/nowhere"));
        settings.unwrap_or_else(|wrong| panic!("{wrong:?}"))
    }

    #[test]
    fn without_any_word_there_are_two_vpns_ten_engines_and_six_viewers_of_three_channels() {
        let plan = plan("acefleet demo");
        assert_eq!(plan.vpns, [Name::from("gluetun-1"), Name::from("gluetun-2")]);
        assert_eq!((plan.engines, plan.viewers.len(), plan.channels()), (10, 6, 3));
        let settings = settings_of(&plan, &[]);
        assert_eq!(settings.core.min_replicas, 10);
        assert_eq!(settings.warnings, Vec::<String>::new());
        assert!(settings.vpn_names().eq(&plan.vpns));
    }

    #[test]
    fn the_environment_may_change_times_and_what_has_no_bearing_on_the_machine() {
        let environment = [("HANDOFF_S", "0.5"), ("API_KEY", "sesame"), ("MAX_STREAMS_PER_ENGINE", "3")];
        let settings = settings_of(&plan("acefleet demo"), &environment);
        assert_eq!(settings.core.handoff, Duration::from_millis(500));
        assert!(settings.api.key.is_some());
        assert_eq!(settings.core.max_streams_per_engine, 3);
    }

    #[test]
    fn what_belongs_to_a_real_fleet_is_none_of_the_demos_business() {
        let environment = [
            ("DB_URL", "sqlite:////real.db"),
            ("DOCKER_HOST", "ftp://nonsense"),
            ("GLUETUN_CONTAINER_NAME", "gluetun"),
            ("GLUETUN_API_KEY", "secret"),
            ("MIN_REPLICAS", "99"),
            ("APP_PORT", "0"),
            ("STOP_ENGINES_ON_EXIT", "true"),
            ("DEBUG_MODE", "true"),
        ];
        let plan = plan("acefleet demo --engines 3");
        let settings = settings_of(&plan, &environment);
        let same = settings_of(&plan, &[]);
        assert_eq!(settings.core, same.core);
        assert_eq!(settings.store.path, Path::new("/nowhere/demo.db"));
        assert_eq!(settings.gluetun, same.gluetun);
        assert!(!settings.stop_engines_on_exit && settings.log.debug_dir.is_none());
    }

    #[test]
    fn the_same_seed_draws_the_same_and_another_one_something_else() {
        let drawn = |seed| Plan::new(&arguments("acefleet demo"), seed).map(|plan| plan.viewers);
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        assert!(drawn(u64::MAX).is_ok_and(|viewers| viewers.iter().all(|content| content.len() == 40)));
    }

    #[test]
    fn stand_ins_and_program_are_told_the_same_ports() {
        let settings = settings_of(&plan("acefleet demo --vpns 3"), &[]);
        assert_eq!(settings.gluetun.api_port, 8_001);
        assert!(settings.core.vpns.iter().all(|vpn| vpn.ports == Some(19_100..=19_899)));
        assert_eq!(settings.warnings, Vec::<String>::new());
    }

    #[test]
    fn however_many_viewers_it_has_somebody_else_finds_room_unless_the_environment_wants_less() {
        let most = format!("acefleet demo --vpns {VPNS_MAX} --engines {ENGINES_MAX} --viewers {VIEWERS_MAX}");
        for line in ["acefleet demo", "acefleet demo --viewers 500", most.as_str()] {
            let plan = plan(line);
            let proxy = settings_of(&plan, &[]).proxy;
            assert!(proxy.viewers_max >= plan.viewers.len() + ROOM_FOR_OTHERS, "{line}");
            assert!(proxy.channels_max >= plan.channels() + ROOM_FOR_OTHERS, "{line}");
        }
        let chosen = settings_of(&plan(&most), &[("PROXY_MAX_VIEWERS", "7"), ("PROXY_MAX_CHANNELS", "3")]);
        assert_eq!((chosen.proxy.viewers_max, chosen.proxy.channels_max), (7, 3));
    }

    #[test]
    fn a_crowd_gets_a_smaller_picture_than_a_few() {
        let few = plan("acefleet demo").bits_per_s;
        let crowd = plan("acefleet demo --engines 200 --viewers 500").bits_per_s;
        assert!(CHANNEL_BITS_PER_S.0 <= crowd && crowd < few && few <= CHANNEL_BITS_PER_S.1);
    }

    #[test]
    fn a_story_of_carrying_on_needs_somebody_who_does() {
        let refused = Plan::new(&arguments("acefleet demo --vpns 1 --story vpn-exit"), 7);
        assert!(refused.is_err_and(|why| why.contains("--vpns 2")));
        assert!(Plan::new(&arguments("acefleet demo --vpns 1 --story port-change"), 7).is_ok());
    }
}
