//! `media`: channels for simulated hours, with sources that fail; what came of it.
//!
//! The exit status is 0 if nothing was wrong, 1 if something was, and 64 if the call is.

use sim::media::soak::{self, Report};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const USAGE: &str = "usage: media [--hours N] [--seed N]";
const EXIT_USAGE: u8 = 64;
/// A run: long enough for everything that a run can get into, short enough to be played again.
const RUN: Duration = Duration::from_secs(3_600);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((hours, seed)) = parse(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(EXIT_USAGE);
    };
    let began = Instant::now();
    let mut total = Report::default();
    for run in 0..hours {
        let report = soak::run(seed.wrapping_add(run), RUN);
        total.packets += report.packets;
        total.seamless += report.seamless;
        total.keyframe += report.keyframe;
        total.breaks += report.breaks;
        total.skips += report.skips;
        total.segments += report.segments;
        total.silence = total.silence.max(report.silence);
        if let Some((at, what)) = report.violation {
            println!("violation {what}: after {at:?}, seed {}", seed.wrapping_add(run));
            println!("play it again: cargo xtask media --hours 1 --seed {}", seed.wrapping_add(run));
            return ExitCode::FAILURE;
        }
    }
    let Report { packets, seamless, keyframe, breaks, skips, segments, silence, violation: _ } = total;
    println!(
        "media: {hours} simulated hours, seed {seed}, {:.1} s: no violation",
        began.elapsed().as_secs_f64()
    );
    println!("packets {packets}, segments {segments}, skips of viewers {skips}, breaks of sources {breaks}");
    println!("splices: {seamless} seamless, {keyframe} at a keyframe; longest silence {silence:?}");
    ExitCode::SUCCESS
}

/// Hours and seed.
fn parse(arguments: &[String]) -> Option<(u64, u64)> {
    let (mut hours, mut seed) = (24, 1);
    for pair in arguments.chunks(2) {
        let [flag, number] = pair else { return None };
        let number = number.parse().ok()?;
        match flag.as_str() {
            "--hours" => hours = number,
            "--seed" => seed = number,
            _ => return None,
        }
    }
    Some((hours, seed))
}
