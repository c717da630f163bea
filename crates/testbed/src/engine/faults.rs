//! What is wrong with an engine, and the routes that say so from outside.
//!
//! Faults change how an engine answers and delivers. They never touch what it knows.

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::switch::{self, Switches};
use crate::web::{self, Answer, Asked};

/// The longest that an engine refuses connections when told so over one of them.
const MAX_REFUSAL: Duration = Duration::from_secs(600);

/// What is wrong. The default is nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Faults {
    /// Accepts, never answers.
    pub hang: bool,
    /// Refuses connections.
    pub refuse: bool,
    /// Each answer comes so much later.
    pub slow: Duration,
    /// What is said of the network, whatever the tunnel does.
    pub connected: Option<bool>,
    /// Streams stop and go on where they were.
    pub stall: bool,
    /// Streams carry noise.
    pub garbage: bool,
    /// How much of its rate a stream gets.
    pub rate_percent: u32,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            hang: false,
            refuse: false,
            slow: Duration::ZERO,
            connected: None,
            stall: false,
            garbage: false,
            rate_percent: 100,
        }
    }
}

/// The switches of one engine. Clones switch the same engine.
#[derive(Clone, Debug)]
pub struct FaultControl {
    faults: watch::Sender<Faults>,
    door: watch::Sender<bool>,
    crash: watch::Sender<Option<i32>>,
    /// How often all sessions were ended.
    ended: watch::Sender<u64>,
    /// Nothing gets to it or away from it.
    cut_off: watch::Sender<bool>,
}

impl FaultControl {
    pub(super) fn new() -> Self {
        Self {
            faults: watch::Sender::new(Faults::default()),
            door: watch::Sender::new(true),
            crash: watch::Sender::new(None),
            ended: watch::Sender::new(0),
            cut_off: watch::Sender::new(false),
        }
    }

    /// What is wrong now.
    pub fn now(&self) -> Faults {
        self.faults.borrow().clone()
    }

    /// Changes what is wrong.
    pub fn set(&self, change: impl FnOnce(&mut Faults)) {
        self.faults.send_modify(change);
        self.door.send_replace(!self.faults.borrow().refuse);
    }

    /// Takes all faults back.
    pub fn clear(&self) {
        self.set(|faults| *faults = Faults::default());
    }

    /// Ends the engine at once, with an exit code.
    pub fn crash(&self, code: i32) {
        self.crash.send_replace(Some(code));
    }

    /// Ends all sessions; the engine does not know them any more.
    pub fn end_sessions(&self) {
        self.ended.send_modify(|times| *times += 1);
    }

    /// The network around it is gone, or its process stands still: connections are made, and nothing comes through
    /// them. No fault of its own, so [`FaultControl::clear`] leaves it as it is.
    pub(crate) fn cut_off(&self, is: bool) {
        self.cut_off.send_replace(is);
    }

    pub(super) fn is_cut_off(&self) -> bool {
        *self.cut_off.borrow()
    }

    pub(super) fn door(&self) -> watch::Receiver<bool> {
        self.door.subscribe()
    }

    pub(super) fn crashes(&self) -> watch::Receiver<Option<i32>> {
        self.crash.subscribe()
    }

    pub(super) fn endings(&self) -> u64 {
        *self.ended.borrow()
    }

    /// The routes under `/standin/`.
    pub(super) fn route(&self, asked: &Asked) -> Answer {
        if (&asked.method, asked.path.as_str()) == (&Method::POST, "/standin/end_sessions") {
            self.end_sessions();
            return web::json(StatusCode::OK, &self.told());
        }
        switch::route(self, asked)
    }

    /// Sets faults by the names and values that the routes take.
    pub fn apply_all(&self, faults: &BTreeMap<String, String>) -> Result<(), String> {
        switch::apply_all(self, faults)
    }

    fn refuse_for(&self, time: Duration) {
        self.set(|faults| faults.refuse = true);
        let control = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(time.min(MAX_REFUSAL)).await;
            control.set(|faults| faults.refuse = false);
        });
    }
}

impl Switches for FaultControl {
    fn apply(&self, name: &str, value: &str) -> Result<(), String> {
        let bad = |expected: &str| format!("{name}: {expected} is expected, not {value:?}");
        let flag = || value.parse::<bool>().map_err(|_| bad("true or false"));
        let number = || value.parse::<u32>().map_err(|_| bad("a number"));
        match name {
            "hang" => flag().map(|on| self.set(|faults| faults.hang = on)),
            "stall" => flag().map(|on| self.set(|faults| faults.stall = on)),
            "garbage" => flag().map(|on| self.set(|faults| faults.garbage = on)),
            "refuse_ms" => number().map(|ms| self.refuse_for(Duration::from_millis(ms.into()))),
            "slow_ms" => number().map(|ms| self.set(|faults| faults.slow = Duration::from_millis(ms.into()))),
            "connected" if value == "truth" => {
                self.set(|faults| faults.connected = None);
                Ok(())
            }
            "connected" => match value.parse() {
                Ok(said) => {
                    self.set(|faults| faults.connected = Some(said));
                    Ok(())
                }
                Err(_) => Err(bad("true, false or truth")),
            },
            "rate_percent" => match number()? {
                percent @ 1..=100 => {
                    self.set(|faults| faults.rate_percent = percent);
                    Ok(())
                }
                _ => Err(bad("1 to 100")),
            },
            _ => Err(format!("{name}: there is no such fault")),
        }
    }

    fn clear(&self) {
        FaultControl::clear(self);
    }

    fn crash(&self, code: i32) {
        FaultControl::crash(self, code);
    }

    fn told(&self) -> Value {
        let Faults { hang, refuse, slow, connected, stall, garbage, rate_percent } = self.now();
        json!({
            "hang": hang,
            "refuse": refuse,
            "slow_ms": slow.as_millis() as u64,
            "connected": connected,
            "stall": stall,
            "garbage": garbage,
            "rate_percent": rate_percent,
        })
    }
}
