//! Caches: cleared when an engine has become idle, and left alone where there is no shell.

use crate::desk::{Desk, check, host_with, no_vpn, one_vpn, secs};

#[test]
fn an_engine_that_has_never_been_used_keeps_its_cache() {
    let mut desk = Desk::at_rest(no_vpn(2));
    desk.wait(secs(3_600));
    check(desk.did(), "");
    assert_eq!(desk.engine("acestream-1").last_cache_cleanup, None);
}

#[test]
fn an_adopted_engine_that_is_watched_keeps_its_cache() {
    let mut host = host_with(&["gluetun"]);
    host.run_engine("acestream-1", "gluetun", 19_000);
    let mut desk = Desk::opened(one_vpn(1), host);
    desk.store_answers(&[("acestream-1", "a stream")]);
    desk.wait(secs(3_600));
    assert!(!desk.did().contains("cache"));
}
