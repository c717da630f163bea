//! A deterministic world around the core of acefleet: faults, checkers, scenarios.
//!
//! It depends on the core and the reader of streams and on no adapter, so what is simulated is what is shipped.

pub mod checks;
pub mod facts;
pub mod media;
pub mod run;
pub mod story;
pub mod swarm;
pub mod tables;
pub mod unreached;
pub mod world;
