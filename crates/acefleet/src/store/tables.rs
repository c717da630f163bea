//! The tables, and how rows are written to them. Values are always bound, never part of the text.
//!
//! Times are milliseconds since 1970, but for `announced`, which must give back exactly what it was given.

use super::facts::{Beginning, SampleFact, StateFact};
use crate::api::wire::stream::{key_type_word, origin_word};
use crate::history::Totals;
use crate::journal::{Line, Numbered, whole_millis};
use control::Time;
use control::snapshot::StreamView;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::sync::Arc;

/// The steps from one version of the tables to the next. What has been released is never changed: add a step.
pub(super) const MIGRATIONS: [&str; 2] = [
    "CREATE TABLE announced (
        stream TEXT PRIMARY KEY,
        engine TEXT NOT NULL,
        key_type TEXT NOT NULL,
        key TEXT NOT NULL,
        playback_session_id TEXT NOT NULL,
        stat_path TEXT,
        command_path TEXT,
        is_live INTEGER NOT NULL,
        started_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID",
    "CREATE TABLE totals (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        downloaded INTEGER NOT NULL,
        uploaded INTEGER NOT NULL
    ) STRICT;
    INSERT INTO totals VALUES (1, 0, 0);
    CREATE TABLE journal (
        id INTEGER PRIMARY KEY,
        seq INTEGER NOT NULL,
        at INTEGER NOT NULL,
        about TEXT NOT NULL,
        name TEXT,
        about_id TEXT,
        kind TEXT NOT NULL,
        sentence TEXT NOT NULL,
        engine TEXT,
        engine_id TEXT,
        vpn TEXT,
        stream TEXT,
        operation TEXT,
        request TEXT
    ) STRICT;
    CREATE TABLE streams (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL,
        began INTEGER NOT NULL,
        life INTEGER NOT NULL,
        origin TEXT NOT NULL,
        key_type TEXT NOT NULL,
        key TEXT NOT NULL,
        engine TEXT,
        playback_session_id TEXT NOT NULL,
        is_live INTEGER NOT NULL,
        ended INTEGER,
        ended_because TEXT,
        session_status TEXT,
        peers INTEGER,
        speed_down INTEGER,
        speed_up INTEGER,
        downloaded INTEGER,
        uploaded INTEGER,
        UNIQUE (id, began)
    ) STRICT;
    CREATE INDEX streams_by_end ON streams (ended);
    -- In the order of time, so that writing goes on at the end and pruning begins at the beginning.
    CREATE TABLE samples (
        at INTEGER NOT NULL,
        stream INTEGER NOT NULL,
        peers INTEGER NOT NULL,
        speed_down INTEGER NOT NULL,
        speed_up INTEGER NOT NULL,
        downloaded INTEGER NOT NULL,
        uploaded INTEGER NOT NULL,
        status TEXT NOT NULL,
        PRIMARY KEY (at, stream)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE states (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        about TEXT NOT NULL,
        name TEXT NOT NULL,
        about_id TEXT,
        state TEXT NOT NULL,
        health TEXT NOT NULL,
        port INTEGER,
        reason TEXT
    ) STRICT",
];

/// A word of an engine's that is kept, at most.
const STATUS_CHARS_MAX: usize = 32;
const NANOS_PER_MILLI: u64 = 1_000_000;
/// Samples that an earlier life has left of streams that went on are among those of its last minute.
const LAST_MINUTE_MS: i64 = 60_000;

/// A moment as it is written.
pub(super) fn millis(time: Time) -> i64 {
    whole(whole_millis(time))
}

/// A moment as it was written.
pub(super) const fn time(millis: i64) -> Time {
    Time::from_nanos(millis.unsigned_abs().saturating_mul(NANOS_PER_MILLI))
}

