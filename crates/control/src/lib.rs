//! The core of acefleet: what exists, what should exist, what to do next. Only this crate decides.
//!
//! It contains no I/O, no clock, no threads, no environment and no randomness of its own, and the compiler
//! says so: there is no `std` here. Time and a seed are handed in. The same calls in the same order give the
//! same answers, always; that is what the simulator rests on.
//!
//! # How to drive it
//!
//! **Handle one event, drain the commands, then wait.**
//!
//! 1. [`Control::handle`] one [`Event`], with a time not earlier than the one before.
//! 2. [`Control::poll_message`] until it answers `None`; pass each [`Message`] on. Then [`Control::poll_command`]
//!    the same way; carry each [`Command`] out, without waiting for it. In this order nobody is still sent a
//!    session that is being closed.
//! 3. Wait for the next event, or until the moment of [`Control::next_wakeup`], and then handle
//!    [`Event::Woken`].
//!
//! Handling an event while commands are waiting is a mistake of the driver, and panics. Failures of the world
//! are events and never panic.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod agenda;
pub mod canary;
pub mod command;
pub mod docker;
pub mod engine;
pub mod event;
pub mod fleet;
pub mod ids;
pub mod journal;
pub mod labels;
pub mod mark;
pub mod message;
pub mod operation;
pub mod policy;
pub mod request;
pub mod rng;
pub mod settings;
pub mod snapshot;
pub mod stream;
pub mod time;
pub mod vpn;

mod control;

pub use agenda::Wake;
pub use command::{Action, Cause, Command};
pub use control::Control;
pub use event::Event;
pub use message::Message;
pub use settings::Settings;
pub use snapshot::Snapshot;
pub use time::Time;
