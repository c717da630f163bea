//! Liveness: what has not come to be as it should, and why. Asked once faults have stopped.

use crate::run::Run;
use control::policy::ports::http_range;
use control::policy::scaling;
use std::collections::BTreeSet;

/// What is still to come; `None` when the fleet is as it should be.
pub fn pending(run: &Run) -> Option<String> {
    let Some(control) = run.control() else { return Some("acefleet does not run".into()) };
    let world = run.world();
    let settings = control.settings();
    let snapshot = control.snapshot();
    if !snapshot.ready || !snapshot.docker_reachable {
        return Some("acefleet has not had a complete look".into());
    }
    if let Some(vpn) = snapshot.vpns.iter().find(|vpn| vpn.verdict != control::vpn::Verdict::Healthy) {
        return Some(format!("VPN {} is {:?}: {:?}", vpn.container_name, vpn.verdict, vpn.doubt));
    }
    if snapshot.emergency.entered_at.is_some() {
        return Some("emergency holds though every VPN is healthy".into());
    }
    if let Some(engine) = snapshot.engines.iter().find(|engine| !offered(engine)) {
        return Some(format!("{} is hidden: {:?}", engine.container_name, engine.standing));
    }
    let limit = scaling::limit(settings);
    let wanted = scaling::desired(settings, snapshot.capacity.used, false, limit);
    let expected = wanted.min(room(control));
    if snapshot.engines.len() < expected {
        return Some(format!("{} engines serve of {expected}", snapshot.engines.len()));
    }
    let truly = |engine: &&control::snapshot::EngineView| !world.truth_reachable(engine.container_id);
    if let Some(engine) = snapshot.engines.iter().find(truly) {
        return Some(format!("{} is offered and unreachable", engine.container_name));
    }
    let known: BTreeSet<_> = control.engines().map(|engine| engine.id).collect();
    if let Some(leaked) = world.containers().find(|found| found.ours() && !known.contains(&found.id())) {
        return Some(format!("{} exists and acefleet does not know it", leaked.name()));
    }
    let unsettled = control.operations().creates().next();
    unsettled.map(|(op, create)| format!("operation {op} that creates {} is not settled", create.name))
}

fn offered(engine: &control::snapshot::EngineView) -> bool {
    engine.standing == control::policy::offering::Standing::Offered
}

/// Engines there are ports for that nobody else publishes.
fn room(control: &control::Control) -> usize {
    let settings = control.settings();
    if settings.vpns.is_empty() {
        return settings.port_range_host.len();
    }
    let vpns = control.snapshot().vpns;
    vpns.iter().flat_map(|vpn| http_range(Some(vpn.id), settings)).collect::<BTreeSet<_>>().len()
}
