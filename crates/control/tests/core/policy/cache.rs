//! Caches: whose are cleared, and when.

use super::{at, engine, vpn};
use control::engine::Engine;
use control::policy::cache::{Clearing, clearing};
use control::policy::offering::{Reason, Standing};
use control::vpn::Verdict;

/// An engine that has just become idle.
fn idle() -> Engine {
    let mut engine = engine(1, &vpn(0, Verdict::Healthy));
    engine.cache.owed = true;
    engine
}

#[test]
fn an_engine_that_has_become_idle_is_due() {
    assert_eq!(clearing(&idle(), false, at(1_000)), Clearing::Now);
}

#[test]
fn an_engine_that_has_not_been_used_since_is_not_due() {
    let mut engine = idle();
    engine.cache.owed = false;
    assert_eq!(clearing(&engine, false, at(1_000)), Clearing::NotDue);
}

#[test]
fn an_engine_that_is_used_again_is_not_due() {
    let mut watched = idle();
    watched.streams.insert("a stream".into());
    assert_eq!(clearing(&watched, false, at(1_000)), Clearing::NotDue);

    let mut leased = idle();
    leased.leased_until = Some(at(1_100));
    assert_eq!(clearing(&leased, false, at(1_000)), Clearing::NotDue);
    assert_eq!(clearing(&leased, false, at(1_100)), Clearing::Now, "its lease is over");
}

#[test]
fn at_most_every_ten_minutes() {
    let mut engine = idle();
    engine.cache.tried_at = Some(at(1_000));
    assert_eq!(clearing(&engine, false, at(1_599)), Clearing::Later(Some(at(1_600))));
    assert_eq!(clearing(&engine, false, at(1_600)), Clearing::Now);
}

#[test]
fn not_in_an_emergency_nor_while_it_is_hidden_or_not_looked_at() {
    assert_eq!(clearing(&idle(), true, at(1_000)), Clearing::Later(None));

    let mut hidden = idle();
    hidden.standing = Standing::Hidden(Reason::Booting);
    assert_eq!(clearing(&hidden, false, at(1_000)), Clearing::Later(None));

    let mut touched = idle();
    touched.touched = at(900);
    assert_eq!(clearing(&touched, false, at(1_000)), Clearing::Later(None));
}
