//! What the product does, told as given, when and then.
//!
//! The host is what the test has put on paper; a transcript is what the core writes into its journal and, after
//! `>`, the commands that change containers.

mod adoption;
mod cold_start;
mod docker_silence;
mod double_check;
mod emergency;
mod fates;
mod freshness;
mod incident;
mod leftovers;
mod network;
mod ports;
mod relapse;
mod showing;
mod suspicion;
mod tunnel;
mod witness;
