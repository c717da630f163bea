//! Retention: what is too old goes, and beyond the size that was chosen the oldest, in steps so small that nothing
//! that is to be written waits long.
//!
//! Samples of streams go first: they are by far the most, and the least missed.

use super::Options;
use super::tables::millis;
use control::Time;
use rusqlite::{Connection, Statement, params};
use std::time::Duration;

/// Rows that one step removes of each table: more than a batch brings, so that pruning catches up.
pub(super) const STEP_ROWS: usize = 4_000;
/// Between two steps while there is more to do.
pub(super) const PAUSE: Duration = Duration::from_millis(20);
/// Between two looks when there was nothing to do.
pub(super) const EVERY: Duration = Duration::from_secs(10);
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

/// The oldest rows that were written before a moment, and not more than a step's worth. Their numbers or moments,
/// whatever orders them, are its only other parameter.
const OLD: [&str; 4] = [
    "DELETE FROM samples WHERE at < ?1 AND at <= coalesce(
        (SELECT at FROM samples ORDER BY at LIMIT 1 OFFSET ?2), ?1)",
    "DELETE FROM journal WHERE id IN (SELECT id FROM journal WHERE at < ?1 ORDER BY id LIMIT ?2)",
    "DELETE FROM states WHERE id IN (SELECT id FROM states WHERE at < ?1 ORDER BY id LIMIT ?2)",
    "DELETE FROM streams WHERE number IN (SELECT number FROM streams WHERE ended < ?1 ORDER BY ended LIMIT ?2)",
];

/// Removes what has to go, once.
pub(super) fn step(connection: &mut Connection, options: &Options, now: Time) -> rusqlite::Result<Step> {
    let oldest = millis(now).saturating_sub(i64::try_from(options.kept_for.as_millis()).unwrap_or(i64::MAX));
    let limit = i64::try_from(STEP_ROWS).unwrap_or(i64::MAX);
    let changes = connection.transaction()?;
    let remove = |mut statement: Statement<'_>, before: i64| statement.execute(params![before, limit]);
    let mut step = Step::default();
    for old in OLD {
        let removed = remove(changes.prepare(old)?, oldest)?;
        step.more |= removed >= STEP_ROWS;
        step.removed += removed;
    }
    if used_bytes(&changes)? > options.bytes_max {
        let [samples, others @ ..] = OLD;
        let mut removed = remove(changes.prepare(samples)?, i64::MAX)?;
        if removed == 0 {
            for old in others {
                removed += remove(changes.prepare(old)?, i64::MAX)?;
            }
        }
        step.more |= removed > 0;
        step.removed += removed;
    }
    changes.commit()?;
    step.file_bytes = pragma(connection, "page_count")? * pragma(connection, "page_size")?;
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
