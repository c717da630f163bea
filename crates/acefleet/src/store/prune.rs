//! Retention: what is too old goes, and beyond the size that was chosen the oldest, in steps so small that nothing
//! that is to be written waits long.
//!
//! Samples of streams go first: they are by far the most, and the least missed.

use super::Options;
use super::tables::millis;
use control::Time;
use rusqlite::{Connection, Transaction, params};
use std::time::Duration;

/// Rows that one step looks at, and removes at most, of each table: twice what a transaction writes, so that pruning
/// keeps up with whatever is written.
pub(super) const STEP_ROWS: usize = 2 * super::keeper::TRANSACTION_ROWS_MAX;
/// Between two steps while there is more to do.
pub(super) const PAUSE: Duration = Duration::from_millis(5);
/// Between two looks when there was nothing to do: so long, or so many rows that were written.
pub(super) const EVERY: Duration = Duration::from_secs(10);
pub(super) const EVERY_ROWS: usize = 5 * super::keeper::TRANSACTION_ROWS_MAX;
/// What is kept free of the size that was chosen: this part of it, and more than is written between two looks. It takes
/// the pages that pruning has emptied, and the file need not grow and shrink all the time.
const FREE_SHARE: u64 = 32;
const FREE_LEAST_BYTES: u64 = 1 << 20;
/// Pages that one step gives back to the system.
const VACUUM_PAGES: u32 = 512;

/// What one step has done.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Step {
    pub(super) removed: usize,
    /// There is more to do.
    pub(super) more: bool,
    /// How large the file is now.
    pub(super) file_bytes: u64,
}

/// How the oldest rows of a table are found and removed.
///
/// Two statements: SQLite removes rows as it meets them only if nothing else has to be asked meanwhile; with a question
/// inside, it writes them all down first and looks for each again, which takes fifteen times as long.
struct Oldest {
    /// The last of the first rows, in the order in which they were written, that is older than a moment.
    last: &'static str,
    /// Removes everything up to it.
    remove: &'static str,
}

/// The table that loses rows first, and the others.
const SAMPLES: Oldest = Oldest {
    last: "SELECT max(at) FROM (SELECT at FROM samples ORDER BY at LIMIT ?2) WHERE at < ?1",
    remove: "DELETE FROM samples WHERE at <= ?",
};
const OTHERS: [Oldest; 3] = [
    Oldest {
        last: "SELECT max(id) FROM (SELECT id, at FROM journal ORDER BY id LIMIT ?2) WHERE at < ?1",
        remove: "DELETE FROM journal WHERE id <= ?",
    },
    Oldest {
        last: "SELECT max(id) FROM (SELECT id, at FROM states ORDER BY id LIMIT ?2) WHERE at < ?1",
        remove: "DELETE FROM states WHERE id <= ?",
    },
    Oldest {
        last: "SELECT max(ended) FROM (SELECT ended FROM streams WHERE ended IS NOT NULL ORDER BY ended LIMIT ?2)
            WHERE ended < ?1",
        remove: "DELETE FROM streams WHERE ended <= ?",
    },
];

impl Oldest {
    fn remove(&self, from: &Transaction<'_>, before: i64) -> rusqlite::Result<usize> {
        let limit = i64::try_from(STEP_ROWS).unwrap_or(i64::MAX);
        let last: Option<i64> =
            from.prepare_cached(self.last)?.query_row(params![before, limit], |row| row.get(0))?;
        let Some(last) = last else { return Ok(0) };
        from.prepare_cached(self.remove)?.execute([last])
    }
}

/// Removes what has to go, once.
pub(super) fn step(connection: &mut Connection, options: &Options, now: Time) -> rusqlite::Result<Step> {
    let oldest = millis(now).saturating_sub(i64::try_from(options.kept_for.as_millis()).unwrap_or(i64::MAX));
    let changes = connection.transaction()?;
    let mut step = Step::default();
    for table in [&SAMPLES].into_iter().chain(&OTHERS) {
        let removed = table.remove(&changes, oldest)?;
        step.more |= removed >= STEP_ROWS;
        step.removed += removed;
    }
    let free = (options.bytes_max / FREE_SHARE).max(FREE_LEAST_BYTES).min(options.bytes_max / 2);
    if used_bytes(&changes)? > options.bytes_max - free {
        let mut removed = SAMPLES.remove(&changes, i64::MAX)?;
        if removed == 0 {
            for table in &OTHERS {
                removed += table.remove(&changes, i64::MAX)?;
            }
        }
        step.more |= removed > 0;
        step.removed += removed;
    }
    changes.commit()?;
    step.file_bytes = pragma(connection, "page_count")? * pragma(connection, "page_size")?;
    // The choice was another one before, or more was written at once than was kept free.
    if step.file_bytes > options.bytes_max && pragma(connection, "freelist_count")? > 0 {
        // It gives back a page for each row that is read of its answer.
        let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
        let mut rows = vacuum.query(())?;
        while rows.next()?.is_some() {}
        step.more = true;
    }
    Ok(step)
}

/// What the file holds, without pages that are empty.
fn used_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let pages = pragma(connection, "page_count")?.saturating_sub(pragma(connection, "freelist_count")?);
    Ok(pages * pragma(connection, "page_size")?)
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<u64> {
    connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}
