//! `cargo xtask bench control`: how long a step of the core takes, and how much memory the core holds.
//!
//! Prints and judges nothing: machines are shared and noisy. The core is built as it ships, without assertions
//! and without canaries, and this program depends on nothing else.

mod drive;
mod figures;
mod heap;
mod host;

use drive::{Drive, Size, Step};
use figures::{Figures, growth};
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const SIZES: [Size; 4] = [
    Size { engines: 10, vpns: 2, rounds: 10 },
    Size { engines: 100, vpns: 10, rounds: 5 },
    Size { engines: 1_000, vpns: 50, rounds: 2 },
    Size { engines: 2_000, vpns: 100, rounds: 2 },
];
const SNAPSHOTS: usize = 201;
/// How often the same is driven. A step takes what it took the quickest time: what the machine did for others in
/// between is not the core's.
const DRIVES: usize = 3;
const EXIT_USAGE: u8 = 64;

const HEAD: &str = "\
One step of the core, in microseconds: an event handled, its commands drained, the next waking asked for; each
the quickest of three times. `deciding`: the steps in which something was decided. Coming up: from nothing until
all engines are offered. Mixed: daily work, and in each 900 s three VPNs that fail and recover, and engines that
die or hang.
";

/// What was found at one size.
struct Found {
    size: Size,
    coming_up: Vec<Step>,
    mixed: Vec<Step>,
    snapshots: Vec<Duration>,
    /// What the core held when the fleet was whole again.
    bytes: usize,
    /// Engines that it offered then.
    offered: usize,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let known = |argument: &String| SIZES.into_iter().find(|size| size.engines.to_string() == *argument);
    let sizes: Option<Vec<Size>> = arguments.iter().map(known).collect();
    let Some(sizes) = sizes else {
        let known = SIZES.map(|size| size.engines.to_string()).join(", ");
        eprintln!("usage: bench control [ENGINES]...   of {known}; all of them unless some are named");
        return ExitCode::from(EXIT_USAGE);
    };
    let sizes = if sizes.is_empty() { SIZES.to_vec() } else { sizes };
    let found: Vec<Found> = sizes.into_iter().map(measure).collect();
    print_steps(&found);
    print_state(&found);
    if let Some(largest) = found.last() {
        print_kinds(largest);
    }
    if let [.., before, after] = &found[..] {
        print_growth(before, after);
    }
    ExitCode::SUCCESS
}

/// Drives a core of this size several times.
fn measure(size: Size) -> Found {
    let mut found = measure_once(size);
    for _ in 1..DRIVES {
        let again = measure_once(size);
        keep_quickest(&mut found.coming_up, &again.coming_up);
        keep_quickest(&mut found.mixed, &again.mixed);
        found.snapshots.iter_mut().zip(again.snapshots).for_each(|(took, again)| *took = again.min(*took));
    }
    found
}

fn measure_once(size: Size) -> Found {
    let mut drive = Drive::new(size);
    let coming_up = drive.come_up(size);
    let mixed = drive.go_through(size);
    let snapshots = (0..SNAPSHOTS).map(|_| {
        let begun = Instant::now();
        let snapshot = black_box(drive.snapshot());
        let took = begun.elapsed();
        drop(snapshot);
        took
    });
    let snapshots = snapshots.collect();
    let offered = drive.snapshot().capacity.offered;
    let core = drive.into_core();
    let with_it = heap::live_bytes();
    drop(core);
    let bytes = with_it - heap::live_bytes() + size_of::<control::Control>();
    Found { size, coming_up, mixed, snapshots, bytes, offered }
}

/// Two drives of one size take the same steps, so each step can be compared with itself.
fn keep_quickest(steps: &mut [Step], again: &[Step]) {
    assert_eq!(steps.len(), again.len(), "two drives of one size differ");
    for (step, again) in steps.iter_mut().zip(again) {
        step.took = step.took.min(again.took);
    }
}

fn print_steps(found: &[Found]) {
    println!("{HEAD}");
    println!(
        "{:>7} {:>4}  {:<10} {:>8} {:>8} {:>8} {:>8}  {:>8} {:>8} {:>8} {:>8}",
        "engines", "VPNs", "", "steps", "p50", "p99", "most", "deciding", "p50", "p99", "most"
    );
    for Found { size, coming_up, mixed, .. } in found {
        for (phase, steps) in [("coming up", coming_up), ("mixed", mixed)] {
            let (all, deciding) = (all(steps), deciding(steps));
            println!("{:>7} {:>4}  {phase:<10} {all}  {deciding}", size.engines, size.vpns);
        }
    }
}

fn print_state(found: &[Found]) {
    println!("\na snapshot, in microseconds, and what the core holds, when the troubles are over\n");
    println!(
        "{:>7} {:>4}  {:>8} {:>8} {:>8} {:>8}  {:>8} {:>8} {:>12}",
        "engines", "VPNs", "taken", "p50", "p99", "most", "offered", "KiB", "B per engine"
    );
    for Found { size, snapshots, bytes, offered, .. } in found {
        let snapshots = Figures::of(snapshots.iter().copied());
        let (kib, each) = (bytes / 1024, bytes / size.engines);
        println!("{:>7} {:>4}  {snapshots}  {offered:>8} {kib:>8} {each:>12}", size.engines, size.vpns);
    }
}

/// What the time of the largest fleet went into.
fn print_kinds(found: &Found) {
    let total: Duration = found.mixed.iter().map(|step| step.took).sum();
    println!("\nthe mixed steps of {} engines by what they were told\n", found.size.engines);
    println!(
        "{:<24} {:>8} {:>8} {:>8} {:>8}  {:>8} {:>6}",
        "", "steps", "p50", "p99", "most", "deciding", "time"
    );
    let mut kinds: Vec<_> = found.mixed.iter().map(|step| step.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for kind in kinds {
        let steps = || found.mixed.iter().filter(|step| step.kind == kind);
        let figures = Figures::of(steps().map(|step| step.took));
        let deciding = steps().filter(|step| step.decided).count();
        let time: Duration = steps().map(|step| step.took).sum();
        let share = 100.0 * time.as_secs_f64() / total.as_secs_f64();
        println!("{kind:<24} {figures}  {deciding:>8} {share:>5.1}%");
    }
}

fn print_growth(before: &Found, after: &Found) {
    let (from, to) = (before.size.engines as f64, after.size.engines as f64);
    println!(
        "\ngrowth from {from} to {to} engines, mixed; n log n would be x {:.2}\n",
        growth::n_log_n(from, to)
    );
    let steps = growth::of(&all(&before.mixed), &all(&after.mixed));
    println!("all steps      {steps}");
    println!("deciding steps {}", growth::of(&deciding(&before.mixed), &deciding(&after.mixed)));
    let snapshots = |found: &Found| Figures::of(found.snapshots.iter().copied());
    println!("snapshot       {}", growth::of(&snapshots(before), &snapshots(after)));
}

fn all(steps: &[Step]) -> Figures {
    Figures::of(steps.iter().map(|step| step.took))
}

fn deciding(steps: &[Step]) -> Figures {
    Figures::of(steps.iter().filter(|step| step.decided).map(|step| step.took))
}
