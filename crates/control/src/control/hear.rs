//! Hearing: what an event changes in what is believed. What follows from it is decided elsewhere.
//!
//! Readings are believed only if nothing has happened since they were asked for.

use super::Control;
use crate::agenda::Wake;
use crate::command::Cause;
use crate::docker::{Happened, Listed, Listing, Notice, State};
use crate::engine::Engine;
use crate::event::{Outcome, RememberedStream, Report};
use crate::fleet::Stranger;
use crate::ids::{Name, OpId, VpnId};
use crate::journal::{Expect, Subject, What};
use crate::mark::Mark;
use crate::operation::{Fate, Task};
use crate::time::Time;
use crate::vpn::Presence;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

/// The first wait before a failed listing is repeated; it doubles DOCKER_RETRIES times.
const LISTING_RETRY_FIRST: Duration = Duration::from_secs(1);

impl Control {
    pub(super) fn hear_finished(&mut self, op: OpId, outcome: Outcome) {
        let Some(operation) = self.fleet.operations.get(op).cloned() else { return };
        if operation.fate != Fate::Open {
            return;
        }
        if let Some(creation) = operation.creation() {
            return self.hear_create(&operation, creation, outcome);
        }
        if let Some(id) = operation.task.changes() {
            return self.hear_change(&operation, id, outcome);
        }
        self.fleet.operations.settle(op);
        let asked = operation.sent_at;
        match operation.task {
            Task::Ping => self.hear_ping(&outcome),
            Task::List => self.hear_list(outcome, asked),
            Task::InspectVpn(vpn) => self.hear_vpn(vpn, outcome, asked),
            Task::InspectContainer(id) => self.hear_container(id, outcome, asked),
            Task::InspectFate(create) => self.hear_fate(create, outcome, asked),
            Task::Probe { engine, started_at, vpn } => {
                self.hear_probe(op, engine, started_at, vpn, &outcome, asked);
            }
            Task::Ask { vpn, question, epochs } => self.hear_answer(vpn, question, epochs, outcome, asked),
            Task::ClearCache(id) => self.hear_cache(id, &outcome),
            Task::MendVpn(vpn) => self.hear_mended(vpn, op, operation.cause, &outcome),
            Task::Tell(vpn) => self.hear_told(vpn, operation.cause, &outcome),
            Task::Open(session) => self.hear_opened(session, outcome),
            Task::AskSession(stream) => self.hear_session(&stream, op, outcome),
            // An engine that does not close a session ends it when nobody reads it any more.
            Task::Close => {}
            // Nothing sends these yet.
            // Heard above.
            Task::Create(_)
            | Task::CreateOther(_)
            | Task::Start(_)
            | Task::Restart(_)
            | Task::Stop(_)
            | Task::Remove(_) => {}
        }
    }

    // Docker itself.

    fn hear_ping(&mut self, outcome: &Outcome) {
        self.docker.pinging = None;
        match outcome {
            Outcome::Done(_) => self.docker_answered(),
            Outcome::Refused(_) | Outcome::Unknown(_) => self.docker_missed(),
        }
    }

    fn hear_list(&mut self, outcome: Outcome, asked: Time) {
        self.docker.listing = None;
        if core::mem::take(&mut self.docker.list_again) {
            self.agenda.set(Wake::List, self.now);
        }
        if asked < self.settles_at {
            // It does not tell what the core before this one may still have brought about.
            self.agenda.set_earlier(Wake::List, self.settles_at);
        }
        match outcome {
            Outcome::Done(Report::Listing(listing)) => {
                self.docker.listings_failed = 0;
                self.docker.listed = Some(asked);
                self.believe_listing(&listing, asked);
                self.sighted_listing(asked);
                self.dirty |= self.breakers.looked(asked);
            }
            Outcome::Done(_) | Outcome::Refused(_) | Outcome::Unknown(_) => {
                let retry = self.docker.listings_failed;
                self.docker.listings_failed = retry.saturating_add(1);
                self.write(Subject::Docker, What::ListingSkipped, vec![], Expect::Nothing);
                if retry < self.settings.docker_retries {
                    let wait = LISTING_RETRY_FIRST * 2_u32.saturating_pow(retry);
                    self.agenda.set_earlier(Wake::List, self.now + wait);
                }
            }
        }
    }

