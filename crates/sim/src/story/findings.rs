//! What must be so in a story. A finding that is not so panics, and says what is so instead.
//!
//! Findings about offers, verdicts and the journal ask what acefleet shows; findings about engines, and about
//! what has become of them in this chapter, ask what really exists.

use super::Story;
use super::ledger::Change;
use crate::world::Container;
use control::Time;
use control::ids::{ContainerId, Name, VpnId};
use control::labels;
use control::policy::naming;
use control::policy::offering::Standing;
use control::snapshot::{EngineView, Overall, Snapshot};
use control::vpn::Verdict;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::ops::RangeInclusive;

/// What must be so now, or come to be so by some time. Findings can be chained; each waits for its turn.
pub struct Finding<'a> {
    story: &'a mut Story,
    by: Time,
}

impl<'a> Finding<'a> {
    pub(super) const fn by(story: &'a mut Story, by: Time) -> Self {
        Self { story, by }
    }

    /// What a scenario alone wants to know.
    pub fn that(self, claim: impl Fn(&Story) -> Result<(), String>) -> Self {
        while let Err(wrong) = claim(self.story) {
            assert!(self.story.step_by(self.by), "{wrong}");
        }
        self
    }

    fn equal<T: PartialEq + Debug>(self, what: &str, found: impl Fn(&Story) -> T, expected: &T) -> Self {
        self.that(|story| {
            let found = found(story);
            if found == *expected { Ok(()) } else { Err(format!("{what}: {found:?} and not {expected:?}")) }
        })
    }

    // Offers.

    /// So many engines are offered.
    pub fn offered(self, count: usize) -> Self {
        self.equal("engines offered", |story| story.offered().count(), &count)
    }

    /// So many engines are offered on this VPN.
    pub fn offered_on(self, vpn: VpnId, count: usize) -> Self {
        let what = format!("engines offered on {}", self.story.name_of(vpn));
        self.equal(&what, |story| story.offered().filter(|id| story.is_seated(*id, vpn)).count(), &count)
    }

    /// No engine is offered on this VPN.
    pub fn nothing_is_offered_on(self, vpn: VpnId) -> Self {
        self.offered_on(vpn, 0)
    }

    /// The engine of this number is offered.
    pub fn offers_engine(self, number: u32) -> Self {
        self.standing(number, Some(true))
    }

    /// The engine of this number is shown, and is not offered.
    pub fn hides_engine(self, number: u32) -> Self {
        self.standing(number, Some(false))
    }

    /// The engine of this number is not offered, whether or not it is shown.
    pub fn is_not_offered(self, number: u32) -> Self {
        self.that(|story| match story.is_offered(number) {
            Some(true) => Err(format!("engine {number} is offered")),
            Some(false) | None => Ok(()),
        })
    }

    fn standing(self, number: u32, offered: Option<bool>) -> Self {
        self.equal(&format!("engine {number} is offered"), |story| story.is_offered(number), &offered)
    }

    /// Every engine that is offered is truly connected.
    pub fn whoever_is_offered_is_connected(self) -> Self {
        self.that(|story| match story.offered().find(|id| !story.world().truth_connected(*id)) {
            Some(id) => Err(format!("{id:?} is offered, and not connected")),
            None => Ok(()),
        })
    }

    // Viewers.

    /// So many viewers are sent a session that delivers.
    pub fn watching(self, count: usize) -> Self {
        self.equal("viewers who see something", |story| story.sights().filter(|sees| *sees).count(), &count)
    }

    /// So many viewers wait, or are sent something that delivers nothing.
    pub fn see_nothing(self, count: usize) -> Self {
        self.equal("viewers who see nothing", |story| story.sights().filter(|sees| !sees).count(), &count)
    }

    /// The proxy has so many sessions open, on whatever engine.
    pub fn sessions(self, count: usize) -> Self {
        self.equal("sessions of the proxy", |story| story.world().sessions_read(), &count)
    }

    /// So many streams are live, the proxy's and other programs'.
    pub fn live_streams(self, count: usize) -> Self {
        let live = |story: &Story| {
            let streams = story.snapshot().streams;
            streams.iter().filter(|stream| stream.ended.is_none()).count()
        };
        self.equal("streams that are live", live, &count)
    }

    /// No engine plays more streams than this.
    pub fn streams_each_at_most(self, most: usize) -> Self {
        self.that(|story| match story.snapshot().engines.iter().find(|engine| engine.streams.len() > most) {
            Some(engine) => Err(format!("{} plays {}", engine.container_name, engine.streams.len())),
            None => Ok(()),
        })
    }

    // VPNs and the whole.

    /// This VPN is healthy.
    pub fn is_healthy(self, vpn: VpnId) -> Self {
        self.verdict(vpn, Verdict::Healthy)
    }

    /// This VPN has failed.
    pub fn is_failed(self, vpn: VpnId) -> Self {
        self.verdict(vpn, Verdict::Failed)
    }

