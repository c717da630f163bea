//! Calling for help: what pictures and the journal tell becomes alerts, alerts become messages, and messages go to the
//! receivers in NOTIFY_URLS.
//!
//! It reads pictures like everybody else, and nobody waits for it: a receiver that hangs has a queue of its own that
//! fills, and what does not fit is counted. `alert` says what is worth telling, `outbox` when, `target` to whom,
//! `format` in which words, and `send` does it once.

pub mod alert;
mod counted;
pub mod format;
pub mod outbox;
pub mod send;
pub mod target;
#[cfg(test)]
mod tests;

use crate::driver::gate::Gate;
use crate::metrics::Meters;
use crate::settings::{NotifySettings, Secret};
use alert::{Beside, Watch};
use control::Time;
pub use counted::Counted;
use counted::End;
use outbox::{Message, Outbox};
use send::{Sender, Trouble};
use std::sync::Arc;
use std::time::Duration;
use target::Target;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{debug, warn};

/// Messages that may wait for one receiver.
pub const QUEUE_MAX: usize = 32;
/// Pictures are looked at as often as this, whether or not there is a new one: some conditions have to last.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between two looks, so that a burst of pictures is one look.
const LOOK_AT_MOST_EVERY: Duration = Duration::from_millis(100);

/// How patient we are with receivers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Patience {
    /// How long an answer may take.
    pub answer: Duration,
    /// How long is waited before each further attempt; so many there are.
    pub waits: Vec<Duration>,
}

impl Default for Patience {
    fn default() -> Self {
        Self { answer: send::ANSWER_MAX, waits: [2, 10, 60, 300].map(Duration::from_secs).to_vec() }
    }
}

/// Everything that calls for help, not yet running.
pub struct Notifier {
    gate: Gate,
    clock: Box<dyn Fn() -> Time + Send + Sync>,
    beside: Box<dyn Fn() -> Beside + Send + Sync>,
    counted: Counted,
    sender: Sender,
    patience: Patience,
    targets: Vec<Target>,
    secret: Option<Secret>,
}

/// One receiver and what is needed to tell it.
struct Receiver {
    target: Target,
    secret: Option<Secret>,
    sender: Sender,
    waits: Vec<Duration>,
    counted: Counted,
}

impl Notifier {
    /// One that looks through this gate. `beside` says what pictures do not show.
    pub fn new(
        settings: &NotifySettings,
        gate: Gate,
        meters: &Meters,
        clock: impl Fn() -> Time + Send + Sync + 'static,
        beside: impl Fn() -> Beside + Send + Sync + 'static,
    ) -> Self {
        Self {
            gate,
            clock: Box::new(clock),
            beside: Box::new(beside),
            counted: meters.notify.clone(),
            sender: Sender::new(&settings.authorities),
            patience: Patience::default(),
            targets: settings.targets.clone(),
            secret: settings.secret.clone(),
        }
    }

    /// The same with another patience.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Looks and tells for as long as there are pictures. Dropped, it takes its receivers' tasks with it.
    pub async fn run(self) {
        let mut tasks = JoinSet::new();
        let mut queues = Vec::new();
        for target in &self.targets {
            let receiver = Receiver {
                target: target.clone(),
                secret: self.secret.clone(),
                sender: self.sender.clone().waiting(self.patience.answer),
                waits: self.patience.waits.clone(),
                counted: self.counted.clone(),
            };
            let (queue, waiting) = mpsc::channel(QUEUE_MAX);
            tasks.spawn(receiver.tell_all(waiting));
            queues.push((target, queue));
        }
        let (mut watch, mut outbox) = (Watch::default(), Outbox::default());
        let mut news = self.gate.news();
        // The first picture has everything that is in the journal by then.
        let mut before = None;
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                changed = news.changed() => if changed.is_err() { return },
                _ = ticks.tick() => {}
            }
            let picture = self.gate.picture();
            let told =
                watch.look(&picture.snapshot, picture.written_since(before.as_deref()), &(self.beside)());
            before = Some(picture);
            self.counted.alerts(&watch.held());
            let now = (self.clock)();
            for alert in told {
                outbox.push(alert, now);
            }
            if let Some(message) = outbox.take(now) {
                let message = Arc::new(message);
                for (target, queue) in &queues {
                    if queue.try_send(message.clone()).is_err() {
                        self.counted.ended(target, End::Dropped);
                        warn!(receiver = %target, "too many messages wait for this receiver: one is dropped");
                    }
                }
            }
            sleep(LOOK_AT_MOST_EVERY).await;
        }
    }
}

impl Receiver {
    async fn tell_all(self, mut waiting: mpsc::Receiver<Arc<Message>>) {
        while let Some(message) = waiting.recv().await {
            self.tell(&message).await;
        }
    }

    /// Tells one message, again and again while that may help, and not for ever.
    async fn tell(&self, message: &Message) {
        let mut waits = self.waits.iter();
        loop {
            let request = format::request(&self.target, self.secret.as_ref(), message);
            let trouble = match self.sender.send(&self.target, request).await {
                Ok(status) => {
                    debug!(receiver = %self.target, status, title = message.title, "a message was delivered");
                    return self.counted.ended(&self.target, End::Delivered);
                }
                Err(trouble) => trouble,
            };
            let (end, after) = match &trouble {
                Trouble::Refused { .. } => (End::Refused, None),
                Trouble::Silent(_) => (End::Failed, waits.next().copied()),
                Trouble::Busy { after, .. } => {
                    (End::Failed, waits.next().map(|wait| after.map_or(*wait, |after| after.max(*wait))))
                }
            };
            let Some(wait) = after else {
                warn!(receiver = %self.target, title = message.title, "a message is lost: {trouble}");
                return self.counted.ended(&self.target, end);
            };
            debug!(receiver = %self.target, ?wait, "a message is tried again: {trouble}");
            self.counted.retried(&self.target);
            sleep(wait).await;
        }
    }
}

/// What one receiver says to a test message.
#[derive(Debug)]
pub struct Tried {
    /// The receiver.
    pub target: Target,
    /// Its status, or why there is none.
    pub came_out: Result<u16, String>,
}

/// Sends one test message to each receiver, to all at once and to each once.
pub async fn try_each(settings: &NotifySettings, now: Time) -> Vec<Tried> {
    let sender = Sender::new(&settings.authorities);
    let message = Message::test(now);
    let one = |target: &Target| {
        let request = format::request(target, settings.secret.as_ref(), &message);
        let (sender, target) = (sender.clone(), target.clone());
        async move {
            let came_out = sender.send(&target, request).await.map_err(|trouble| trouble.to_string());
            Tried { target, came_out }
        }
    };
    futures_util::future::join_all(settings.targets.iter().map(one)).await
}
