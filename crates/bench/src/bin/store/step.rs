//! A step of the core beside a store that writes all the time, and beside none.

use crate::drive::{Drive, Size, Step};
use crate::figures::Figures;
use crate::week;
use acefleet::store::{Options, Store};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const SIZE: Size = Size { engines: 1_000, vpns: 50, rounds: 1 };
/// A step takes what it took the quickest time; both are driven in turns.
const DRIVES: usize = 5;
/// Samples of a thousand streams come so often: fifty times as often as in truth.
const ROUND_EVERY: Duration = Duration::from_millis(100);

/// Prints both.
pub(crate) fn side_by_side(path: &Path) {
    println!(
        "One step of the core with {} engines, in microseconds, each the quickest of {DRIVES} times: with a store \
         that\nis told of {} streams {} times a second meanwhile, and without one. `record`: what it takes to tell \
         it.\n",
        SIZE.engines,
        week::STREAMS,
        1_000 / ROUND_EVERY.as_millis()
    );
    println!("{:<10} {:>8} {:>8} {:>8} {:>8}", "", "steps", "p50", "p99", "most");
    let store = Store::new(Options::at(path.to_owned()), Arc::default());
    let (mut without, mut with, mut telling) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..DRIVES {
        keep_quickest(&mut without, drive());
        let (steps, told) = while_told(&store, drive);
        keep_quickest(&mut with, steps);
        telling.extend(told);
    }
    let figures = |steps: &[Step]| Figures::of(steps.iter().map(|step| step.took));
    println!("{:<10} {}", "without", figures(&without));
    println!("{:<10} {}", "with", figures(&with));
    println!("{:<10} {}", "record", Figures::of(telling.into_iter()));
}

fn drive() -> Vec<Step> {
    let mut drive = Drive::new(SIZE);
    let mut steps = drive.come_up(SIZE);
    steps.extend(drive.go_through(SIZE));
    steps
}

/// Does something while the store is told of a thousand streams, and says how long each telling took.
fn while_told<T>(store: &Store, act: impl FnOnce() -> T) -> (T, Vec<Duration>) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let telling = scope.spawn(|| {
            let (mut took, mut week) = (Vec::new(), week::Week::new());
            for number in 0.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let news = week.round(number);
                let began = Instant::now();
                store.record(news);
                took.push(began.elapsed());
                thread::sleep(ROUND_EVERY);
            }
            took
        });
        let acted = act();
        over.store(true, Ordering::Relaxed);
        (acted, telling.join().unwrap_or_default())
    })
}

/// Two drives of one size take the same steps, so each step can be compared with itself.
fn keep_quickest(steps: &mut Vec<Step>, again: Vec<Step>) {
    if steps.is_empty() {
        *steps = again;
        return;
    }
    assert_eq!(steps.len(), again.len(), "two drives of one size differ");
    for (step, again) in steps.iter_mut().zip(again) {
        step.took = step.took.min(again.took);
    }
}
