//! `acefleet check` with real parts: the Docker and the control servers that `serve` would use, asked and not told.

use super::place;
use crate::cli::check::{ControlServers, check as look};
use crate::cli::report::Report;
use crate::dial::Ways;
use crate::docker::Docker;
use crate::gluetun::Gluetun;
use crate::runtime::{Inspected, Runtime};
use crate::settings::Settings;
use control::command::Question;
use control::event::Outcome;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long it may take to find out which networks this container is on. Without that Docker's DNS is asked.
const FIND_OUT_MAX: Duration = Duration::from_secs(5);

struct Servers {
    gluetun: Gluetun,
    ways: Arc<Ways>,
}

impl ControlServers for Servers {
    async fn ask(&self, vpn: &Inspected, question: Question) -> Outcome {
        self.ways.learn(vpn);
        self.gluetun.ask(&vpn.facts.listed.name, question).await
    }
}

/// Looks at everything that `serve` would use.
pub async fn check(settings: &Settings) -> Report {
    let docker = Arc::new(Docker::new(&settings.docker, settings.engine.label.clone()));
    let ways = place::ways(&settings.docker);
    if place::in_container() && matches!(timeout(FIND_OUT_MAX, docker.ping()).await, Ok(Ok(()))) {
        // What it has not found out by then it does without.
        let _ = timeout(FIND_OUT_MAX, place::find_out(docker.clone(), ways.clone())).await;
    }
    let gluetun = Gluetun::new(settings.gluetun.clone(), ways.clone());
    look(settings, &*docker, &Servers { gluetun, ways }).await
}
