//! acefleet: keeps AceStream engines alive behind Gluetun VPNs, and serves their streams.
//!
//! The core that decides is the crate `control`; here are the loop that drives it, the adapters that carry out
//! what it asks for, and what the outside sees.

pub mod api;
pub mod cli;
pub mod compose;
pub mod demo;
pub mod dial;
pub mod docker;
pub mod driver;
pub mod embedded;
pub mod engine;
pub mod gluetun;
pub mod history;
pub mod http;
pub mod journal;
pub mod log;
pub mod metrics;
pub mod notify;
mod panel;
pub mod playlist;
pub mod proxy;
pub mod recorder;
pub mod report;
pub mod runtime;
pub mod serve;
pub mod settings;
pub mod store;
mod tls;
