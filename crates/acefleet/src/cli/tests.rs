//! What the command line understands. Each command's own tests are beside this file.

mod check;
mod status;

use super::*;
use clap::CommandFactory;
use std::collections::{BTreeMap, BTreeSet};

/// Settings as they come from these, and from nothing else.
fn settings_of(pairs: &[(&str, &str)]) -> Settings {
    let environment = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    settings::read(&Sources { environment, ..Sources::empty() }).unwrap_or_else(|wrong| panic!("{wrong:?}"))
}

fn parsed(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split(' '))
}

fn flags(line: &str) -> BTreeMap<String, String> {
    match parsed(line).expect("this line can be read").command {
        Command::Serve(given) => given.flags.given(),
        Command::Check(check) => check.given.flags.given(),
        Command::Report(report) => report.given.flags.given(),
        Command::Status(status) => status.given.flags.given(),
        Command::Demo(_) | Command::Openapi(_) => BTreeMap::new(),
    }
}

#[test]
fn the_command_line_is_free_of_contradictions() {
    Cli::command().debug_assert();
}

#[test]
fn every_setting_and_every_file_of_a_secret_is_a_flag_of_every_command_that_reads_settings() {
    for command in ["serve", "check", "status", "report"] {
        let all: String =
            settings::names().map(|name| format!(" --{} 7", settings::flag_of(&name))).collect();
        let given = flags(&format!("acefleet {command}{all}"));
        assert!(given.keys().cloned().eq(settings::names().collect::<BTreeSet<_>>()));
        assert!(given.values().all(|value| value == "7"));
    }
    assert!(flags("acefleet serve").is_empty());
}

#[test]
fn flags_are_named_as_people_write_them() {
    let given = flags("acefleet serve --min-replicas 10 --auto-delete=true --api-key-file /run/key");
    let expected = [("API_KEY_FILE", "/run/key"), ("AUTO_DELETE", "true"), ("MIN_REPLICAS", "10")];
    assert!(given.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(expected));
}

#[test]
fn a_command_line_that_is_logged_shows_no_secret() {
    let cli = parsed("acefleet serve --api-key hunter2").expect("this line can be read");
    assert!(!format!("{cli:?}").contains("hunter2"));
}

#[test]
fn a_number_below_zero_is_left_to_the_settings() {
    assert_eq!(flags("acefleet serve --min-replicas -1")["MIN_REPLICAS"], "-1");
}

#[test]
fn what_cannot_be_understood_is_an_error_and_help_and_version_are_none() {
    for line in
        ["acefleet", "acefleet dance", "acefleet serve --min-replica 3", "acefleet serve --min-replicas"]
    {
        assert!(parsed(line).expect_err("this is no command line").use_stderr(), "{line}");
    }
    for line in ["acefleet --version", "acefleet --help", "acefleet serve --help", "acefleet status -h"] {
        assert!(!parsed(line).expect_err("this asks to be told").use_stderr(), "{line}");
    }
    let version = parsed("acefleet --version").expect_err("this asks to be told").to_string();
    assert_eq!(version, format!("acefleet {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn long_help_explains_every_setting_and_short_help_stays_short() {
    let help = |line| parsed(line).expect_err("this asks to be told").to_string();
    let long = help("acefleet serve --help");
    assert!(settings::names().all(|name| long.contains(&format!("--{} ", settings::flag_of(&name)))));
    assert!(help("acefleet serve -h").lines().count() < 20);
}

#[test]
fn all_problems_are_printed_with_where_to_look_next() {
    let problem = Problem {
        setting: "APP_PORT=0 (.env)".into(),
        what: "that is no port".into(),
        fix: "write 1".into(),
    };
    let text = Unusable(vec![problem.clone(), problem]).to_string();
    assert!(
        text.starts_with(
            "acefleet cannot start with these settings (2 to mend):\n  APP_PORT=0 (.env): that is"
        )
    );
    assert_eq!(text.lines().count(), 4);
}

#[test]
fn a_file_of_settings_that_is_named_has_to_be_there() {
    let given = Given { env_file: Some("no/such/file.env".into()), flags: Flags::default() };
    let unusable = given.settings().expect_err("there is no such file");
    assert!(unusable.to_string().contains("no/such/file.env: it cannot be read"), "{unusable}");
}
