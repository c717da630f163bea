//! Everything that can go wrong in the world, one closed list with a code for each.
//!
//! Only the list is here: what a fault does when it begins and ends is in `storm`, and what it means while it
//! lasts is wherever the world asks `lasts(fault)`.

use super::span::Span;
use control::ids::{ContainerId, VpnId};

/// One thing that goes wrong, and with whom.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fault {
    /// With one VPN.
    Vpn(VpnId, VpnFault),
    /// With one engine's container.
    Engine(ContainerId, EngineFault),
    /// With Docker.
    Docker(DockerFault),
    /// With the host and whatever else runs on it.
    Host(HostFault),
}

/// What can go wrong with a VPN.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum VpnFault {
    /// Its process dies; Docker has it back in less than a second (D4).
    Dies,
    /// A person kills the container, and starts it when the fault ends.
    Killed,
    /// A person stops the container, and starts it when the fault ends.
    Stopped,
    /// A person restarts the container.
    Restarted,
    /// A person removes the container, and runs a new one of the same name when the fault ends.
    Recreated,
    /// A person pauses the container, and resumes it when the fault ends.
    Paused,
    /// Its tunnel is lost while the container runs. A restart of the container may cure it early.
    TunnelLost,
    /// Its health check passes whatever happens.
    HealthLiesHealthy,
    /// Its health check fails whatever happens.
    HealthLiesUnhealthy,
    /// Its health check goes on passing for long after the tunnel is lost.
    HealthSlow,
    /// Its forwarded port changes, passing through none.
    PortChanges,
    /// Its forwarded port changes each minute.
    PortFlaps,
    /// It has no forwarded port.
    PortAbsent,
    /// A person restarts the container, and afterwards it has no forwarded port for a while.
    PortAbsentAfterRecovery,
    /// Its forwarded port changes, and its control server does not tell the port meanwhile.
    PortsLocked,
    /// Its control server lets nobody in.
    ServerUnauthorized,
    /// Its control server answers slowly, often too late.
    ServerSlow,
    /// Its control server is not there.
    ServerDown,
}

/// What can go wrong with an engine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum EngineFault {
    /// Its process dies.
    Crashes,
    /// A person kills its container, and leaves it like that.
    Killed,
    /// A person removes its container.
    Removed,
    /// Its process runs and answers nothing, until the fault ends or the container is restarted.
    Hangs,
    /// Its process dies soon after each start.
    CrashLoops,
    /// It answers, and reaches nothing beyond its VPN.
    Disconnected,
}

/// What can go wrong with Docker.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DockerFault {
    /// It answers slowly, at times too late.
    Slow,
    /// It takes calls and does nothing about them until the fault ends; then it carries all of them out. What
    /// it does of its own accord, it goes on doing.
    Frozen,
    /// It breaks all connections and takes no new ones.
    Refuses,
    /// The event stream is cut, and what happens until it is open again goes unheard.
    StreamCut,
    /// It answers many a call with an error, and carries it out all the same.
    DeniesAndDoes,
}

/// What can go wrong with the host and whatever else runs on it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum HostFault {
    /// The host's uplink is lost, and all tunnels with it.
    UplinkLost,
    /// Engines that start while it lasts take long to boot.
    SlowBoots,
    /// Acefleet reaches no engine, though everybody else does.
    CutOff,
    /// Somebody else's container takes the lowest free engine name.
    ForeignAppears,
    /// Somebody else's container goes.
    ForeignGoes,
    /// Another orchestrator starts, and removes every container of ours.
    RivalStarts,
    /// Somebody runs an engine with our label, and without any that tells of an operation.
    RivalCreates,
    /// The image that engines are created from is missing.
    ImageGone,
}

/// A fault without its subject, for tables.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(missing_docs, reason = "as in `Fault`")]
pub enum FaultKind {
    Vpn(VpnFault),
    Engine(EngineFault),
    Docker(DockerFault),
    Host(HostFault),
}

