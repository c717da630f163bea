//! Decision checks: what the core does, against what it has been told.

use super::Found;
use super::told::{Exists, Told};
use control::command::{Create, CreateOther};
use control::ids::ContainerId;
use control::policy::naming;
use control::{Action, Cause, Command, Control, Settings, Time};
use std::collections::BTreeSet;
use std::time::Duration;

/// The next step about a hidden engine is never further off than this.
const NEXT_STEP_MAX: Duration = Duration::from_secs(3_600);

/// What must be so of a command, by what has been told before it.
pub(super) fn command(told: &Told, command: &Command, settings: &Settings) -> Found {
    match &command.action {
        Action::Create(create) => {
            name(told, create).or_else(|| limits(told, create, settings)).or_else(|| place(create, settings))
        }
        Action::CreateOther(create) => other(told, create),
        Action::Stop { id, .. } | Action::Remove(id) => carrier(told, *id, command.cause),
        Action::Ping
        | Action::List
        | Action::Inspect(_)
        | Action::Start(_)
        | Action::Restart { .. }
        | Action::ClearCache(_)
        | Action::Tell { .. }
        | Action::Open { .. }
        | Action::AskSession { .. }
        | Action::Close { .. }
        | Action::Probe { .. }
        | Action::Ask { .. } => None,
    }
}

/// S3: the name of a new container of another kind is free, and so are its ports, as far as was told.
fn other(told: &Told, create: &CreateOther) -> Found {
    let surely = told.containers.values().filter(|known| known.exists == Exists::Surely);
    let open = told.open_other_creates().map(|open| &open.name);
    if surely.map(|known| &known.name).chain(open).any(|name| name == &create.name) {
        return Some(("S3", format!("{} is created, and that name is held", create.name)));
    }
    let mut ports: Vec<_> = create.ports.iter().map(|(_, outside)| *outside).collect();
    let open = told.open_creates().filter(|open| open.vpn.is_none()).map(|open| open.ports.http);
    let others = told.open_other_creates().flat_map(|open| open.ports.iter().map(|(_, outside)| *outside));
    ports.extend(open.chain(others));
    let port = create.ports.iter().find(|(_, port)| ports.iter().filter(|held| *held == port).count() > 1)?.1;
    Some(("S3", format!("{} is to publish port {port}, and that is held", create.name)))
}

/// S3 and S4: a new name is free, and its number the lowest that is.
fn name(told: &Told, create: &Create) -> Found {
    let open: Vec<_> = told.open_creates().map(|open| &open.name).collect();
    let unknown = told.unknown.values().map(|fate| &fate.name);
    let surely = told.containers.values().filter(|known| known.exists == Exists::Surely);
    let held = surely.map(|known| &known.name).chain(open.iter().copied());
    if held.clone().any(|name| name == &create.name) {
        return Some(("S3", format!("{} is created, and that name is held", create.name)));
    }
    let Some(number) = naming::number(&create.name) else {
        return Some(("S4", format!("{} is no name for an engine", create.name)));
    };
    let perhaps = told.containers.values().filter(|known| known.exists != Exists::No);
    let names = perhaps.map(|known| &known.name).chain(open.iter().copied()).chain(unknown);
    let held: BTreeSet<u32> = names.filter_map(naming::number).collect();
    let free = (1..number).find(|lower| !held.contains(lower))?;
    Some(("S4", format!("{} is created, though {free} is free", create.name)))
}

/// S5: no creation takes what exists above the limit.
fn limits(told: &Told, create: &Create, settings: &Settings) -> Found {
    let surely =
        |known: &&super::told::Known| known.ours && known.is_engine && known.exists == Exists::Surely;
    let open: Vec<_> = told.open_creates().map(|open| &open.name).collect();
    // A container that an open creation has already made is not counted twice.
    let exist = told.containers.values().filter(surely).filter(|known| !open.contains(&&known.name));
    let occupying = exist.count() + open.len();
    let limit = limit(settings);
    (occupying >= limit)
        .then(|| ("S5", format!("{} is created, and {occupying} of {limit} exist", create.name)))
}

