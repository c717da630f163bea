//! `acefleet status --why`, asked of a fleet to which something has happened; and the page that shows such a story.

use super::fleet::{Fleet, Setup};
use super::golden::document;
use serde_json::Value;
use std::process::{Command, Output};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Runs the program against this fleet, which goes on meanwhile.
async fn why(fleet: &Fleet, arguments: &[&str]) -> Output {
    let url = format!("http://{}", fleet.address);
    let mut command = Command::new(env!("CARGO_BIN_EXE_acefleet"));
    command.args(["status", "--url", &url, "--why"]).args(arguments).env_clear();
    command.current_dir(env!("CARGO_TARGET_TMPDIR"));
    tokio::task::spawn_blocking(move || command.output().expect("it can be started")).await.expect("it ends")
}

async fn story(fleet: &Fleet, name: &str) -> String {
    let output = why(fleet, &[name]).await;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), complaint.as_str()), (Some(0), ""), "{name}");
    String::from_utf8(output.stdout).expect("text")
}

/// Two VPNs with ten engines, five each; one VPN is stopped by hand.
async fn stopped_by_hand() -> Fleet {
    let mut setup = Setup::with_vpns(&[("gluetun", Some(48_278)), ("gluetun2", Some(40_001))]);
    setup.settings.min_replicas = 10;
    setup.settings.max_replicas = 12;
    setup.settings.max_active_replicas = 12;
    let fleet = setup.start().await;
    fleet.pass(570 * SECOND);
    fleet.outside(|host| host.stop("gluetun"));
    fleet
}

/// And started again, with another port.
async fn incident() -> Fleet {
    let fleet = stopped_by_hand().await;
    fleet.pass(45 * SECOND);
    fleet.outside(|host| host.start_again("gluetun", 53_344));
    fleet.pass(12 * SECOND);
    fleet.outside(|host| host.becomes_healthy("gluetun"));
    fleet.pass(60 * SECOND);
    fleet
}

const PAGE: (&str, &str, &str) = (
    "# The journal

acefleet writes down each decision: what it did, what it saw that made it do so, and what it expects to follow. This
page shows what that looks like, and how to ask. It is made from a run of the program's core, so it is never out of
date.

## One VPN of two is stopped by hand

Two VPNs, ten engines, five on each. At 12:10:00 somebody stops the container `gluetun`; at 12:10:45 it is started
again, and it is healthy twelve seconds later, with another forwarded port. `acefleet status --why gluetun` then tells:

",
    "
Each sentence says what happened, then why, then what follows; what happened to several engines in the same second is
said once. That the port changed from 48278 to 53344 is no change to act upon: the engines of the old port were gone
with the network, and the new one begins with the new port.
Ten engines were there before, and ten are there after; nothing was created twice, and on `gluetun2` nothing happened
at all. `acefleet status --why acestream-1` tells the same from the point of view of one engine, together with what
happened to its VPN, without which nobody would understand it:

",
    "
And this is how it ends if it is asked while the VPN is still down, ten seconds after it was stopped:

",
);

const HOW_TO_ASK: &str = "
## How to ask

`acefleet status --why NAME` takes the name of an engine or of a VPN, an engine's port or the beginning of its
container's id, or a stream by its id or by what it plays. A name that nobody has is answered with the names that
there are. `--url` says where acefleet answers, `--json` prints the same for programs.

`GET /journal` tells the newest first. All of these may be combined; what makes no sense is answered with 422 and what
is allowed:

| parameter | entries |
| --- | --- |
| `engine` | that concern this engine: name, id, or the beginning of the id from 12 digits on |
| `vpn` | that concern this VPN: its container's name |
| `stream` | that concern this stream: its id |
| `kind` | of this kind, or of several with commas between them |
| `operation` | that belong to this operation, as whoever asked for it was told |
| `since`, `until` | written in this time: RFC 3339, or seconds since 1970 |
| `before` | older than the one with this `id`: how to read page by page |
| `limit` | at most so many: 1 to 1,000, otherwise 100 |

