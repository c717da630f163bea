//! What the adapter does on a real Docker Engine beside the facts: images, commands, logs, events, ports.

use crate::lab::DockerLab;
use crate::registry::{Registry, image_of_no_registry};
use acefleet::runtime::{Ran, Runtime, Spec};
use acefleet::settings::Variant;
use control::command::Target;
use control::docker::{Happened, Network, State};
use control::event::Refusal;
use control::ids::{ContainerId, Name};
use sim::facts::Lab;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

/// The stand-in of an engine, in which there is no shell.
fn without_shell() -> String {
    Variant::Krinkuto11Amd64.image("", "")
}

/// A container that runs a shell's words.
fn shell(lab: &DockerLab, image: &str, words: &str) -> Spec {
    let command = ["/bin/sh", "-c", words].map(str::to_owned).to_vec();
    Spec { command: Some(command), ..lab.spec("shell", image) }
}

fn run(lab: &DockerLab, spec: &Spec) -> ContainerId {
    let id = lab.call(lab.docker.create(spec)).expect("it is created");
    lab.call(lab.docker.start(id)).expect("it is started");
    id
}

#[test]
fn a_missing_image_is_fetched_while_its_progress_can_be_seen() {
    let registry = Registry::start();
    let mut lab = DockerLab::new("fetch");
    lab.forget_image_at_the_end(&registry.image());
    let (docker, spec) = (lab.docker.clone(), lab.spec("engine", &registry.image()));
    let creating = lab.begin(async move { docker.create(&spec).await });
    lab.until("progress is seen", |lab| {
        let percents = lab.docker.pulling().into_iter().filter_map(|pulling| pulling.progress.percent());
        percents.into_iter().any(|percent| (1..100).contains(&percent))
    });
    let id = lab.end(creating).expect("the image arrives");
    assert_eq!(lab.inspect(id).map(|facts| facts.listed.state), Some(State::Created));
    assert_eq!(lab.docker.pulling(), []);
}

#[test]
fn an_image_that_cannot_be_had_is_missing_and_the_reason_is_told() {
    let registry = Registry::start();
    let lab = DockerLab::new("missing");
    for (image, reason) in
        [(registry.missing(), "manifest unknown"), (image_of_no_registry(), "connection refused")]
    {
        let spec = lab.spec("engine", &image);
        assert_eq!(lab.call(lab.docker.create(&spec)), Err(Refusal::ImageMissing));
        let told = lab.docker.pulling().into_iter().find(|pulling| pulling.image == image);
        let told = told.and_then(|pulling| pulling.failed).expect("a reason is told");
        assert!(told.contains(reason), "{told}");
    }
}

#[test]
fn a_command_is_run_where_there_is_a_shell_and_refused_where_there_is_none() {
    let registry = Registry::start();
    let mut lab = DockerLab::new("exec");
    lab.forget_image_at_the_end(&registry.image());
    let with = run(&lab, &shell(&lab, &registry.image(), "sleep 1000"));
    let ran = lab.call(lab.docker.run_in(with, &["sh", "-c", "echo out; echo err >&2; exit 3"]));
    let Ran { exit_code, output } = ran.expect("it is run");
    assert_eq!(exit_code, 3);
    let mut lines: Vec<&str> = std::str::from_utf8(&output).expect("text").lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["err", "out"]);
    // A shell that does not find a command is a shell.
    let ran = lab.call(lab.docker.run_in(with, &["sh", "-c", "nonsense"])).expect("it is run");
    assert_eq!(ran.exit_code, 127);

    let without = run(&lab, &lab.spec("bare", &without_shell()));
    let refused = lab.call(lab.docker.run_in(without, &["sh", "-c", "true"]));
    assert_eq!(refused, Err(Refusal::NoShell));
}

