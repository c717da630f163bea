//! Tests on real Docker Engines: the adapter alone, held to the facts that the simulator is held to; and the whole
//! program, with stand-ins for Gluetun and AceStream, through what people and bad luck do to it.
//!
//! Tests of the adapter share the daemon that ACEFLEET_TEST_DOCKER names; every test of the program has one to itself
//! for a while, of those in the folder that ACEFLEET_TEST_LAB names. `cargo xtask test --only docker` starts them all;
//! `cargo xtask lab` keeps them, for running single tests by name.

mod behaviours;
mod command_line;
mod facts;
mod ground;
mod handover;
mod images;
mod lab;
mod process;
mod program;
mod registry;
mod way;

// What is told of any runtime.
#[path = "../stories/clients.rs"]
mod clients;
#[path = "../stories/docker_trouble.rs"]
mod docker_trouble;
#[path = "../stories/engine_side.rs"]
mod engine_side;
#[path = "../stories/engines.rs"]
mod engines;
#[path = "../stories/fleet.rs"]
mod fleet;
#[path = "../stories/fleets.rs"]
mod fleets;
#[path = "../stories/happenings.rs"]
mod happenings;
#[path = "../stories/leavers.rs"]
mod leavers;
#[path = "../stories/moments.rs"]
mod moments;
#[path = "../stories/odd_viewers.rs"]
mod odd_viewers;
#[path = "../stories/player.rs"]
mod player;
#[path = "../stories/ports.rs"]
mod ports;
#[path = "../stories/rebuilt.rs"]
mod rebuilt;
#[path = "../stories/restarts.rs"]
mod restarts;
#[path = "../stories/same_ground.rs"]
mod same_ground;
#[path = "../stories/viewer.rs"]
mod viewer;
#[path = "../stories/vigil.rs"]
mod vigil;
#[path = "../stories/vpn_failures.rs"]
mod vpn_failures;
#[path = "../stories/vpn_stories.rs"]
mod vpn_stories;
#[path = "../stories/vpn_tunnels.rs"]
mod vpn_tunnels;
#[path = "../stories/watcher.rs"]
mod watcher;
#[path = "../stories/watching.rs"]
mod watching;
#[path = "../stories/web.rs"]
mod web;
#[path = "../stories/within.rs"]
mod within;