/// The most containers that the operator allows, and there are ports for.
pub(super) fn limit(settings: &Settings) -> usize {
    if settings.vpns.is_empty() {
        return settings.max_replicas.min(settings.port_range_host.len());
    }
    let shared = 19_000..19_000 + settings.max_active_replicas;
    let ports: BTreeSet<usize> = settings
        .vpns
        .iter()
        .flat_map(|vpn| match &vpn.ports {
            Some(range) => usize::from(*range.start())..usize::from(*range.end()) + 1,
            None => shared.clone(),
        })
        .collect();
    settings.max_replicas.min(settings.max_active_replicas).min(ports.len())
}

/// S8: no engine that carries the port last read of its VPN is stopped or removed because a port changed.
fn carrier(told: &Told, id: ContainerId, cause: Cause) -> Found {
    // What has been stopped already cannot be called back.
    let known = told.containers.get(&id).filter(|known| !known.goes && goes_for_a_port(cause))?;
    let (_, vpn) = told.vpn_of(known)?;
    vpn.forwards(known.p2p)
        .then(|| ("S8", format!("{} carries its VPN's port, and is taken away for it", known.name)))
}

const fn goes_for_a_port(cause: Cause) -> bool {
    matches!(cause, Cause::Misported | Cause::CarrierCame)
}

/// S11: with VPNs configured, no engine is created outside one.
fn place(create: &Create, settings: &Settings) -> Found {
    let outside = create.vpn.is_none() && !settings.vpns.is_empty();
    outside.then(|| ("S11", format!("{} is created outside the VPNs", create.name)))
}

/// S2 and S16: what is offered may be, and what is not has a reason and a next step.
pub(super) fn offers(told: &Told, control: &Control, now: Time) -> Found {
    for engine in control.engines().filter(|engine| engine.is_engine()) {
        if control.offers(engine) {
            if let Some(why) = must_not_be_offered(told, engine.id) {
                return Some(("S2", format!("{} is offered, though {why}", engine.name)));
            }
            continue;
        }
        match control.next_step(engine) {
            // Nothing further is done about any engine.
            None if control.is_leaving() => {}
            None => return Some(("S16", format!("{} is hidden without a next step", engine.name))),
            Some(at) if at < now || at.since(now) > NEXT_STEP_MAX => {
                return Some(("S16", format!("{} is hidden, and the next step is at {at}", engine.name)));
            }
            Some(_) => {}
        }
    }
    None
}

/// S8: no engine that carries the port last read of its VPN has to go because a port changed.
pub(super) fn carriers_kept(told: &Told, control: &Control) -> Found {
    control.engines().find_map(|engine| {
        let leaves = engine.leaving.is_some_and(|leaving| goes_for_a_port(leaving.cause));
        if !leaves && !engine.condemned.is_some_and(goes_for_a_port) {
            return None;
        }
        let known = told.containers.get(&engine.id).filter(|known| !known.goes)?;
        let (_, vpn) = told.vpn_of(known)?;
        let goes = || ("S8", format!("{} carries its VPN's port, and goes for it", engine.name));
        vpn.forwards(known.p2p).then(goes)
    })
}

fn must_not_be_offered(told: &Told, engine: ContainerId) -> Option<&'static str> {
    let known = told.containers.get(&engine)?;
    if !known.runs {
        return Some("it was told not to run");
    }
    if told.vpns.is_empty() {
        return None;
    }
    let Some((_, vpn)) = told.vpn_of(known) else {
        return Some("it is in the network of no VPN");
    };
    if !vpn.runs {
        return Some("its VPN was told not to run");
    }
    (known.started_at <= vpn.started_at).then_some("it was started before its VPN was")
}
