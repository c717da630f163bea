//! `acefleet check --notify`: sends each receiver of alerts one test message, and tells what each answered.

use super::report::Report;
use crate::driver::clock::Clock;
use crate::notify::try_each;
use crate::settings::Settings;
use crate::settings::words::shown;

/// Tries every receiver once, all at the same time.
pub async fn check(settings: &Settings) -> Report {
    let mut report = Report::default();
    report.part("Receivers of alerts");
    if settings.notify.targets.is_empty() {
        report.fail("there are none", "set NOTIFY_URLS; docs/alerts.md has an example of each kind");
        return report;
    }
    if let Some(wrong) = &settings.notify.authorities_unread {
        report.fail(wrong, "correct SSL_CERT_FILE, or take it away");
    }
    for tried in try_each(&settings.notify, Clock::start().now()).await {
        let target = shown(&tried.target.to_string());
        match tried.came_out {
            Ok(status) => report.ok(format!("{target} answers {status}: the test should have arrived")),
            Err(why) => report.fail(
                format!("{target}: {why}"),
                "compare its address with the receiver's own documentation and docs/alerts.md",
            ),
        }
    }
    report
}
