//! The driving contract: handle one event, drain the commands, then wait. The same calls give the same answers.

use crate::desk::{Desk, millis, secs, two_on_each};
use control::docker::{Happened, Health};
use control::event::TunnelStatus;
use control::{Control, Event, Settings, Time, Wake};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a core says when it panics over this; `None` if it does not.
fn complaint(over: impl FnOnce()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(over)).err()?;
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
}

#[test]
fn handling_an_event_while_commands_wait_is_a_mistake_of_the_driver() {
    let mut core = Control::new(two_on_each(), Time::ZERO, 1);
    core.handle(Time::ZERO, Event::Woken);
    assert!(core.poll_command().is_some());
    let said = complaint(|| core.handle(Time::ZERO, Event::Woken));
    assert_eq!(said.as_deref(), Some("handle one event, drain the commands, then wait"));
}

#[test]
fn time_that_runs_backwards_is_a_mistake_of_the_driver() {
    let mut core = Control::new(two_on_each(), Time::from_secs(10), 1);
    let said = complaint(|| core.handle(Time::from_secs(9), Event::Woken));
    assert_eq!(said.as_deref(), Some("time runs backwards"));
    // Time that stands still is none.
    assert_eq!(complaint(|| core.handle(Time::from_secs(10), Event::Woken)), None);
}

#[test]
fn an_interval_of_zero_would_never_let_the_core_rest() {
    let intervals: [fn(&mut Settings); 5] = [
        |settings| settings.monitor_interval = secs(0),
        |settings| settings.ping_interval = secs(0),
        |settings| settings.gluetun_health_check_interval = secs(0),
        |settings| settings.gluetun_port_check_interval = secs(0),
        |settings| settings.health_check_interval = secs(0),
    ];
    for change in intervals {
        let mut settings = two_on_each();
        change(&mut settings);
        let said = complaint(|| _ = Control::new(settings, Time::ZERO, 1));
        assert_eq!(said.as_deref(), Some("an interval is zero"));
    }
}

#[test]
fn a_core_that_has_just_begun_wants_to_look_at_once() {
    let core = Control::new(two_on_each(), Time::from_secs(77), 1);
    assert_eq!(core.next_wakeup(), Some((Time::from_secs(77), Wake::Ping)));
}

#[test]
fn a_core_that_is_woken_for_nothing_does_nothing() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.wait(millis(500));
    desk.asked();
    for _ in 0..100 {
        desk.event(Event::Woken);
    }
    assert_eq!((desk.transcript(), desk.waiting()), (String::new(), String::new()));
}

#[test]
fn every_wakeup_lies_ahead_once_the_commands_have_been_drained() {
    let mut desk = Desk::at_rest(two_on_each());
    for _ in 0..500 {
        desk.wait(millis(700));
        let (at, wake) = desk.core.next_wakeup().expect("it always wants to look again");
        assert!(at >= desk.now(), "{wake:?} was due at {at}");
    }
}

#[test]
fn each_command_has_an_id_of_its_own_and_lives_are_told_apart() {
    let mut desk = Desk::at_rest(two_on_each());
    for words in ["ping", "list", "inspect", "probe", "ask"] {
        desk.hold(words);
    }
    desk.wait(secs(60));
    let mut ids: Vec<_> = desk.open().map(|command| command.op).collect();
    let count = ids.len();
    assert!(count >= 10, "{}", desk.waiting());
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "they are counted up: {ids:?}");
    ids.dedup_by_key(|op| op.life);
    assert_eq!(ids.len(), 1);

    let life = |seed| {
        let mut core = Control::new(two_on_each(), Time::ZERO, seed);
        core.handle(Time::ZERO, Event::Woken);
        core.poll_command().expect("it begins with questions").op.life
    };
    assert_eq!(life(1), ids[0].life);
    assert_ne!(life(1), life(2));
}

#[test]
fn the_same_calls_in_the_same_order_give_the_same_answers() {
    let run = || {
        let mut desk = Desk::at_rest(two_on_each());
        desk.host.stop("gluetun");
        desk.hear("gluetun", Happened::Died);
        desk.wait(secs(20));
        desk.host.start("gluetun");
        desk.on("gluetun2").health = Health::Unhealthy;
        desk.on("gluetun2").tunnel = Some(TunnelStatus::Crashed);
        desk.wait(secs(100));
        (desk.transcript(), desk.core.snapshot())
    };
    let (first, second) = (run(), run());
    assert!(!first.0.is_empty());
    assert_eq!(first, second);
}
