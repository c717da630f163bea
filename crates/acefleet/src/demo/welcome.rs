//! What the demo says to whoever sits at the terminal: what this is, where to look, what to try, how it went.
//!
//! Words only. What they tell of is done elsewhere.

use super::faults::ROUTES;
use super::plan::Plan;
use super::stage::{Stage, offered};
use super::verdict::Verdict;
use super::viewers::View;
use super::voice::Voice;
use crate::http::{self, Request};
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the program may take to give its first answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// No answer about its health is longer.
const ANSWER_MAX_BYTES: usize = 64 * 1024;

/// Waits until the program answers.
pub(super) async fn answers(program: SocketAddr) -> Result<(), String> {
    let asking = async {
        let stream = TcpStream::connect(program).await.map_err(|error| error.to_string())?;
        let request = Request::get(program.to_string(), "/healthz");
        http::call(stream, request, ANSWER_MAX_BYTES).await.map_err(|error| error.to_string())
    };
    let answer = timeout(ANSWERS_WITHIN, asking).await.map_err(|_| "it takes too long".to_owned())??;
    if answer.status == 200 { Ok(()) } else { Err(format!("its answer is {}", answer.status)) }
}

/// What this is.
pub(super) fn hello(plan: &Plan, address: SocketAddr) -> String {
    let seen_by = if address.ip().is_loopback() {
        ""
    } else {
        "\nThis address is seen by others: whoever reaches it may break the fleet, too."
    };
    format!(
        "acefleet demo: {} VPN(s), {} engines and {} viewers, all of them stand-ins inside this process.\n\
         Times are shorter than the product's own, so that nobody waits. Nothing outlives Ctrl-C. Seed {}.{seen_by}\n",
        plan.vpns.len(),
        plan.engines,
        plan.viewers.len(),
        plan.seed,
    )
}

/// Where to look and what to try. What changes something needs the key, if there is one: it is the reader's own, and
/// printed by its name alone.
pub(super) fn what_to_try(plan: &Plan, program: SocketAddr, has_key: bool) -> String {
    let base = format!("http://{program}");
    let post = match has_key {
        true => "curl -X POST -H \"Authorization: Bearer $API_KEY\"",
        false => "curl -X POST",
    };
    let vpn = &plan.vpns[0];
    let mut text = format!(
        "\nPanel   {base}/panel\n\
         Look    curl {base}/engines\n\
         \x20       curl {base}/vpn/status\n\
         \x20       curl '{base}/journal?limit=5'\n\
         Watch   ffplay '{base}/ace/getstream?id={}'   (or vlc, or mpv)\n\
         Break   {post} '{base}/demo/vpn/{vpn}/fail'   and at once   curl {base}/engines\n\
         \x20       {post} '{base}/demo/vpn/{vpn}/recover'\n\
         All     curl {base}/demo   says what is broken and what viewers notice; POST\n",
        plan.a_channel(),
    );
    for route in ROUTES {
        writeln!(text, "        {}", route.path).expect("memory can be written to");
    }
    text.push_str("End     Ctrl-C\n");
    text
}

/// How things are.
pub(super) fn status(stage: &Stage) -> String {
    let views = stage.views();
    let play = views.iter().filter(|view| view.plays()).count();
    let mut text = format!(
        "{} engines are offered; {play} of {} viewers",
        offered(&stage.gate().picture()),
        views.len()
    );
    text.push_str(" have the picture");
    let refused = views.iter().find(|view| view.noticed.bytes == 0 && view.noticed.refusals > 0);
    if let Some(View { viewer, sees, .. }) = refused {
        write!(text, " (viewer {viewer}: {sees})").expect("memory can be written to");
    }
    if let Some(cost) = stage.meter().read() {
        write!(text, "; {cost} so far").expect("memory can be written to");
    }
    text
}

/// Says what viewers noticed in a story, and whether that is all right.
pub(super) fn judge(voice: Voice, verdict: &Verdict, played: bool) -> bool {
    voice.say(&format!("\nWhat viewers noticed:\n{}", verdict.told().trim_end()));
    let complaints = verdict.complaints();
    let well = played && complaints.is_empty();
    match (well, played) {
        (true, _) => voice.say("\nVerdict: nobody noticed more than a player bridges."),
        (false, true) => voice.say(&format!("\nVerdict: that should not be: {}.", complaints.join("; "))),
        (false, false) => voice.say("\nVerdict: the story did not go as it should."),
    }
    well
}