impl FaultKind {
    /// Every kind there is; the core treats them all.
    pub const TREATED: [Self; 37] = [
        Self::Vpn(VpnFault::Dies),
        Self::Vpn(VpnFault::Killed),
        Self::Vpn(VpnFault::Stopped),
        Self::Vpn(VpnFault::Restarted),
        Self::Vpn(VpnFault::Recreated),
        Self::Vpn(VpnFault::Paused),
        Self::Vpn(VpnFault::TunnelLost),
        Self::Vpn(VpnFault::HealthLiesHealthy),
        Self::Vpn(VpnFault::HealthLiesUnhealthy),
        Self::Vpn(VpnFault::HealthSlow),
        Self::Vpn(VpnFault::PortChanges),
        Self::Vpn(VpnFault::PortFlaps),
        Self::Vpn(VpnFault::PortAbsent),
        Self::Vpn(VpnFault::PortAbsentAfterRecovery),
        Self::Vpn(VpnFault::PortsLocked),
        Self::Vpn(VpnFault::ServerUnauthorized),
        Self::Vpn(VpnFault::ServerSlow),
        Self::Vpn(VpnFault::ServerDown),
        Self::Engine(EngineFault::Crashes),
        Self::Engine(EngineFault::Killed),
        Self::Engine(EngineFault::Removed),
        Self::Engine(EngineFault::Hangs),
        Self::Engine(EngineFault::CrashLoops),
        Self::Engine(EngineFault::Disconnected),
        Self::Docker(DockerFault::Slow),
        Self::Docker(DockerFault::Frozen),
        Self::Docker(DockerFault::Refuses),
        Self::Docker(DockerFault::StreamCut),
        Self::Docker(DockerFault::DeniesAndDoes),
        Self::Host(HostFault::UplinkLost),
        Self::Host(HostFault::SlowBoots),
        Self::Host(HostFault::CutOff),
        Self::Host(HostFault::ForeignAppears),
        Self::Host(HostFault::ForeignGoes),
        Self::Host(HostFault::RivalStarts),
        Self::Host(HostFault::RivalCreates),
        Self::Host(HostFault::ImageGone),
    ];