#[test]
fn of_a_log_the_last_lines_are_told() {
    let registry = Registry::start();
    let mut lab = DockerLab::new("logs");
    lab.forget_image_at_the_end(&registry.image());
    let talker = run(&lab, &shell(&lab, &registry.image(), "echo oh >&2; seq 1 1000; sleep 1000"));
    let log = |lab: &DockerLab, tail, limit| {
        let log = lab.call(lab.docker.logs(talker, tail, limit)).expect("a log");
        String::from_utf8(log.to_vec()).expect("text")
    };
    // What comes by two ways may overtake each other.
    let has = |log: &str, line: &str| log.lines().any(|other| other == line);
    lab.until("everything is said", |lab| {
        let all = log(lab, 2_000, 100_000);
        has(&all, "oh") && has(&all, "1000")
    });
    let counted: Vec<String> =
        log(&lab, 2_000, 100_000).lines().filter(|line| *line != "oh").map(str::to_owned).collect();
    assert_eq!(counted, (1..=1_000).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(log(&lab, 3, 100_000).lines().count(), 3);
    assert!(has(&log(&lab, 2, 100_000), "1000"));
    assert_eq!(log(&lab, 2_000, 10).len(), 10);
}

#[test]
fn what_happens_to_a_container_is_told_once() {
    let mut lab = DockerLab::new("events");
    let id = run(&lab, &lab.spec("engine", &without_shell()));
    lab.pause(id);
    lab.call(lab.docker.restart(id, Duration::ZERO)).expect("it is restarted");
    lab.call(lab.docker.stop(id, Duration::ZERO)).expect("it is stopped");
    lab.call(lab.docker.stop(id, Duration::ZERO)).expect("that is so already");
    lab.call(lab.docker.remove(id)).expect("it is removed");
    assert_eq!(lab.call(lab.docker.remove(id)), Err(Refusal::NoSuchContainer));
    let mut told = Vec::new();
    lab.until("its end is told", |lab| {
        told.extend(lab.notices().into_iter().filter(|notice| notice.id == id));
        told.last().is_some_and(|notice| notice.happened == Happened::Destroyed)
    });
    assert!(told.iter().all(|notice| notice.ours && notice.name.as_str().ends_with("engine")), "{told:?}");
    let told: Vec<Happened> = told.iter().map(|notice| notice.happened).collect();
    let restarted = [Happened::Unpaused, Happened::Died, Happened::Started];
    let (begin, end) =
        ([Happened::Created, Happened::Started, Happened::Paused], [Happened::Died, Happened::Destroyed]);
    assert_eq!(told, [&begin[..], &restarted, &end].concat());
}

#[test]
fn a_port_that_somebody_has_is_taken() {
    let somebody = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a port is free");
    let port = somebody.local_addr().expect("it is bound").port();
    let lab = DockerLab::new("ports");
    let spec = |name: &str| Spec { publish: vec![(port, port)], ..lab.spec(name, &without_shell()) };
    let first = lab.call(lab.docker.create(&spec("first"))).expect("Docker looks at ports when it starts");
    assert_eq!(lab.call(lab.docker.start(first)), Err(Refusal::PortTaken));
    drop(somebody);
    lab.call(lab.docker.start(first)).expect("the port is free now");
    let second = lab.call(lab.docker.create(&spec("second"))).expect("it is created");
    assert_eq!(lab.call(lab.docker.start(second)), Err(Refusal::PortTaken));
    let listed = lab.call(lab.docker.list()).expect("a listing").containers;
    let published = |id| listed.iter().find(|listed| listed.id == id).map(|listed| listed.published.to_vec());
    assert_eq!(published(first), Some(vec![port]));
}

#[test]
fn an_inspection_tells_where_a_container_can_be_reached() {
    let lab = DockerLab::new("reach");
    let port = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))
        .and_then(|free| free.local_addr())
        .expect("a port")
        .port();
    let spec = Spec { publish: vec![(19_000, port)], ..lab.spec("engine", &without_shell()) };
    let id = run(&lab, &spec);
    let found =
        lab.call(lab.docker.inspect(&Target::Name(spec.name))).expect("an answer").expect("a container");
    assert_eq!(found.facts.listed.id, id);
    assert_eq!(found.facts.listed.network, Network::Own(Name::from("default")));
    assert!(found.facts.sandbox.is_some() && found.facts.started_at > Some(found.facts.created_at));
    assert_eq!(found.reach.published, [(19_000, port)]);
    let [(network, address)] = &found.reach.addresses[..] else { panic!("{:?}", found.reach) };
    assert!(network == "bridge" && address.is_ipv4());
    // The same name with a letter less is another container's, which there is none of.
    let shorter = Name::from(format!("{id:.12}").as_str());
    assert_eq!(lab.call(lab.docker.inspect(&Target::Name(shorter))), Ok(None));
}

#[test]
fn of_two_removals_at_once_each_is_told_that_it_is_gone() {
    let lab = DockerLab::new("remove");
    let id = run(&lab, &lab.spec("engine", &without_shell()));
    let removals: Vec<_> = (0..2)
        .map(|_| {
            let docker = lab.docker.clone();
            lab.begin(async move { docker.remove(id).await })
        })
        .collect();
    for removal in removals {
        let ended = lab.end(removal);
        assert!(matches!(ended, Ok(()) | Err(Refusal::NoSuchContainer)), "{ended:?}");
    }
    assert_eq!(lab.call(lab.docker.inspect(&Target::Id(id))), Ok(None));
}