An entry's `id` is greater than that of every entry before it, whatever was restarted in between. `GET /events/stream`
tells new ones as they are written; whoever comes back with `Last-Event-ID` is told in the first event all that it has
missed, as far as the program still has it in memory (1,000 entries).

The latest 1,000 entries are in memory; older ones are read from the [store](history.md). If that cannot be read, the
answer is what is in memory, and its header `X-Acefleet-Incomplete` says why it is not all.
";

/// The last line or so: what it is like now.
fn present(story: &str) -> &str {
    &story[story.find("\nNow, ").expect("it says how it is now") + 1..]
}

#[tokio::test]
async fn the_page_about_the_journal_is_the_one_that_is_written_down() {
    let fleet = incident().await;
    let (of_vpn, of_engine) = (story(&fleet, "gluetun").await, story(&fleet, "acestream-1").await);
    let fleet = stopped_by_hand().await;
    fleet.pass(10 * SECOND);
    let down = story(&fleet, "gluetun").await;
    let block = |text: &str| format!("```text\n{}\n```\n", text.trim_end());
    let (before, between, after) = PAGE;
    let page = [
        before.into(),
        block(&of_vpn),
        between.into(),
        block(&of_engine),
        after.into(),
        block(present(&down)),
        HOW_TO_ASK.into(),
    ];
    document("journal.md", &page.concat());
}

#[tokio::test]
async fn a_story_is_found_by_every_name_that_somebody_may_have() {
    let fleet = incident().await;
    fleet.announce(19_005, "some|stream").await;
    let of_engine = story(&fleet, "acestream-6").await;
    assert!(of_engine.starts_with("The story of engine acestream-6 on VPN 'gluetun2' (times in UTC)\n"));
    let id = fleet.engine_id("acestream-6").await;
    for name in [&id, &id[..12], "19005"] {
        assert_eq!(story(&fleet, name).await, of_engine, "{name}");
    }
    let of_stream = story(&fleet, "some|stream").await;
    assert!(present(&of_stream).contains("it is played by engine acestream-6"), "{of_stream}");
    let output = why(&fleet, &["gluetun", "--json"]).await;
    let read: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&read["kind"], &read["now"]["verdict"]), (&"vpn".into(), &"healthy".into()));
    assert!(read["journal"].as_array().is_some_and(|entries| entries.len() > 5));
}

#[tokio::test]
async fn an_engine_that_is_hidden_says_why_and_what_comes_next() {
    let fleet = stopped_by_hand().await;
    fleet.pass(2 * SECOND);
    let told = story(&fleet, "acestream-1").await;
    let now = present(&told).replace('\n', " ");
    assert!(now.contains("it is hidden for 2 s, since 12:10:00"), "{now}");
    assert!(now.contains("because its VPN's network is gone"), "{now}");
    assert!(now.contains("Something further is done about it at 12:10:05, in 3 s."), "{now}");
    // What happened to its VPN is a part of it.
    assert!(told.contains("VPN 'gluetun' failed"), "{told}");
    assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
    fleet.pass(10 * SECOND);
    let gone = story(&fleet, "acestream-1").await;
    assert!(present(&gone).contains("not there any more"), "{gone}");
}

#[tokio::test]
async fn a_name_that_nobody_has_is_answered_with_those_that_there_are() {
    let fleet = Setup::with_vpns(&[("gluetun", None)]).start().await;
    let output = why(&fleet, &["acestream-99\u{1b}[2J"]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("nothing called 'acestream-99") && !said.contains('\u{1b}'), "{said}");
    assert!(said.contains("VPNs: gluetun\n  engines: acestream-1, acestream-2"), "{said}");
    // Two questions at once cannot be meant.
    assert_eq!(why(&fleet, &["gluetun", "--watch"]).await.status.code(), Some(64));
}