    fn believe_listing(&mut self, listing: &Listing, asked: Time) {
        // By name, once: to compare each container's name with each VPN's would take longer than all the rest.
        let vpns: BTreeMap<Name, VpnId> =
            self.fleet.vpns.iter().map(|vpn| (vpn.name().clone(), vpn.id)).collect();
        let mut unlisted: BTreeSet<VpnId> = vpns.values().copied().collect();
        for listed in &listing.containers {
            match vpns.get(&listed.name) {
                Some(vpn) => {
                    unlisted.remove(vpn);
                    self.compare_vpn(*vpn, Some(listed), asked);
                }
                None if listed.ours => self.compare_container(listed, asked),
                None => self.note_stranger(listed, asked),
            }
        }
        for vpn in unlisted {
            self.compare_vpn(vpn, None, asked);
        }
        // Absence from a listing removes nothing: an inspection has to say so.
        let missed = |engine: &&Engine| engine.listed != asked && engine.believes(asked);
        let missing: Vec<_> = self.fleet.engines.values().filter(missed).map(|engine| engine.id).collect();
        for id in missing {
            self.look_at(id, Cause::SomethingChanged);
        }
        let mut shown: Vec<_> = listing.containers.iter().map(|listed| listed.id).collect();
        shown.sort_unstable();
        self.fleet
            .strangers
            .retain(|id, stranger| stranger.touched > asked || shown.binary_search(id).is_ok());
        // Whatever is under way was asked for at most one timeout ago; after that nothing can show them again.
        let (now, longest) = (self.now, self.settings.docker_timeout);
        self.fleet.gone.retain(|_, since| now.since(*since) <= longest);
    }

    fn compare_vpn(&mut self, id: VpnId, listed: Option<&Listed>, asked: Time) {
        let vpn = self.fleet.vpn(id);
        let same = match (&vpn.container, listed) {
            (Presence::Missing, None) => true,
            (Presence::Present { id, state, .. }, Some(listed)) => *id == listed.id && *state == listed.state,
            (Presence::Unknown | Presence::Missing | Presence::Present { .. }, _) => false,
        };
        if !same && asked >= vpn.touched {
            self.inspect_vpn(id, Cause::SomethingChanged);
        }
    }

    fn compare_container(&mut self, listed: &Listed, asked: Time) {
        let Some(engine) = self.fleet.engines.get_mut(&listed.id) else {
            if !self.fleet.was_gone(listed.id, asked) {
                self.meet(listed);
                self.look_at(listed.id, Cause::SomethingChanged);
                self.await_sight_of(listed.id);
                if let Some(engine) = self.fleet.engines.get_mut(&listed.id) {
                    engine.listed = asked;
                }
            }
            return;
        };
        engine.listed = asked;
        if !engine.believes(asked) {
            return;
        }
        engine.last_seen = self.now;
        let renamed = engine.name != listed.name || engine.network != listed.network;
        if engine.observe_state(listed.state, self.now) || renamed {
            // A start went unheard, perhaps: what was known of the process is not known any more.
            engine.inspected = None;
            self.dirty = true;
            self.look_at(listed.id, Cause::SomethingChanged);
        }
    }

    pub(super) fn note_stranger(&mut self, listed: &Listed, asked: Time) {
        if self.fleet.was_gone(listed.id, asked) {
            return;
        }
        match self.fleet.strangers.get_mut(&listed.id) {
            Some(stranger) if stranger.touched > asked => {}
            Some(stranger) => {
                if stranger.name != listed.name {
                    stranger.name = listed.name.clone();
                }
                stranger.published = listed.published.clone();
            }
            None => {
                let stranger = Stranger {
                    name: listed.name.clone(),
                    published: listed.published.clone(),
                    touched: Time::ZERO,
                };
                self.fleet.strangers.insert(listed.id, stranger);
            }
        }
    }

    pub(super) fn hear_notice(&mut self, notice: &Notice) {
        let vpn = self.fleet.vpn_named(&notice.name).or_else(|| self.fleet.vpn_of_container(notice.id));
        if let Some(vpn) = vpn {
            self.hear_of_vpn(vpn, notice);
        } else if notice.ours || self.fleet.engines.contains_key(&notice.id) {
            self.hear_of_container(notice);
        } else {
            self.hear_of_stranger(notice);
        }
    }

