//! acefleet itself ends: killed at any moment, stopped, replaced by a newer one, started with other settings.

use crate::fleet::{Fleet, Listed, Plan, SOON, by_vpn};
use crate::fleets::two_vpns;
use crate::ground::{Ground, eventually};
use crate::happenings::Life;
use crate::moments::Moments;
use crate::viewer::Viewer;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::thread;
use std::time::{Duration, Instant};

type Lives = BTreeMap<String, Life>;

/// Four engines on two VPNs, ready to be killed.
pub(crate) fn four_engines(ground: &Ground) -> Fleet {
    two_vpns(ground);
    let plan = Plan::behind(ground, &["gluetun1", "gluetun2"]).with("MIN_REPLICAS", "4");
    let fleet = Fleet::start(plan.with("HANDOFF_S", "1").with("VPN_RECOVERY_STABILIZATION_S", "1"));
    fleet.settles_at(4);
    fleet
}

/// Lives of the engines on a VPN.
fn lives_on(ground: &Ground, engines: &[Listed], vpn: &str) -> Lives {
    let on = |name: &String| {
        engines.iter().any(|engine| engine.name == *name && engine.vpn.as_deref() == Some(vpn))
    };
    ground.lives().into_iter().filter(|(name, _)| on(name)).collect()
}

/// Waits until whatever exists is offered and has answered, at least so many engines. No orphan, nothing double.
fn settles(ground: &Ground, fleet: &Fleet, least: usize) -> Vec<Listed> {
    let engines = eventually("whatever exists is offered", SOON, || {
        let engines = fleet.engines();
        let named: BTreeSet<String> = engines.iter().map(|engine| engine.name.clone()).collect();
        let exist: BTreeSet<String> = ground.names("acestream-").into_iter().collect();
        let all = fleet.all_engines().len();
        let answered = engines.iter().all(|engine| engine.health == "healthy");
        // Who carries a port is known as soon as its VPN has been asked for it.
        let carried = ["gluetun1", "gluetun2"].iter().all(|vpn| carriers(&engines, vpn) == 1);
        let nothing_else = all == engines.len() && named == exist;
        (engines.len() >= least && nothing_else && answered && carried).then_some(engines)
    });
    let ports: BTreeSet<u16> = engines.iter().map(|engine| engine.port).collect();
    assert_eq!(ports.len(), engines.len(), "{engines:?}");
    engines
}

fn carriers(engines: &[Listed], vpn: &str) -> usize {
    engines.iter().filter(|engine| engine.forwarded && engine.vpn.as_deref() == Some(vpn)).count()
}

/// Begins something, kills acefleet a moment later, starts it again, and looks what has become of it; so often.
fn killed_in_the_middle_of(times: u32, within: Duration, mut begin: impl FnMut(&Ground, &Fleet, &[Listed])) {
    let ground = Ground::take();
    let mut fleet = four_engines(&ground);
    let mut moments = Moments::new();
    for time in 1..=times {
        // Which engines these are may change from time to time: what was to be more goes again, by choice.
        let well = lives_on(&ground, &fleet.engines(), "gluetun1");
        assert_eq!(well.len(), 2);
        let moment = moments.below(within);
        begin(&ground, &fleet, &fleet.engines());
        thread::sleep(moment);
        fleet.kill();
        if ground.inspect("gluetun2").is_some_and(|vpn| vpn["State"]["Running"] == false) {
            ground.start(&["gluetun2"]);
        }
        let began = Instant::now();
        fleet.begin();
        let engines = settles(&ground, &fleet, 4);
        println!("{time}: killed after {moment:?}, {} engines {:?} later", engines.len(), began.elapsed());
        let now = ground.lives();
        for (name, life) in &well {
            assert_eq!(now.get(name), Some(life), "{name} was well, and was touched");
        }
        // Back to four.
        fleet.post("/scale/4", &Value::Null);
        let engines = fleet.settles_at(4);
        assert_eq!(by_vpn(&engines), [("gluetun1".to_string(), 2), ("gluetun2".to_string(), 2)].into());
    }
}

/// Sends a request that nobody waits for. It has been sent, so whoever is started afterwards does not hear of it.
fn ask_in_passing(fleet: &Fleet, method: &str, path: &str) {
    let mut asked = crate::web::begin(fleet.at(), method, path, &[], None).expect("acefleet runs");
    // It is not answered if acefleet is killed before.
    thread::spawn(move || drop(asked.read_to_end(&mut Vec::new())));
}

#[test]
fn killed_seven_times_in_the_middle_of_provisioning_it_leaves_no_orphan_and_nothing_double() {
    killed_in_the_middle_of(7, Duration::from_millis(500), |_, fleet, _| {
        ask_in_passing(fleet, "POST", "/scale/6");
        ask_in_passing(fleet, "POST", "/provision/acestream");
    });
}

#[test]
fn killed_seven_times_in_the_middle_of_a_removal_it_finishes_it_and_makes_up_for_it() {
    killed_in_the_middle_of(7, Duration::from_millis(250), |_, fleet, engines| {
        let victim = engines.iter().find(|engine| engine.vpn.as_deref() == Some("gluetun2"));
        let victim = victim.expect("there is an engine on each VPN");
        ask_in_passing(fleet, "DELETE", &format!("/containers/{}", victim.id));
    });
}

#[test]
fn killed_six_times_in_the_middle_of_a_failover_it_touches_no_engine_of_the_vpn_that_is_well() {
    killed_in_the_middle_of(6, Duration::from_millis(800), |ground, _, _| {
        ground.kill(&["gluetun2"]);
    });
}

