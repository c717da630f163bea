//! Stories on the embedded fleet: the whole program in this process, on a dock of the testbed, with stand-ins for
//! Gluetun and AceStream, through what people and bad luck do to it.
//!
//! They are the very stories that are told on real Docker. Each test has a dock of its own, so that any number of them
//! run at once.

mod ground;
mod program;
mod storms;
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
// Stories on real Docker use more of it.
#[allow(dead_code)]
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
