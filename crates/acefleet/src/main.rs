//! The program's entry: reads the command line and the settings, and hands them to whoever was asked for.

use acefleet::cli::{self, Command, Given};
use acefleet::settings::Settings;
use acefleet::{api, demo, log, serve};
use std::process::ExitCode;
use std::time::Duration;
use tokio::runtime::Runtime;

/// What hangs on a disk or a resolver gets so long at the end, and no longer: nobody waits for its answer any more.
const LEFTOVERS_MAX: Duration = Duration::from_secs(1);

/// What has been logged is written, however the program ends.
struct LastWords;

impl Drop for LastWords {
    fn drop(&mut self) {
        log::finish();
    }
}

fn main() -> ExitCode {
    let _last_words = LastWords;
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the system gives no threads to run on: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(run());
    runtime.shutdown_timeout(LEFTOVERS_MAX);
    code
}

async fn run() -> ExitCode {
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
                        log::finish();
                        eprintln!("{problem}");
                        ExitCode::FAILURE
                    }
                }
            })
            .await
        }
        Command::Check(arguments) => {
            with(&arguments.given, async |settings| {
                let report = if arguments.notify {
                    cli::notify::check(&settings).await
                } else {
                    serve::check(&settings).await
                };
                print!("{report}");
                if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
            })
            .await
        }
        Command::Status(arguments) => {
            with(&arguments.given, async |settings| cli::status::status(&arguments, &settings).await).await
        }
        Command::Report(arguments) => {
            with(&arguments.given, async |settings| cli::bug_report::report(&arguments, &settings).await)
                .await
        }
        Command::Demo(arguments) => demo::demo(&arguments).await,
        Command::Openapi(which) => {
            let more = if which.demo { demo::more_routes() } else { api::More::none() };
            match api::openapi(&more).to_pretty_json() {
                Ok(document) => cli::print(&format!("{document}\n")),
                Err(error) => {
                    eprintln!("the document cannot be written: {error}");
                    ExitCode::FAILURE
                }
            }
        }
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
