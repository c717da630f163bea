//! What the product does, told as given, when and then.
//!
//! The host is what the test has put on paper; a transcript is what the core writes into its journal and, after
//! `>`, the commands that change containers.

mod adoption;
mod announcing;
mod breakers;
mod caches;
mod carriers;
mod cold_start;
mod docker_silence;
mod double_check;
mod drained;
mod emergency;
mod exit;
mod fates;
mod following;
mod foreign;
mod freshness;
mod health;
mod incident;
mod ladder;
mod leaving;
mod leftovers;
mod network;
mod orders;
mod others;
mod ports;
mod rebuilds;
mod relapse;
mod requests;
mod showing;
mod silence;
mod stream_requests;
mod streaming;
mod suspicion;
mod tunnel;
mod witness;
