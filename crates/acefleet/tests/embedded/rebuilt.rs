//! A core that breaks is not noticed by who watches: the data plane outlives it.

use crate::ground::Ground;
use crate::vpn_failures::ten_engines;
use crate::watching::while_twenty_watch;
use std::cell::RefCell;

#[test]
fn a_core_that_is_rebuilt_is_not_noticed_by_who_watches() {
    let ground = Ground::take();
    let (fleet, _) = ten_engines(&ground);
    let sessions = RefCell::new(Vec::new());
    let session = |channel: &serde_json::Value| channel["playback_session_id"].clone();
    let heard = while_twenty_watch(
        &fleet,
        |before| {
            sessions.replace(before.iter().map(session).collect());
            fleet.program().break_core();
        },
        // The new core knows nothing of what the one before it had opened.
        |after| after.iter().all(|channel| !sessions.borrow().contains(&session(channel))),
    );
    assert_eq!(fleet.said("told to break"), 1);
    assert!(heard.iter().all(|heard| heard.seen.missing == 0), "{heard:?}");
}
