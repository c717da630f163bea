//! A process that is killed while it writes, again and again, on the same file.

use super::child::{self, DATABASE, Said};
use super::{Folder, until};
use rusqlite::Connection;
use std::path::Path;

/// Files that are written to side by side, and how often the process of each is killed: a hundred times together.
const FILES: usize = 10;
const KILLS: usize = 10;
/// Batches that a process commits before it is killed, if it gathers as acefleet does.
const BATCHES: usize = 4;

#[test]
fn a_hundred_kills_lose_nothing_that_was_committed_and_at_most_one_batch_of_the_rest() {
    let files: Vec<_> =
        (0..FILES).map(|file| std::thread::spawn(move || kill_again_and_again(file))).collect();
    for file in files {
        file.join().expect("each file is as it should be");
    }
}

fn kill_again_and_again(file: usize) {
    let folder = Folder::new(&format!("killed-{file}"));
    for life in 0..KILLS {
        child::forget(folder.path());
        // Two of ten gather what they write, as acefleet does; the others write as much as the disk takes.
        let gathers = life % 5 == 4;
        let child = child::command(folder.path(), !gathers).spawn().expect("it starts");
        let enough = if gathers { BATCHES } else { 1 + (file * 7 + life * 13) % 30 };
        let commits =
            || child::said(folder.path()).into_iter().filter(|said| matches!(said, Said::Committed(_)));
        until("it has committed for a while", || commits().count() >= enough);
        child::kill(child);
        check(folder.path(), &child::said(folder.path()));
    }
}

/// Compares the file with what its writer has said.
fn check(folder: &Path, said: &[Said]) {
    let file = Connection::open(folder.join(DATABASE)).expect("it opens");
    let number =
        |query: &str| file.query_row(query, (), |row| row.get::<_, i64>(0)).expect(query).unsigned_abs();
    let whole: String =
        file.query_row("PRAGMA integrity_check", (), |row| row.get(0)).expect("it is checked");
    assert_eq!(whole, "ok");
    let last = number("SELECT coalesce(max(id), 0) FROM journal");
    // Nothing in between is missing, of this life and of those before.
    assert_eq!(number("SELECT count(*) FROM journal"), last);
    assert_eq!(number("SELECT count(*) FROM samples"), last);
    let committed = said.iter().rev().find_map(|said| match said {
        Said::Committed(entry) | Said::Began(entry) => Some(*entry),
        Said::Recorded(..) | Said::Trouble | Said::Well | Said::Kept(..) => None,
    });
    let committed = committed.expect("it has begun");
    assert!(committed <= last, "{committed} was committed, and {last} is the last that is there");
    let sums = number("SELECT downloaded FROM totals");
    assert!(committed <= sums && sums == last, "{committed} {last} {sums}");
    check_batches(said);
}

/// When a batch is seen, at most the next one is under way; the one after that takes everything that had been recorded
/// by then. So what a kill can cost is one batch that is being written and one that is being gathered, never more.
fn check_batches(said: &[Said]) {
    let (mut recorded, mut next, mut due) = (0, 0, 0);
    for said in said {
        match *said {
            Said::Recorded(entry) => recorded = entry,
            Said::Committed(entry) => {
                assert!(due <= entry, "{due} was recorded two batches ago, and this one ends with {entry}");
                (due, next) = (next, recorded);
            }
            Said::Began(_) | Said::Trouble | Said::Well | Said::Kept(..) => {}
        }
    }
}