    /// Four letters that name it in a table and in the trace.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Vpn(VpnFault::Dies) => "vdie",
            Self::Vpn(VpnFault::Killed) => "vkil",
            Self::Vpn(VpnFault::Stopped) => "vsto",
            Self::Vpn(VpnFault::Restarted) => "vres",
            Self::Vpn(VpnFault::Recreated) => "vrec",
            Self::Vpn(VpnFault::Paused) => "vpau",
            Self::Vpn(VpnFault::TunnelLost) => "tlos",
            Self::Vpn(VpnFault::HealthLiesHealthy) => "hli+",
            Self::Vpn(VpnFault::HealthLiesUnhealthy) => "hli-",
            Self::Vpn(VpnFault::HealthSlow) => "hslo",
            Self::Vpn(VpnFault::PortChanges) => "pchg",
            Self::Vpn(VpnFault::PortFlaps) => "pfla",
            Self::Vpn(VpnFault::PortAbsent) => "pabs",
            Self::Vpn(VpnFault::PortAbsentAfterRecovery) => "prec",
            Self::Vpn(VpnFault::PortsLocked) => "ploc",
            Self::Vpn(VpnFault::ServerUnauthorized) => "s401",
            Self::Vpn(VpnFault::ServerSlow) => "sslo",
            Self::Vpn(VpnFault::ServerDown) => "sdow",
            Self::Engine(EngineFault::Crashes) => "ecra",
            Self::Engine(EngineFault::Killed) => "ekil",
            Self::Engine(EngineFault::Removed) => "erem",
            Self::Engine(EngineFault::Hangs) => "ehun",
            Self::Engine(EngineFault::CrashLoops) => "eloo",
            Self::Engine(EngineFault::Disconnected) => "edis",
            Self::Docker(DockerFault::Slow) => "dslo",
            Self::Docker(DockerFault::Frozen) => "dfro",
            Self::Docker(DockerFault::Refuses) => "dref",
            Self::Docker(DockerFault::StreamCut) => "dcut",
            Self::Docker(DockerFault::DeniesAndDoes) => "dden",
            Self::Host(HostFault::UplinkLost) => "upli",
            Self::Host(HostFault::SlowBoots) => "slow",
            Self::Host(HostFault::CutOff) => "cuto",
            Self::Host(HostFault::ForeignAppears) => "fore",
            Self::Host(HostFault::ForeignGoes) => "fgoe",
            Self::Host(HostFault::RivalStarts) => "rsta",
            Self::Host(HostFault::RivalCreates) => "rcre",
            Self::Host(HostFault::ImageGone) => "imag",
        }
    }

    /// How long it lasts; `None` for what is over as soon as it has happened.
    ///
    /// The lower ends keep a fault from flapping faster than anything outside a laboratory does; the upper
    /// ends are past the longest wait of the core that the fault can exercise.
    pub const fn lasts(self) -> Option<Span> {
        match self {
            Self::Vpn(fault) => match fault {
                VpnFault::Dies | VpnFault::Restarted | VpnFault::PortChanges => None,
                VpnFault::Killed | VpnFault::Stopped => Some(Span::secs(2, 400)),
                VpnFault::Recreated => Some(Span::secs(1, 120)),
                VpnFault::Paused => Some(Span::secs(5, 300)),
                VpnFault::TunnelLost => Some(Span::secs(3, 400)),
                VpnFault::HealthLiesHealthy | VpnFault::HealthLiesUnhealthy => Some(Span::secs(20, 300)),
                VpnFault::HealthSlow => Some(Span::secs(60, 600)),
                VpnFault::PortAbsent | VpnFault::PortAbsentAfterRecovery => Some(Span::secs(10, 300)),
                VpnFault::PortFlaps => Some(Span::secs(120, 1_500)),
                VpnFault::PortsLocked => Some(Span::secs(2, 60)),
                VpnFault::ServerUnauthorized | VpnFault::ServerSlow | VpnFault::ServerDown => {
                    Some(Span::secs(10, 300))
                }
            },
            Self::Engine(fault) => match fault {
                EngineFault::Crashes | EngineFault::Killed | EngineFault::Removed => None,
                EngineFault::Hangs | EngineFault::CrashLoops | EngineFault::Disconnected => {
                    Some(Span::secs(10, 300))
                }
            },
            Self::Docker(fault) => match fault {
                DockerFault::Slow | DockerFault::DeniesAndDoes => Some(Span::secs(10, 180)),
                DockerFault::Frozen => Some(Span::secs(3, 120)),
                DockerFault::Refuses => Some(Span::secs(1, 90)),
                DockerFault::StreamCut => Some(Span::secs(1, 60)),
            },
            Self::Host(fault) => match fault {
                HostFault::UplinkLost => Some(Span::secs(5, 300)),
                HostFault::SlowBoots => Some(Span::secs(30, 300)),
                HostFault::CutOff => Some(Span::secs(10, 600)),
                HostFault::ImageGone => Some(Span::secs(10, 600)),
                HostFault::ForeignAppears
                | HostFault::ForeignGoes
                | HostFault::RivalStarts
                | HostFault::RivalCreates => None,
            },
        }
    }
}

impl Fault {
    /// What kind of fault it is, whoever it befalls.
    pub const fn kind(self) -> FaultKind {
        match self {
            Self::Vpn(_, fault) => FaultKind::Vpn(fault),
            Self::Engine(_, fault) => FaultKind::Engine(fault),
            Self::Docker(fault) => FaultKind::Docker(fault),
            Self::Host(fault) => FaultKind::Host(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_kinds_share_a_code() {
        let kinds = FaultKind::TREATED.iter();
        let codes: BTreeSet<&str> = kinds.clone().map(|kind| kind.code()).collect();

        assert_eq!(codes.len(), kinds.count());
        assert!(codes.iter().all(|code| code.len() == 4));
    }
}
