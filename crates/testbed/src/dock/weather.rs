//! What is wrong with the daemon's API: frozen, slow, gone, failing calls, answers and notices that get lost.
//!
//! Only programs notice; what people do at the machine goes past it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use control::event::Refusal;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Mishaps that wait for their call; more are not taken.
const MISHAPS_MAX: usize = 64;
/// Nothing stays frozen longer.
const FREEZE_MAX: Duration = Duration::from_secs(24 * 3600);

/// What can be asked of the API.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(missing_docs, reason = "the methods of the same names")]
pub enum Verb {
    Ping,
    List,
    Inspect,
    Create,
    Start,
    Restart,
    Stop,
    Remove,
    RunIn,
    Logs,
}

/// What can happen to one call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mishap {
    /// It is refused, and not carried out.
    Refused(Refusal),
    /// It is carried out, and the connection breaks before the answer.
    AnswerLost,
    /// It is carried out, and never answered.
    NeverAnswered,
    /// The connection breaks before the daemon has heard of it.
    RequestLost,
}

/// How the API is.
#[derive(Debug)]
pub(super) struct Weather {
    frozen_until: watch::Sender<Option<Instant>>,
    answers_held: watch::Sender<bool>,
    /// How often all connections were cut.
    cuts: watch::Sender<u64>,
    state: Mutex<State>,
}

#[derive(Default, Debug)]
struct State {
    slow: Duration,
    gone: bool,
    notices_lost: bool,
    mishaps: VecDeque<(Verb, Mishap)>,
}

impl Weather {
    pub(super) fn fair() -> Self {
        Self {
            frozen_until: watch::Sender::new(None),
            answers_held: watch::Sender::new(false),
            cuts: watch::Sender::new(0),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn freeze(&self, duration: Duration) {
        self.frozen_until.send_replace(Some(Instant::now() + duration.min(FREEZE_MAX)));
    }

    pub(super) fn thaw(&self) {
        self.frozen_until.send_replace(None);
    }

    /// Waits until the daemon's process goes on.
    pub(super) async fn thawed(&self) {
        let mut told = self.frozen_until.subscribe();
        loop {
            let until = *told.borrow_and_update();
            let Some(until) = until.filter(|until| *until > Instant::now()) else { return };
            tokio::select! {
                () = sleep_until(until) => {}
                _ = told.changed() => {}
            }
        }
    }

    pub(super) fn hold_answers(&self, held: bool) {
        self.answers_held.send_replace(held);
    }

    /// Waits until answers get through.
    pub(super) async fn answers_pass(&self) {
        // The sender is here, so that this does not fail.
        let _ = self.answers_held.subscribe().wait_for(|held| !held).await;
    }

    pub(super) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Breaks with all connections that are open when this is called.
    pub(super) fn cut_of_this_connection(&self) -> impl Future<Output = ()> + use<> {
        let mut cuts = self.cuts.subscribe();
        async move { drop(cuts.changed().await) }
    }

    pub(super) fn be_slow(&self, by: Duration) {
        self.state().slow = by;
    }

    pub(super) fn slow(&self) -> Duration {
        self.state().slow
    }

    pub(super) fn go(&self, gone: bool) {
        self.state().gone = gone;
    }

    pub(super) fn is_gone(&self) -> bool {
        self.state().gone
    }

    pub(super) fn lose_notices(&self, lost: bool) {
        self.state().notices_lost = lost;
    }

    pub(super) fn notices_are_lost(&self) -> bool {
        self.state().notices_lost
    }

    /// The next call of this kind has a mishap.
    pub(super) fn prepare(&self, verb: Verb, mishap: Mishap) {
        let mut state = self.state();
        if state.mishaps.len() < MISHAPS_MAX {
            state.mishaps.push_back((verb, mishap));
        }
    }

    /// What happens to the call that is made now.
    pub(super) fn mishap(&self, verb: Verb) -> Option<Mishap> {
        let mut state = self.state();
        let at = state.mishaps.iter().position(|(of, _)| *of == verb)?;
        state.mishaps.remove(at).map(|(_, mishap)| mishap)
    }
}
