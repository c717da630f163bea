//! Tests on real Docker Engines: the adapter alone, held to the facts that the simulator is held to; and the whole
//! program, with stand-ins for Gluetun and AceStream, through what people and bad luck do to it.
//!
//! Tests of the adapter share the daemon that ACEFLEET_TEST_DOCKER names; every test of the program has one to itself
//! for a while, of those in the folder that ACEFLEET_TEST_LAB names. `cargo xtask test --only docker` starts them all;
//! `cargo xtask lab` keeps them, for running single tests by name.

mod behaviours;
mod clients;
mod command_line;
mod docker_trouble;
mod engines;
mod facts;
mod fleet;
mod fleets;
mod ground;
mod happenings;
mod images;
mod lab;
mod ports;
mod registry;
mod restarts;
mod viewer;
mod vigil;
mod vpn_failures;
mod vpn_stories;
mod vpn_tunnels;
mod way;
mod web;
