//! The program's entry: reads the command line and the settings, and hands them to whoever was asked for.

use acefleet::cli::{self, Command, Given};
use acefleet::settings::Settings;
use acefleet::{api, log, serve};
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = match cli::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    match cli.command {
        Command::Serve(given) => {
            with(&given, async |settings| {
                log::begin(&settings.log);
                match serve::serve(settings).await {
                    Ok(()) => ExitCode::SUCCESS,
                    Err(problem) => {
                        eprintln!("{problem}");
                        ExitCode::FAILURE
                    }
                }
            })
            .await
        }
        Command::Check(given) => {
            with(&given, async |settings| {
                let report = serve::check(&settings).await;
                print!("{report}");
                if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
            })
            .await
        }
        Command::Status(arguments) => {
            with(&arguments.given, async |settings| cli::status::status(&arguments, &settings).await).await
        }
        Command::Openapi => match api::openapi(&api::More::none()).to_pretty_json() {
            Ok(document) => cli::print(&format!("{document}\n")),
            Err(error) => {
                eprintln!("the document cannot be written: {error}");
                ExitCode::FAILURE
            }
        },
    }
}

/// Goes on with the settings, if they can be meant.
async fn with(given: &Given, go_on: impl AsyncFnOnce(Settings) -> ExitCode) -> ExitCode {
    match given.settings() {
        Ok(settings) => go_on(settings).await,
        Err(unusable) => {
            eprintln!("{unusable}");
            ExitCode::from(cli::UNUSABLE)
        }
    }
}