/// A number as it is written.
pub(super) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn write_entry(to: &Transaction<'_>, numbered: &Numbered) -> rusqlite::Result<()> {
    let line = Line::of(numbered);
    let concerns = &line.concerns;
    to.prepare_cached("INSERT OR IGNORE INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?
        .execute(params![
            whole(line.id),
            whole(line.seq),
            millis(line.at),
            line.about,
            line.name,
            line.about_id,
            line.kind,
            line.sentence,
            concerns.engine,
            concerns.engine_id,
            concerns.vpn,
            concerns.stream,
            concerns.operation,
            concerns.request,
        ])?;
    Ok(())
}

/// Writes what is known of a stream, and tells its number.
pub(super) fn write_stream(to: &Transaction<'_>, view: &StreamView, life: i64) -> rusqlite::Result<i64> {
    let report = view.report.as_ref();
    let number = |of: fn(&control::event::SessionReport) -> u64| report.map(|report| whole(of(report)));
    to.prepare_cached(
        "INSERT INTO streams (id, began, life, origin, key_type, key, engine, playback_session_id, is_live, ended,
            ended_because, session_status, peers, speed_down, speed_up, downloaded, uploaded)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (id, began) DO UPDATE SET life = excluded.life, origin = excluded.origin,
            key_type = excluded.key_type, key = excluded.key, engine = excluded.engine,
            playback_session_id = excluded.playback_session_id, is_live = excluded.is_live,
            ended = excluded.ended, ended_because = excluded.ended_because,
            session_status = excluded.session_status, peers = excluded.peers,
            speed_down = excluded.speed_down, speed_up = excluded.speed_up,
            downloaded = excluded.downloaded, uploaded = excluded.uploaded
        RETURNING number",
    )?
    .query_row(
        params![
            &*view.id,
            millis(view.started_at),
            life,
            origin_word(view.origin),
            key_type_word(view.content.kind),
            &*view.content.key,
            view.engine.map(|(engine, _)| engine.to_string()),
            &*view.playback_session_id,
            view.is_live,
            view.ended.map(|(at, _)| millis(at)),
            view.ended.map(|(_, why)| why),
            report.map(|report| short(&report.status)),
            number(|report| report.peers),
            number(|report| report.speed_down),
            number(|report| report.speed_up),
            number(|report| report.downloaded),
            number(|report| report.uploaded),
        ],
        |row| row.get(0),
    )
}

/// Writes samples, each with its stream's number, and tells how many there were.
pub(super) fn write_samples<'a>(
    to: &Transaction<'_>,
    samples: impl Iterator<Item = (i64, &'a SampleFact)>,
) -> rusqlite::Result<usize> {
    let mut insert = to.prepare_cached("INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
    let mut written = 0;
    for (stream, sample) in samples {
        let report = &sample.report;
        insert.execute(params![
            millis(sample.at),
            stream,
            whole(report.peers),
            whole(report.speed_down),
            whole(report.speed_up),
            whole(report.downloaded),
            whole(report.uploaded),
            short(&report.status),
        ])?;
        written += 1;
    }
    Ok(written)
}

pub(super) fn write_state(to: &Transaction<'_>, state: &StateFact) -> rusqlite::Result<()> {
    to.prepare_cached(
        "INSERT INTO states (at, about, name, about_id, state, health, port, reason)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        millis(state.at),
        state.about.word(),
        state.name,
        state.id,
        state.state,
        state.health,
        state.port,
        state.reason,
    ])?;
    Ok(())
}

/// Writes the sums. They never fall, whatever is told.
pub(super) fn write_totals(to: &Transaction<'_>, totals: Totals) -> rusqlite::Result<()> {
    to.prepare_cached("UPDATE totals SET downloaded = max(downloaded, ?), uploaded = max(uploaded, ?)")?
        .execute(params![whole(totals.downloaded), whole(totals.uploaded)])?;
    Ok(())
}

/// Streams that an earlier life has left open, and that nobody has seen since, are over.
pub(super) fn close_streams_left(to: &Transaction<'_>, life: i64) -> rusqlite::Result<()> {
    to.execute(
        "UPDATE streams SET ended_because = 'acefleet was restarted, and it was not there any more',
            ended = coalesce((SELECT max(at) FROM samples WHERE stream = number AND at >=
                (SELECT max(at) FROM samples) - ?2), began)
        WHERE ended IS NULL AND life != ?1",
        params![life, LAST_MINUTE_MS],
    )?;
    Ok(())
}

/// What earlier lives have left, and the greatest number of their journal's entries.
pub(super) fn read_beginning(from: &Connection) -> rusqlite::Result<(Beginning, u64)> {
    let sums = |row: &rusqlite::Row<'_>, at: usize| -> rusqlite::Result<Totals> {
        let number = |at| row.get::<_, i64>(at).map(i64::unsigned_abs);
        Ok(Totals { downloaded: number(at)?, uploaded: number(at + 1)? })
    };
    let totals = from
        .query_row("SELECT downloaded, uploaded FROM totals", (), |row| sums(row, 0))
        .optional()?
        .unwrap_or_default();
    let newest: i64 = from.query_row("SELECT coalesce(max(id), 0) FROM journal", (), |row| row.get(0))?;
    // The latest of each is the greatest: they only grow within a session.
    let mut open = from.prepare(
        "SELECT id, began, max(samples.downloaded), max(samples.uploaded)
        FROM samples JOIN streams ON streams.number = samples.stream
        WHERE at >= (SELECT max(at) FROM samples) - ? AND ended IS NULL GROUP BY number",
    )?;
    let open = open.query_map([LAST_MINUTE_MS], |row| {
        Ok((Arc::from(row.get::<_, String>(0)?), time(row.get(1)?), sums(row, 2)?))
    })?;
    let open = open.collect::<Result<_, _>>()?;
    Ok((Beginning { totals, open }, newest.unsigned_abs()))
}

fn short(text: &str) -> &str {
    text.char_indices().nth(STATUS_CHARS_MAX).map_or(text, |(end, _)| &text[..end])
}
