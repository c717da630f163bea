//! What befalls somebody in a story: one sentence each for what people, processes and networks do.
//!
//! What lasts, lasts until the story says otherwise, or for the time it names.

use super::Story;
use crate::world::{Deed, DockerFault, EngineFault, Fault, HostFault, Making, VpnFault, Work, channel};
use control::command::{Create, Ports};
use control::ids::{ContainerId, Name, OpId, SpecHash, ViewerId, VpnId};
use control::policy::naming;
use control::request::Request;
use std::time::Duration;

/// Until the story says otherwise.
const LASTING: Duration = Duration::from_secs(1_000_000_000);

impl Story {
    /// Something goes wrong, until it is told to end.
    pub fn begins(&mut self, fault: Fault) {
        self.lasts_for(fault, LASTING);
    }

    /// Something goes wrong for `time`.
    pub fn lasts_for(&mut self, fault: Fault, time: Duration) {
        let befell = self.world_mut().inject_for(fault, time);
        assert!(befell, "{fault:?} cannot befall anybody now");
        self.look();
    }

    /// What went wrong is over.
    pub fn ends(&mut self, fault: Fault) {
        assert!(self.world().lasts(fault), "{fault:?} does not last");
        self.world_mut().end(fault);
        self.look();
    }

    /// The host loses its uplink, and with it every tunnel.
    pub fn the_uplink_is_lost(&mut self) {
        self.begins(Fault::Host(HostFault::UplinkLost));
    }

    /// A viewer of the proxy comes to watch this channel.
    pub fn somebody_watches(&mut self, number: u64) -> ViewerId {
        let viewer = self.world_mut().viewer_comes(channel(number));
        self.look();
        viewer
    }

    /// He leaves.
    pub fn he_leaves(&mut self, viewer: ViewerId) {
        self.world_mut().viewer_leaves(viewer);
        self.look();
    }

    /// Another program asks for something.
    pub fn another_program_tells(&mut self, what: Request) {
        self.world_mut().post_request(what);
        self.look();
    }

    /// The uplink is back.
    pub fn the_uplink_is_back(&mut self) {
        self.ends(Fault::Host(HostFault::UplinkLost));
    }

    /// Somebody runs a container of his own under this name.
    pub fn somebody_runs(&mut self, name: &str) {
        let making = Making::Foreign(Name::from(name), None);
        self.by_hand(Deed::Make(making));
    }

    /// Somebody creates an engine of ours by hand and starts it: see [`Story::somebody_creates_an_engine`].
    pub fn somebody_runs_an_engine(&mut self, number: u32, vpn: Option<VpnId>, http: u16) {
        self.somebody_creates_an_engine(number, vpn, http);
        let id = self.engine(number).id();
        self.by_hand(Deed::To(id, Work::Start));
    }

    /// Somebody creates an engine of ours by hand, with this number, where and with the HTTP port that he
    /// likes. Its label names an operation that nobody remembers.
    pub fn somebody_creates_an_engine(&mut self, number: u32, vpn: Option<VpnId>, http: u16) {
        let create = Create {
            wanted: None,
            name: engine_name(number),
            vpn,
            ports: Ports { http, https: None, p2p: None },
            spec: SpecHash(0),
        };
        self.by_hand(Deed::Make(Making::Engine(create, OpId { life: 0, seq: number.into() })));
    }

    fn by_hand(&mut self, deed: Deed) {
        let ticket = self.world_mut().by_hand(deed);
        self.until("a person has his way", |story| story.world().is_over(ticket));
    }
}

/// What befalls one VPN.
pub struct VpnActs<'a> {
    story: &'a mut Story,
    vpn: VpnId,
}

impl<'a> VpnActs<'a> {
    pub(super) const fn new(story: &'a mut Story, vpn: VpnId) -> Self {
        Self { story, vpn }
    }

    /// It suffers from this, until it recovers.
    pub fn suffers_from(self, fault: VpnFault) {
        self.story.begins(Fault::Vpn(self.vpn, fault));
    }

    /// It suffers from this for `time`.
    pub fn suffers_for(self, time: Duration, fault: VpnFault) {
        self.story.lasts_for(Fault::Vpn(self.vpn, fault), time);
    }

    /// It suffers from this no longer.
    pub fn recovers_from(self, fault: VpnFault) {
        self.story.ends(Fault::Vpn(self.vpn, fault));
    }

    /// Its forwarded port changes to this one at once.
    pub fn forwards(self, port: u16) {
        self.story.world_mut().forward(self.vpn, port);
    }

    /// Its process dies, and Docker has it back in less than a second (D4).
    pub fn dies_by_itself(self) {
        self.suffers_from(VpnFault::Dies);
    }

    /// `docker kill`: it stays down until a person starts it.
    pub fn is_killed(self) {
        self.suffers_from(VpnFault::Killed);
    }

    /// A person starts it after it was killed.
    pub fn is_started_again(self) {
        self.recovers_from(VpnFault::Killed);
    }

    /// `docker stop`: it stays down until that person starts it.
    pub fn is_stopped_by_a_person(self) {
        self.suffers_from(VpnFault::Stopped);
    }

    /// The person who stopped it starts it.
    pub fn is_started_by_that_person(self) {
        self.recovers_from(VpnFault::Stopped);
    }

    /// A person removes it, and runs a new one of its name as soon as it is gone.
    pub fn is_recreated(self) {
        self.suffers_for(Duration::from_secs(1), VpnFault::Recreated);
    }

    /// A person pauses it.
    pub fn is_paused(self) {
        self.suffers_from(VpnFault::Paused);
    }

