//! The demo's stories, played to their ends.

use super::Demo;
use std::thread;

/// All that there are.
const STORIES: [&str; 5] = ["vpn-exit", "port-change", "port-flapping", "vpn-recreate", "docker-freeze"];

#[test]
fn each_story_ends_with_nobody_having_noticed_more_than_a_player_bridges() {
    // Beside each other, because they wait more than they compute.
    thread::scope(|scope| {
        for story in STORIES {
            scope.spawn(move || {
                let arguments = ["--port", "0", "--viewers", "2", "--engines", "4", "--story", story];
                let mut demo = Demo::start(&arguments, &[]);
                demo.wait_for("Verdict: ");
                let (status, said) = demo.ended();
                assert_eq!(status.code(), Some(0), "{story}\n{}", said.join("\n"));
            });
        }
    });
}

#[test]
fn a_story_says_what_is_decided_and_why_and_ends_with_a_verdict() {
    let quick = [("VPN_RECOVERY_STABILIZATION_S", "0.5"), ("HANDOFF_S", "0.5"), ("DRAIN_TIMEOUT_S", "1")];
    let mut demo =
        Demo::start(&["--port", "0", "--viewers", "0", "--engines", "4", "--story", "port-change"], &quick);
    demo.wait_for("> gluetun-1 gets another forwarded port");
    demo.wait_for("forwarded port changed from 50001 to 50101");
    demo.wait_for("+ the old one is gone");
    demo.wait_for("Verdict: nobody noticed more");
    let (status, said) = demo.ended();
    assert_eq!(status.code(), Some(0), "{}", said.join("\n"));
}

#[test]
fn a_story_that_is_interrupted_is_no_success() {
    let mut demo = Demo::start(&["--port", "0", "--viewers", "0", "--story", "docker-freeze"], &[]);
    demo.wait_for("> Docker answers nobody");
    demo.interrupt();
    assert_eq!(demo.ended().0.code(), Some(130));
}