    /// This VPN has not been seen healthy yet.
    pub fn is_pending(self, vpn: VpnId) -> Self {
        self.verdict(vpn, Verdict::Pending)
    }

    fn verdict(self, vpn: VpnId, verdict: Verdict) -> Self {
        let what = format!("the verdict on {}", self.story.name_of(vpn));
        self.equal(&what, |story| story.snapshot().vpns[vpn.index()].verdict, &verdict)
    }

    /// Emergency holds.
    pub fn emergency_holds(self) -> Self {
        self.equal("emergency holds", |story| story.snapshot().emergency.entered_at.is_some(), &true)
    }

    /// Emergency does not hold.
    pub fn there_is_no_emergency(self) -> Self {
        self.equal("emergency holds", |story| story.snapshot().emergency.entered_at.is_some(), &false)
    }

    /// The whole is shown like this.
    pub fn overall(self, overall: Overall) -> Self {
        self.equal("the whole", |story| story.snapshot().overall, &overall)
    }

    // Engines that exist.

    /// So many engines exist, in any state.
    pub fn engines(self, count: usize) -> Self {
        self.equal("engines that exist", |story| story.engines().count(), &count)
    }

    /// No more engines exist than this, in any state.
    pub fn engines_at_most(self, count: usize) -> Self {
        self.that(|story| match story.engines().count() {
            found if found > count => Err(format!("{found} engines exist, of {count} at most")),
            _ => Ok(()),
        })
    }

    /// So many engines exist that belong to this VPN, in any state.
    pub fn engines_on(self, vpn: VpnId, count: usize) -> Self {
        let what = format!("engines that exist on {}", self.story.name_of(vpn));
        self.equal(&what, |story| story.engines_of(vpn).count(), &count)
    }

    /// The engines that exist are numbered like this, without a gap.
    pub fn numbered(self, numbers: RangeInclusive<u32>) -> Self {
        self.numbers_are(&numbers.collect::<Vec<_>>())
    }

    /// The engines that exist have these numbers.
    pub fn numbers_are(self, numbers: &[u32]) -> Self {
        self.equal("numbers of the engines that exist", Story::numbers, &numbers.to_vec())
    }

    /// No engine that exists has a greater number.
    pub fn no_number_above(self, greatest: u32) -> Self {
        self.that(|story| match story.numbers().last() {
            Some(number) if *number > greatest => Err(format!("there is an engine of number {number}")),
            Some(_) | None => Ok(()),
        })
    }

    /// The engines of this VPN have these HTTP ports.
    pub fn http_ports_on(self, vpn: VpnId, ports: RangeInclusive<u16>) -> Self {
        let what = format!("HTTP ports on {}", self.story.name_of(vpn));
        let found = |story: &Story| {
            let ports = story.engines_of(vpn).filter_map(|engine| Some(engine.ports()?.http));
            ports.collect::<BTreeSet<_>>()
        };
        self.equal(&what, found, &ports.collect())
    }

    /// So many engines of this VPN have the port that is forwarded to it now.
    pub fn carriers_on(self, vpn: VpnId, count: usize) -> Self {
        let what = format!("carriers on {}", self.story.name_of(vpn));
        let found = |story: &Story| {
            let forwarded = story.world().truth_vpn(vpn).port;
            let p2p = |engine: &Container| engine.ports().and_then(|ports| ports.p2p);
            story.engines_of(vpn).filter(|engine| p2p(engine).is_some() && p2p(engine) == forwarded).count()
        };
        self.equal(&what, found, &count)
    }

    // What has become of them in this chapter.

    /// So many engines were created.
    pub fn created(self, count: usize) -> Self {
        self.equal("engines created", |story| story.changed(Change::is_creation).len(), &count)
    }

    /// So many engines were removed.
    pub fn removed(self, count: usize) -> Self {
        self.equal("engines removed", |story| story.changed(Change::is_removal).len(), &count)
    }

    /// So many engines that existed before were started again, once each, and exist.
    pub fn restarted_in_place(self, count: usize) -> Self {
        self.that(|story| {
            let restarts = story.restarts();
            let twice = restarts.iter().find(|(_, times)| *times > 1);
            if let Some((name, times)) = twice {
                return Err(format!("{name} was restarted {times} times"));
            }
            match restarts.len() {
                found if found == count => Ok(()),
                found => Err(format!("engines restarted: {found} and not {count}")),
            }
        })
    }

    /// No engine was started before the one that was started before it could be reached again.
    pub fn restarted_one_at_a_time(self) -> Self {
        self.that(|story| {
            let boot = story.world().plan().weather.engine_boot.most();
            let starts: Vec<_> = story.changes().filter(|change| change.is_start()).collect();
            let hasty = starts.windows(2).find(|pair| pair[1].at.since(pair[0].at) < boot);
            match hasty {
                Some([one, other]) => Err(format!("{} was started while {} booted", other.name, one.name)),
                Some(_) | None => Ok(()),
            }
        })
    }

    /// The engines that exist are the very containers that existed before.
    pub fn the_same_engines_as_before(self) -> Self {
        self.created(0).removed(0)
    }