    /// A person resumes it.
    pub fn is_resumed(self) {
        self.recovers_from(VpnFault::Paused);
    }

    /// Its tunnel is lost while the container runs.
    pub fn loses_its_tunnel(self) {
        self.suffers_from(VpnFault::TunnelLost);
    }

    /// What kept its tunnel down is gone.
    pub fn gets_its_tunnel_back(self) {
        self.recovers_from(VpnFault::TunnelLost);
    }

    /// Its health check fails whatever the tunnel does.
    pub fn looks_unhealthy(self) {
        self.suffers_from(VpnFault::HealthLiesUnhealthy);
    }

    /// Its health check tells the truth again.
    pub fn looks_unhealthy_no_more(self) {
        self.recovers_from(VpnFault::HealthLiesUnhealthy);
    }

    /// Its health check passes whatever the tunnel does.
    pub fn looks_healthy_whatever_happens(self) {
        self.suffers_from(VpnFault::HealthLiesHealthy);
    }
}

/// What befalls one engine.
pub struct EngineActs<'a> {
    story: &'a mut Story,
    name: Name,
}

impl<'a> EngineActs<'a> {
    pub(super) fn new(story: &'a mut Story, number: u32) -> Self {
        Self { story, name: engine_name(number) }
    }

    /// The container that has its name.
    pub fn id(&self) -> ContainerId {
        let found = self.story.world().container_named(&self.name);
        found.unwrap_or_else(|| panic!("there is no {}", self.name)).id()
    }

    /// Its process dies.
    pub fn crashes(self) {
        self.suffers_from(EngineFault::Crashes);
    }

    /// Somebody watches a stream on it by another program, which tells of it and never ends it.
    pub fn is_watched(self) {
        let id = self.id();
        self.story.world_mut().watch_from_elsewhere(id);
    }

    /// A person stops it.
    pub fn is_stopped_by_a_person(self) {
        let id = self.id();
        self.story.by_hand(Deed::To(id, Work::Stop(Duration::ZERO)));
    }

    /// A person removes its container.
    pub fn is_removed_by_a_person(self) {
        let id = self.id();
        self.story.by_hand(Deed::To(id, Work::Remove));
    }

    /// It suffers from this, until it recovers.
    pub fn suffers_from(self, fault: EngineFault) {
        let id = self.id();
        self.story.begins(Fault::Engine(id, fault));
    }

    /// It suffers from this no longer.
    pub fn recovers_from(self, fault: EngineFault) {
        let id = self.id();
        self.story.ends(Fault::Engine(id, fault));
    }

    /// One of its labels says something else from now on, or is missing: as no Docker does, but as another
    /// version of acefleet, or another program, might have left it.
    pub fn has_label(self, key: &str, value: Option<&str>) {
        let id = self.id();
        self.story.world_mut().relabel(id, key, value);
    }
}

/// What befalls Docker.
pub struct DockerActs<'a> {
    story: &'a mut Story,
}

impl<'a> DockerActs<'a> {
    pub(super) const fn new(story: &'a mut Story) -> Self {
        Self { story }
    }

    /// It takes calls and does nothing about them, until it thaws and carries all of them out.
    pub fn freezes_for(self, time: Duration) {
        self.suffers_for(time, DockerFault::Frozen);
    }

    /// It breaks all connections and takes no new ones.
    pub fn refuses_everybody_for(self, time: Duration) {
        self.suffers_for(time, DockerFault::Refuses);
    }

    /// Its event stream is cut, and what happens meanwhile goes unheard.
    pub fn loses_its_events_for(self, time: Duration) {
        self.suffers_for(time, DockerFault::StreamCut);
    }

    /// It answers with errors, and does what it was asked all the same.
    pub fn denies_what_it_does_for(self, time: Duration) {
        self.suffers_for(time, DockerFault::DeniesAndDoes);
    }

    /// It suffers from this for `time`.
    pub fn suffers_for(self, time: Duration, fault: DockerFault) {
        self.story.lasts_for(Fault::Docker(fault), time);
    }
}

/// What befalls acefleet itself.
pub struct AcefleetActs<'a> {
    story: &'a mut Story,
}

impl<'a> AcefleetActs<'a> {
    pub(super) const fn new(story: &'a mut Story) -> Self {
        Self { story }
    }

    /// It dies without a word. What it has sent is carried out all the same (D1).
    pub fn crashes(self) {
        self.story.run.crash();
        self.story.look();
    }

    /// It is told to exit, and does. True if nothing that it waits for was left within `patience`.
    pub fn leaves(self, stop_engines: bool, patience: Duration) -> bool {
        let left = self.story.run.leave(stop_engines, patience);
        self.story.look();
        left
    }

    /// The core breaks over something, and another is built in its place at once.
    pub fn is_rebuilt(self) {
        self.story.run.rebuild();
        self.story.look();
    }

    /// It is started, remembering nothing.
    pub fn is_started(self) {
        self.story.run.begin_life();
        self.story.look();
    }

    /// It is started with another image or command than before, remembering nothing.
    pub fn is_started_after_an_upgrade(self) {
        self.story.run.upgrade();
        self.is_started();
    }

    /// It crashes, and is started again after `downtime`.
    pub fn is_away_for(self, downtime: Duration) {
        let story = self.story;
        story.acefleet().crashes();
        story.pass(downtime);
        story.acefleet().is_started();
    }
}

fn engine_name(number: u32) -> Name {
    let name = Name::from(format!("acestream-{number}").as_str());
    debug_assert_eq!(naming::number(&name), Some(number));
    name
}
