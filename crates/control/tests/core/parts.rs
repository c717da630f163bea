//! The small parts that everything rests on, and the contract between the core and its driver.

mod agenda;
mod driving;
mod engine;
mod ids;
mod journal;
mod labels;
mod rng;
mod time;
mod vpn;