    /// No engine was created, removed or started.
    pub fn no_engine_was_touched(self) -> Self {
        self.the_same_engines_as_before().restarted_in_place(0)
    }

    /// No engine that this VPN had before was removed or started again.
    pub fn no_engine_was_touched_on(self, vpn: VpnId) -> Self {
        self.that(|story| {
            let name = story.name_of(vpn);
            let before = &story.chapter.engines;
            let was_there = |change: &&Change| {
                !change.is_creation()
                    && before.get(&change.id).is_some_and(|seen| seen.vpn.as_ref() == Some(name))
            };
            match story.changes().find(was_there) {
                Some(change) => Err(format!("{} of {name} was touched: {:?}", change.name, change.kind)),
                None => Ok(()),
            }
        })
    }

    /// No command that changes a container has come to its end, well or badly.
    pub fn nothing_was_asked_that_changes_a_container(self) -> Self {
        let ended = |story: &Story| story.operations_ended() - story.chapter.operations;
        self.equal("operations on containers", ended, &0)
    }

    // The journal.

    /// The journal of this chapter tells this.
    pub fn the_journal_tells(self, words: &str) -> Self {
        self.equal(&format!("the journal tells '{words}'"), |story| story.tells(words) > 0, &true)
    }

    /// The journal of this chapter tells this so many times.
    pub fn the_journal_tells_times(self, times: usize, words: &str) -> Self {
        self.equal(&format!("how often the journal tells '{words}'"), |story| story.tells(words), &times)
    }

    /// The journal of this chapter does not tell this.
    pub fn the_journal_does_not_tell(self, words: &str) -> Self {
        self.the_journal_tells_times(0, words)
    }
}

// What is so, for findings.
impl Story {
    /// What acefleet shows.
    pub fn snapshot(&self) -> Snapshot {
        self.control().snapshot()
    }

    /// What acefleet shows of the engine of this number.
    pub fn view(&self, number: u32) -> Option<EngineView> {
        let views = self.snapshot().engines.into_iter();
        views.into_iter().find(|view| naming::number(&view.container_name) == Some(number))
    }

    /// Every engine.
    fn engines(&self) -> impl Iterator<Item = &Container> {
        self.world().containers().filter(|container| container.is_engine())
    }

    /// Every container of ours that belongs to this VPN, by its label.
    fn engines_of(&self, vpn: VpnId) -> impl Iterator<Item = &Container> {
        let name = self.name_of(vpn).as_str();
        self.engines().filter(move |engine| engine.labels().get(labels::VPN_CONTAINER) == Some(name))
    }

    fn offered(&self) -> impl Iterator<Item = ContainerId> {
        let control = self.control();
        control.engines().filter(|engine| control.offers(engine)).map(|engine| engine.id)
    }

    /// Whether the engine of this number is offered, if it is shown at all.
    fn is_offered(&self, number: u32) -> Option<bool> {
        self.view(number).map(|view| view.standing == Standing::Offered)
    }

    /// The number of the engine that plays for some viewer of the proxy.
    pub fn playing(&self) -> u32 {
        let session = self.world().viewings().find_map(|(_, viewing)| viewing.session);
        let engine = session.and_then(|session| self.world().engine_of(session));
        let name = engine.and_then(|engine| self.world().container(engine)).map(Container::name);
        name.and_then(naming::number).expect("somebody watches something")
    }

    /// Every viewer of the proxy, and whether he sees something.
    fn sights(&self) -> impl Iterator<Item = bool> {
        let sees = |session| self.world().delivers(session);
        self.world().viewings().map(move |(_, viewing)| viewing.session.is_some_and(sees))
    }

    fn is_seated(&self, engine: ContainerId, vpn: VpnId) -> bool {
        self.control().engines().any(|known| known.id == engine && known.seat.vpn() == Some(vpn))
    }

    fn name_of(&self, vpn: VpnId) -> &Name {
        &self.world().plan().settings.vpns[vpn.index()].container
    }

    fn numbers(&self) -> Vec<u32> {
        let numbers: BTreeSet<_> =
            self.engines().filter_map(|engine| naming::number(engine.name())).collect();
        numbers.into_iter().collect()
    }

    fn changed(&self, kind: fn(&Change) -> bool) -> Vec<&Name> {
        self.changes().filter(|change| kind(change)).map(|change| &change.name).collect()
    }

    /// Engines that existed before and were started since, each with how often.
    fn restarts(&self) -> Vec<(&Name, u32)> {
        let now = self.ledger.engines();
        let before = self.chapter.engines.iter().filter(|(_, seen)| seen.starts > 0);
        let restarts = before.filter_map(|(id, seen)| Some((&seen.name, now.get(id)?.starts - seen.starts)));
        restarts.filter(|(_, times)| *times > 0).collect()
    }

    fn tells(&self, words: &str) -> usize {
        self.journal[self.chapter.journal..].iter().filter(|told| told.words.contains(words)).count()
    }
}