    fn hear_of_vpn(&mut self, id: VpnId, notice: &Notice) {
        let vpn = self.fleet.vpn_mut(id);
        let stale = match vpn.container {
            // About the container that had this name before, or from before the present start.
            Presence::Present { id, started_at, .. } => {
                let other = id != notice.id;
                let earlier = started_at.is_some_and(|started| started >= notice.at);
                match notice.happened {
                    Happened::Died => other || earlier,
                    Happened::Destroyed => other,
                    Happened::Created
                    | Happened::Started
                    | Happened::Paused
                    | Happened::Unpaused
                    | Happened::Renamed
                    | Happened::HealthIs(_) => false,
                }
            }
            Presence::Unknown | Presence::Missing => false,
        };
        if stale {
            self.marks.hit(Mark::StaleNotice);
            return;
        }
        vpn.touched = self.now;
        match notice.happened {
            Happened::Died if vpn.container_id() == Some(notice.id) => vpn.hear_stopped(true, self.now),
            Happened::Destroyed if vpn.container_id() == Some(notice.id) => {
                vpn.hear_stopped(false, self.now);
            }
            Happened::Died
            | Happened::Destroyed
            | Happened::Created
            | Happened::Started
            | Happened::Paused
            | Happened::Unpaused
            | Happened::Renamed
            | Happened::HealthIs(_) => {}
        }
        self.dirty = true;
        self.inspect_vpn(id, Cause::SomethingChanged);
    }

    fn hear_of_container(&mut self, notice: &Notice) {
        let id = notice.id;
        let now = self.now;
        let Some(engine) = self.fleet.engines.get_mut(&id) else {
            match notice.happened {
                Happened::Destroyed => {
                    self.fleet.gone.insert(id, now);
                }
                Happened::Created
                | Happened::Started
                | Happened::Died
                | Happened::Paused
                | Happened::Unpaused
                | Happened::Renamed
                | Happened::HealthIs(_) => {
                    if let Some(stirred) = self.curious.get_mut(&id) {
                        *stirred = Some(now);
                    } else if !self.fleet.gone.contains_key(&id) {
                        self.look_at(id, Cause::SomethingChanged);
                    }
                }
            }
            return;
        };
        match notice.happened {
            Happened::HealthIs(_) => return,
            Happened::Died => {
                if engine.started_at.is_some_and(|started| started >= notice.at) {
                    self.marks.hit(Mark::StaleNotice);
                    return;
                }
                // What we do to it, or may still be doing, is no exit of its own; what is told twice is one.
                let ours = engine.operation.is_some() || engine.retry.wait(now).is_some();
                if engine.state.has_network() && !ours {
                    engine.note_exit(now);
                }
                engine.observe_state(State::Exited, now);
            }
            Happened::Destroyed => return self.forget(id),
            Happened::Created
            | Happened::Started
            | Happened::Paused
            | Happened::Unpaused
            | Happened::Renamed => {}
        }
        engine.touched = now;
        self.dirty = true;
        self.look_at(id, Cause::SomethingChanged);
    }

    fn hear_of_stranger(&mut self, notice: &Notice) {
        match notice.happened {
            Happened::Destroyed => {
                self.fleet.strangers.remove(&notice.id);
                self.fleet.gone.insert(notice.id, self.now);
            }
            Happened::Created
            | Happened::Started
            | Happened::Died
            | Happened::Paused
            | Happened::Unpaused
            | Happened::Renamed
            | Happened::HealthIs(_) => {
                if self.fleet.gone.contains_key(&notice.id) {
                    return;
                }
                let published = self.fleet.strangers.get(&notice.id).map(|known| known.published.clone());
                let stranger = Stranger {
                    name: notice.name.clone(),
                    published: published.unwrap_or_else(|| Arc::from([])),
                    touched: self.now,
                };
                self.fleet.strangers.insert(notice.id, stranger);
            }
        }
    }

    // The store.

    pub(super) fn hear_store(&mut self, answer: Result<Vec<RememberedStream>, Arc<str>>) {
        self.store_answered = answer.is_ok();
        for remembered in answer.unwrap_or_default() {
            if self.fleet.engines.contains_key(&remembered.engine) {
                self.adopt_stream(remembered);
            } else {
                self.remembered.push(remembered);
            }
        }
        self.sighted_store();
    }
}
