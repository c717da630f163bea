//! One process of acefleet takes over from another.

use crate::fleet::{Fleet, Plan, SOON};
use crate::ground::{Ground, eventually};
use crate::restarts::four_engines;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_second_one_waits_for_the_first_says_who_that_is_and_takes_over_when_it_is_stopped() {
    let ground = Ground::take();
    let mut first = four_engines(&ground);
    let lives = ground.lives();
    let plan = Plan::behind(&ground, &["gluetun1", "gluetun2"]).with("MIN_REPLICAS", "4");
    let second = Fleet::launch(plan.with("DB_URL", &first.database()));
    eventually("the second one says who holds the lock", SOON, || {
        let log = second.log();
        let holder = format!("process {}", first.pid());
        (log.contains("another acefleet works with this database") && log.contains(&holder)).then_some(())
    });
    thread::sleep(Duration::from_secs(2));
    assert!(second.try_get("/healthz").is_none(), "it answers already");
    first.stop();
    let began = Instant::now();
    second.answers();
    second.settles_at(4);
    println!("taken over {:?} after the first had ended", began.elapsed());
    assert_eq!(ground.lives(), lives);
}
