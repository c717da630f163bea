//! The command line: which commands there are, what they are given, and what each does that is not serving.
//!
//! What is wrong with settings or with the command line itself ends with exit code 64, before anything is
//! done.

pub mod bug_report;
pub mod check;
pub mod demo;
mod flags;
pub mod notify;
pub mod report;
pub mod status;
mod table;
#[cfg(test)]
mod tests;
mod why;

use crate::settings::{self, Problem, Settings, Sources};
use clap::{Args, Parser, Subcommand};
use flags::Flags;
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// The exit code for settings and command lines that cannot be meant.
pub const UNUSABLE: u8 = 64;

/// Keeps AceStream engines alive behind Gluetun VPNs, and serves their streams.
#[derive(Parser, Debug)]
#[command(name = "acefleet", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Runs the orchestrator on Docker
    Serve(Given),
    /// Runs it on stand-ins inside this process, to be looked at and broken on purpose; needs nothing, leaves nothing
    Demo(demo::DemoArgs),
    /// Says what serve would do with these settings, and tries Docker and each VPN; changes nothing
    Check(CheckArgs),
    /// Shows the VPNs, engines and streams of a running acefleet
    Status(StatusArgs),
    /// Writes one file for a bug report: settings without secrets, state, journal, log and metrics
    Report(ReportArgs),
    /// Prints the OpenAPI document of the API
    Openapi(OpenapiArgs),
}

/// What `openapi` is told.
#[derive(Args, Clone, Copy, Debug)]
pub struct OpenapiArgs {
    /// That of the demo, with the routes by which things are broken
    #[arg(long)]
    pub demo: bool,
}

/// Where settings come from, beside the environment.
#[derive(Args, Clone, Debug)]
pub struct Given {
    /// The file of settings; otherwise `.env` in the working folder, if there is one
    #[arg(long, value_name = "PATH")]
    pub env_file: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
}

/// What `check` is told.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// Sends a test message to each receiver in NOTIFY_URLS, says what each answered, and checks nothing else
    #[arg(long)]
    pub notify: bool,
    /// Where settings come from.
    #[command(flatten)]
    pub given: Given,
}

/// What `status` is told.
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    /// Where acefleet answers; otherwise on this machine, on APP_PORT
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Looks again each second, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
    /// Tells the story of one engine, VPN or stream: what happened to it, why, and what comes next
    #[arg(long, value_name = "NAME", conflicts_with = "watch")]
    pub why: Option<String>,
    /// Prints what the API answers, as one JSON document
    #[arg(long)]
    pub json: bool,
    /// Where settings come from.
    #[command(flatten)]
    pub given: Given,
}

/// What `report` is told.
#[derive(Args, Clone, Debug)]
pub struct ReportArgs {
    /// Where acefleet answers; otherwise on this machine, on APP_PORT
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// The file to write, or - to print; otherwise acefleet-report-TIME.txt in the working folder
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,
    /// Where settings come from.
    #[command(flatten)]
    pub given: Given,
}

/// Where a running acefleet is asked.
fn whom(url: Option<&str>, settings: &Settings) -> String {
    url.map_or_else(|| format!("http://127.0.0.1:{}", settings.app_port), str::to_owned)
}

/// Everything that is wrong with the settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unusable(pub Vec<Problem>);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        writeln!(f, "acefleet cannot start with these settings ({count} to mend):")?;
        self.0.iter().try_for_each(|problem| writeln!(f, "  {problem}"))?;
        f.write_str("Every setting is explained in docs/configuration.md; `acefleet check` looks again.")
    }
}

impl Given {
    /// Reads the settings: what `serve` starts with is what `check` checks.
    pub fn settings(&self) -> Result<Settings, Unusable> {
        let sources = Sources::of_process(self.flags.given(), self.env_file.as_deref());
        let sources = sources.map_err(|problem| Unusable(vec![problem]))?;
        settings::read(&sources).map_err(Unusable)
    }
}

/// Prints a result. Whoever stopped reading it, like `head`, has what they wanted.
pub fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the result cannot be printed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Reads this process's command line. When there is nothing to do, what there is to say has been said, and
/// the exit code is returned.
pub fn parse() -> Result<Cli, ExitCode> {
    Cli::try_parse().map_err(|told| {
        // Nobody is left to be told that nothing can be printed.
        let _ = told.print();
        if told.use_stderr() { ExitCode::from(UNUSABLE) } else { ExitCode::SUCCESS }
    })
}
