//! The decisions, one family of pure functions each. Nobody should need to read two of them to change one.
//!
//! A policy looks at beliefs and answers; it changes nothing and sends nothing. `decide` asks them in order.

pub mod balance;
pub mod breaker;
pub mod cache;
pub mod failover;
pub mod foreign;
pub mod forwarding;
pub mod ladder;
pub mod leaving;
pub mod naming;
pub mod offering;
pub mod placement;
pub mod ports;
pub mod rebuilds;
pub mod repair;
pub mod scaling;
pub mod streams;
pub mod verdict;