#[test]
fn stopped_it_leaves_its_engines_running_and_the_next_start_lists_the_same_at_once() {
    let ground = Ground::take();
    let mut fleet = four_engines(&ground);
    let (before, lives) = (fleet.engines(), ground.lives());
    fleet.stop();
    assert!(fleet.log().contains("engines go on running"), "{}", fleet.log());
    assert_eq!(ground.lives(), lives);
    let began = Instant::now();
    fleet.begin();
    let ids = |engines: &[Listed]| engines.iter().map(|engine| engine.id.clone()).collect::<Vec<_>>();
    eventually("the same engines are listed", Duration::from_secs(3), || {
        (ids(&fleet.engines()) == ids(&before)).then_some(())
    });
    println!("listed {:?} after the start", began.elapsed());
    thread::sleep(Duration::from_secs(5));
    assert_eq!(ids(&fleet.settles_at(4)), ids(&before));
    assert_eq!(ground.lives(), lives);
}

#[test]
fn told_to_stop_its_engines_when_it_exits_it_leaves_none_and_nobody_elses_container_is_touched() {
    let ground = Ground::take();
    two_vpns(&ground);
    ground.run_somebody("acestream-somebody", &[], &[]);
    let plan = Plan::behind(&ground, &["gluetun1", "gluetun2"]).with("MIN_REPLICAS", "4");
    let mut fleet = Fleet::start(plan.with("STOP_ENGINES_ON_EXIT", "true"));
    fleet.settles_at(4);
    let began = Instant::now();
    fleet.stop();
    println!("ended after {:?}", began.elapsed());
    assert_eq!(ground.names("acestream-"), ["acestream-somebody"]);
    assert_eq!(ground.names("gluetun"), ["gluetun1", "gluetun2"]);
}

fn image(ground: &Ground, name: &str) -> String {
    let told = ground.inspect(name).unwrap_or_default();
    told["Config"]["Image"].as_str().unwrap_or_default().to_string()
}

#[test]
fn another_image_takes_effect_engine_by_engine_and_one_with_a_viewer_stays_until_he_has_gone() {
    const NEW: &str = "jopsis/acestream:x64";
    let ground = Ground::take();
    let mut fleet = four_engines(&ground);
    let watched = fleet.engines().remove(0);
    let viewer = Viewer::watches(&ground, &watched, "cafe");
    let stream = viewer.announces(&fleet);
    fleet.stop();
    fleet.plan().set("ENGINE_VARIANT", "jopsis-amd64");
    fleet.begin();
    let began = Instant::now();
    let (mut fewest, mut most) = (usize::MAX, 0);
    eventually("all but the watched one are new", SOON, || {
        let offered = fleet.engines();
        if fleet.get("/orchestrator/status")["ready"] == true {
            (fewest, most) = (fewest.min(offered.len()), most.max(fleet.all_engines().len()));
        }
        assert!(offered.iter().any(|engine| engine.id == watched.id) || offered.is_empty(), "it was watched");
        let new = offered.iter().filter(|engine| image(&ground, &engine.name) == NEW).count();
        (new == 3 && fleet.all_engines().len() == 4).then_some(())
    });
    println!(
        "three replaced after {:?}; offered at least {fewest}, existing at most {most}",
        began.elapsed()
    );
    assert!(fewest >= 3 && most <= 5, "they go one at a time");
    thread::sleep(Duration::from_secs(3));
    assert_eq!(ground.lives().get(&watched.name).map(|(id, _)| id), Some(&watched.id));

    drop(viewer);
    assert_eq!(fleet.post("/events/stream_ended", &json!({ "stream_id": stream })).json()["updated"], true);
    eventually("the last one is new, too", SOON, || {
        let engines = fleet.engines();
        (engines.len() == 4 && engines.iter().all(|engine| image(&ground, &engine.name) == NEW)).then_some(())
    });
    let engines = fleet.settles_at(4);
    assert_eq!(by_vpn(&engines), [("gluetun1".to_string(), 2), ("gluetun2".to_string(), 2)].into());
}

#[test]
fn announced_streams_are_known_after_a_kill_and_their_engines_are_not_idle() {
    let ground = Ground::take();
    let mut fleet = four_engines(&ground);
    let engines = fleet.engines();
    let viewers = [(&engines[0], "cafe"), (&engines[2], "beef")]
        .map(|(engine, key)| Viewer::watches(&ground, engine, key));
    let ids: Vec<String> = viewers.iter().map(|viewer| viewer.announces(&fleet)).collect();
    let started = |fleet: &Fleet| {
        let told = fleet.get("/streams?status=started");
        let told = told.as_array().expect("/streams is a list").iter();
        told.map(|stream| {
            format!("{} on {} since {}", stream["id"], stream["container_id"], stream["started_at"])
        })
        .collect::<BTreeSet<_>>()
    };
    let before = started(&fleet);
    // What is announced is kept before it is answered, or very soon afterwards.
    thread::sleep(Duration::from_millis(300));
    fleet.kill();
    fleet.begin();
    eventually("the same streams are listed", SOON, || (started(&fleet) == before).then_some(()));
    eventually("their engines are in use", SOON, || {
        (fleet.get("/orchestrator/status")["capacity"]["used"] == 2).then_some(())
    });
    // Two that are watched stay when all idle engines may go.
    fleet.post("/scale/1", &Value::Null);
    fleet.post("/gc", &Value::Null);
    let left = fleet.settles_at(3);
    for watched in [&engines[0], &engines[2]] {
        assert!(left.iter().any(|engine| engine.id == watched.id), "{watched:?} was watched");
    }
    for id in ids {
        assert_eq!(fleet.post("/events/stream_ended", &json!({ "stream_id": id })).json()["updated"], true);
    }
    assert_eq!(fleet.get("/streams?status=started"), json!([]));
}
