//! A core that breaks is not noticed by who watches: the data plane outlives it.

use crate::engine_side::nothing_is_left;
use crate::fleet::Plan;
use crate::ground::Ground;
use crate::vpn_failures::ten_engines_as;
use crate::watching::while_twenty_watch;
use serde_json::Value;
use std::cell::RefCell;

#[test]
fn a_core_that_is_rebuilt_is_not_noticed_by_who_watches() {
    let ground = Ground::take();
    let plan = Plan::behind(&ground, &["gluetun1", "gluetun2"]).within(&ground);
    let (fleet, _) = ten_engines_as(&ground, plan);
    let lives = ground.lives();
    let sessions = RefCell::new(Vec::new());
    let session = |channel: &Value| channel["playback_session_id"].clone();
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
    assert_eq!(ground.lives(), lives, "no engine is touched");
    // Whatever a core has opened is ended, although the one that followed never knew of it.
    assert!(nothing_is_left(&ground, &fleet) >= 8, "each of four channels had a session of either core");
}
