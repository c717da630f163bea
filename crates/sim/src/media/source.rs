//! A source of a broadcast: a connection over which it comes, as far behind as it is, with everything that goes wrong.

use super::broadcast::{Broadcast, PACKETS_PER_S};
use control::rng::Rng;
use mpegts::packet::PACKET;
use std::time::Duration;

/// How much faster than it is played a source catches up.
const CATCHES_UP: u64 = 4;
/// A longer pause between two packets is an interruption.
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// What can be wrong with a source. In how many of a thousand steps it begins.
#[derive(Clone, Copy, Debug)]
pub struct Troubles {
    /// Nothing comes for a while.
    pub stalls: u64,
    /// Packets are left out.
    pub jumps: u64,
    /// Something else comes in between.
    pub garbage: u64,
    /// Part of a packet is missing.
    pub torn: u64,
    /// It ends.
    pub ends: u64,
}

/// A connection to a source.
#[derive(Clone, Debug)]
pub struct Source {
    /// What it delivers.
    pub broadcast: Broadcast,
    next: u64,
    lag: Duration,
    troubles: Troubles,
    silent_until: Duration,
    /// Something was wrong with what it sent last.
    hurt: bool,
    /// When it sent something last.
    pub sent: Option<Duration>,
    /// Since when it has not stopped to send.
    pub since: Duration,
}

impl Source {
    /// A source that begins some seconds before the place that it will keep to.
    pub fn open(rng: &mut Rng, now: Duration, broadcast: Broadcast, troubles: Troubles) -> Self {
        let lag = rng.between(Duration::ZERO, Duration::from_secs(6));
        let before = rng.between(Duration::ZERO, Duration::from_secs(20));
        let next = live(now, lag + before) + rng.below(PACKETS_PER_S);
        let silent_until = now + rng.between(Duration::ZERO, Duration::from_secs(4));
        Self { broadcast, next, lag, troubles, silent_until, hurt: false, sent: None, since: silent_until }
    }

    /// What comes in this step; nothing more will come after `None`.
    pub fn step(&mut self, rng: &mut Rng, now: Duration, step: Duration) -> Option<Vec<u8>> {
        let troubles = self.troubles;
        let mut begins = |often: u64| rng.below(1_000) < often;
        let (ends, stalls, jumps) = (begins(troubles.ends), begins(troubles.stalls), begins(troubles.jumps));
        let (garbage, torn) = (begins(troubles.garbage), begins(troubles.torn));
        if ends {
            return None;
        }
        if stalls {
            self.silent_until = self.silent_until.max(now + rng.between(step, Duration::from_secs(8)));
            self.since = self.silent_until;
        }
        if now < self.silent_until {
            return Some(Vec::new());
        }
        if jumps {
            self.next += rng.below(20 * PACKETS_PER_S);
        }
        let most = (step.as_millis() as u64 * PACKETS_PER_S * CATCHES_UP).div_ceil(1_000);
        let end = live(now, self.lag).min(self.next + most);
        let mut bytes: Vec<u8> = (self.next..end).flat_map(|number| self.broadcast.packet(number)).collect();
        self.next = self.next.max(end);
        if !bytes.is_empty() {
            // Who leaves packets out has nothing to send until their time has come.
            if self.sent.is_none_or(|sent| now.saturating_sub(sent) > PAUSE_MAX) {
                self.since = now;
            }
            self.sent = Some(now);
        }
        // Two wounds together can leave the head of one packet and the tail of another, exactly as long as a packet,
        // and nobody could tell that from a whole one.
        let whole = !std::mem::replace(&mut self.hurt, torn || garbage);
        if torn && whole && !bytes.is_empty() {
            let at = rng.below(bytes.len() as u64) as usize;
            // The head of one packet and the tail of another would look like one that nothing is wrong with.
            let gone = 1 + rng.below(PACKET as u64 - 1) as usize;
            bytes.drain(at..(at + gone).min(bytes.len()));
        }
        if garbage && whole && !torn {
            let at = rng.below(bytes.len() as u64 + 1) as usize;
            let noise: Vec<u8> =
                (0..rng.below(3_000)).map(|_| if rng.chance(20) { 0x47 } else { rng.bits() as u8 }).collect();
            bytes.splice(at..at, noise);
        }
        Some(bytes)
    }
}

/// The number of the packet that is sent now, so far behind.
fn live(now: Duration, behind: Duration) -> u64 {
    // The broadcast has been there long before the simulation.
    const BEFORE: Duration = Duration::from_secs(100);
    let millis = (now + BEFORE).saturating_sub(behind).as_millis() as u64;
    millis * PACKETS_PER_S / 1_000
}
