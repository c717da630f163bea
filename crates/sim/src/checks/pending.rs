//! Liveness: what has not come to be as it should, and why. Asked once faults have stopped.

use crate::run::Run;
use control::docker::State;
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
    for vpn in &snapshot.vpns {
        let Some(port) = vpn.forwarded_port.filter(|_| !vpn.port_flaps) else { continue };
        let on_it = |engine: &&control::snapshot::EngineView| {
            engine.vpn.as_ref().is_some_and(|(id, _)| *id == vpn.id)
        };
        let carriers = snapshot.engines.iter().filter(on_it).filter(|engine| engine.p2p_port == Some(port));
        // Nobody goes for it whom somebody watches.
        let settings = control.settings();
        let place = &settings.vpns[vpn.id.index()];
        let there = || control.engines().filter(|engine| engine.seat.vpn() == Some(vpn.id));
        let full = place.ports.as_ref().is_some_and(|ports| there().count() >= ports.len());
        let no_seat = snapshot.engines.len() >= limit || full;
        let waits = no_seat && there().all(|engine| engine.is_used(run.now()));
        if carriers.count() != 1 && vpn.engines > 0 && !waits {
            return Some(format!("port {port} of VPN {} has no carrier", vpn.container_name));
        }
    }
    if let Some(lopsided) = out_of_balance(&snapshot, settings) {
        return Some(lopsided);
    }
    let truly = |engine: &&control::snapshot::EngineView| !world.truth_reachable(engine.container_id);
    if let Some(engine) = snapshot.engines.iter().find(truly) {
        return Some(format!("{} is offered and unreachable", engine.container_name));
    }
    if let Some(reason) = viewers(run, &snapshot) {
        return Some(reason);
    }
    let known: BTreeSet<_> = control.engines().map(|engine| engine.id).collect();
    if let Some(leaked) = world.containers().find(|found| found.ours() && !known.contains(&found.id())) {
        return Some(format!("{} exists and acefleet does not know it", leaked.name()));
    }
    let unsettled = control.operations().creates().next();
    if let Some((op, create)) = unsettled {
        return Some(format!("operation {op} that creates {} is not settled", create.name));
    }
    if let Some((op, create)) = control.operations().other_creates().next() {
        return Some(format!("operation {op} that creates {} is not settled", create.name));
    }
    let unstarted = |found: &&control::snapshot::ContainerView| found.state == State::Created;
    let unstarted = snapshot.containers.iter().find(unstarted);
    unstarted.map(|found| format!("{} was created, and is neither started nor removed", found.name))
}

/// Two VPNs differ by two engines or more, and the emptier has room.
fn out_of_balance(snapshot: &control::Snapshot, settings: &control::Settings) -> Option<String> {
    let has_room = |vpn: &&control::snapshot::VpnView| {
        let ports = http_range(Some(vpn.id), settings).len();
        let shared = settings.vpns[vpn.id.index()].ports.is_none();
        if shared { snapshot.engines.len() < ports } else { vpn.engines < ports }
    };
    let emptier = snapshot.vpns.iter().filter(has_room).min_by_key(|vpn| vpn.engines)?;
    let fuller = snapshot.vpns.iter().max_by_key(|vpn| vpn.engines)?;
    // Engines with viewers are not moved, nor is the carrier.
    let movable = |engine: &control::snapshot::EngineView| {
        let there = engine.vpn.as_ref().is_some_and(|(vpn, _)| *vpn == fuller.id);
        there && engine.streams.is_empty() && !engine.forwarded
    };
    let movable = snapshot.engines.iter().any(movable);
    (movable && fuller.engines >= emptier.engines + 2).then(|| {
        let (fuller, emptier) = (fuller, emptier);
        format!(
            "{} has {} engines and {} has {}",
            fuller.container_name, fuller.engines, emptier.container_name, emptier.engines
        )
    })
}

/// A viewer plays if a seat exists, and one who plays sees something.
fn viewers(run: &Run, snapshot: &control::snapshot::Snapshot) -> Option<String> {
    let (world, settings) = (run.world(), &run.world().plan().settings);
    // Those who come and go are never all served at one moment.
    if !world.audience_is_settled() {
        return None;
    }
    let seat =
        |engine: &&control::snapshot::EngineView| engine.streams.len() < settings.max_streams_per_engine;
    let seat = snapshot.engines.iter().any(|engine| seat(&engine));
    for (viewer, viewing) in world.viewings() {
        match viewing.session {
            Some(session) if !world.delivers(session) => {
                return Some(format!("viewer {} is sent a session that delivers nothing", viewer.0));
            }
            None if seat => return Some(format!("viewer {} waits, and there is a seat", viewer.0)),
            Some(_) | None => {}
        }
    }
    let crowded = snapshot.engines.iter().find(|engine| {
        let proxied = |stream: &&std::sync::Arc<control::snapshot::StreamView>| {
            stream.ended.is_none()
                && stream.origin == control::stream::Origin::Proxied
                && stream.engine.is_some_and(|(id, _)| id == engine.container_id)
        };
        let mine = snapshot.streams.iter().filter(proxied).count();
        engine.streams.len() > settings.max_streams_per_engine && mine > 0
    });
    let crowded = crowded.filter(|_| {
        snapshot.engines.iter().any(|engine| engine.streams.is_empty()) && settings.max_streams_per_engine > 0
    });
    crowded.map(|engine| format!("{} plays too many streams, and there is a seat", engine.container_name))
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
