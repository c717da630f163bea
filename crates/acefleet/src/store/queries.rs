//! What can be asked of the tables. Values are always bound: what somebody asks for is never part of a query's text.

use super::facts::About;
use super::tables::{millis, time, whole};
use crate::history::Sample;
use crate::journal::{Concerns, Filter, ID_PREFIX_MIN, Line};
use control::Time;
use control::event::SessionReport;
use rusqlite::types::{ToSql, Value};
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

/// A stream that has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndedStream {
    /// Its id.
    pub id: String,
    /// Whose viewers watched it.
    pub origin: String,
    /// How what was played is named.
    pub key_type: String,
    /// What was played.
    pub key: String,
    /// The container of the engine that played it last.
    pub engine: Option<String>,
    /// The engine's name for the session.
    pub playback_session_id: String,
    /// It was live.
    pub is_live: bool,
    /// When it began.
    pub began: Time,
    /// When it ended.
    pub ended: Time,
    /// Why.
    pub because: Option<String>,
    /// What its engine said of it last.
    pub report: Option<SessionReport>,
}

/// Which streams that have ended somebody wants.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Ends {
    /// They ended then or later.
    pub since: Option<Time>,
    /// They ended then or earlier.
    pub until: Option<Time>,
    /// This engine played them last.
    pub engine: Option<String>,
}

/// A state as it was kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptState {
    /// Greater than that of every state before it.
    pub id: u64,
    /// Since when.
    pub at: Time,
    /// `engine` or `vpn`.
    pub about: String,
    /// Its container's name.
    pub name: String,
    /// Its container's id.
    pub about_id: Option<String>,
    /// What it was like.
    pub state: String,
    /// Its health.
    pub health: String,
    /// The forwarded port that it had.
    pub port: Option<u16>,
    /// More of it in words.
    pub reason: Option<String>,
}

/// Which states somebody wants.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct States {
    /// Of VPNs, or of engines.
    pub about: Option<About>,
    /// Of the one with this name.
    pub name: Option<String>,
    /// From then on.
    pub since: Option<Time>,
    /// Up to then.
    pub until: Option<Time>,
    /// With a lesser number.
    pub before: Option<u64>,
}

/// Conditions of a query, each with the values that are bound to it.
struct Conditions {
    text: String,
    values: Vec<Value>,
}

impl Conditions {
    fn new() -> Self {
        Self { text: "1".into(), values: Vec::new() }
    }

    /// Adds a condition whose question marks stand for these values, if there are any.
    fn and(mut self, condition: &str, values: Option<Vec<Value>>) -> Self {
        if let Some(values) = values {
            self.text.push_str(" AND ");
            self.text.push_str(condition);
            self.values.extend(values);
        }
        self
    }

    fn one(self, condition: &str, value: Option<impl Into<Value>>) -> Self {
        self.and(condition, value.map(|value| vec![value.into()]))
    }

    fn rows<T>(
        self,
        from: &Connection,
        (table, order): (&str, &str),
        limit: usize,
        row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        let Self { text, mut values } = self;
        values.push(Value::from(i64::try_from(limit).unwrap_or(i64::MAX)));
        let mut query =
            from.prepare(&format!("SELECT * FROM {table} WHERE {text} ORDER BY {order} LIMIT ?"))?;
        let values = values.iter().map(|value| value as &dyn ToSql);
        query.query_map(params_from_iter(values), row)?.collect()
    }
}

/// Entries by the same rules as [`Filter::wants`].
pub(super) fn journal(from: &Connection, filter: &Filter, limit: usize) -> rusqlite::Result<Vec<Line>> {
    let kinds = (!filter.kinds.is_empty()).then(|| filter.kinds.iter().cloned().map(Value::from).collect());
    let marks = vec!["?"; filter.kinds.len()].join(", ");
    let engine = filter.engine.as_ref().map(|engine| {
        // Ids are hexadecimal digits: what is too short to mean one begins none.
        let prefix = if engine.len() >= ID_PREFIX_MIN { engine.as_str() } else { "-" };
        [engine, prefix, prefix].map(|text| Value::from(text.to_owned())).into()
    });
    let operation = filter.operation.as_ref().map(|op| vec![Value::from(op.clone()); 2]);
    Conditions::new()
        .one("at >= ?", filter.since.map(millis))
        .one("at <= ?", filter.until.map(millis))
        .one("id < ?", filter.before.map(whole))
        .and(&format!("kind IN ({marks})"), kinds)
        .and("(engine = ? OR substr(engine_id, 1, length(?)) = ?)", engine)
        .one("vpn = ?", filter.vpn.clone())
        .one("stream = ?", filter.stream.clone())
        .and("(operation = ? OR request = ?)", operation)
        .rows(from, ("journal", "id DESC"), limit, |row| {
            Ok(Line {
                id: number(row, "id")?,
                seq: number(row, "seq")?,
                at: time(row.get("at")?),
                about: row.get::<_, String>("about")?.into(),
                name: row.get("name")?,
                about_id: row.get("about_id")?,
                kind: row.get::<_, String>("kind")?.into(),
                sentence: row.get("sentence")?,
                concerns: Concerns {
                    engine: row.get("engine")?,
                    engine_id: row.get("engine_id")?,
                    vpn: row.get("vpn")?,
                    stream: row.get("stream")?,
                    operation: row.get("operation")?,
                    request: row.get("request")?,
                },
            })
        })
}

/// The latest ends first.
pub(super) fn ended(from: &Connection, wanted: &Ends, limit: usize) -> rusqlite::Result<Vec<EndedStream>> {
    Conditions::new()
        .and("ended IS NOT NULL", Some(Vec::new()))
        .one("ended >= ?", wanted.since.map(millis))
        .one("ended <= ?", wanted.until.map(millis))
        .one("engine = ?", wanted.engine.clone())
        .rows(from, ("streams", "ended DESC, number DESC"), limit, |row| {
            Ok(EndedStream {
                id: row.get("id")?,
                origin: row.get("origin")?,
                key_type: row.get("key_type")?,
                key: row.get("key")?,
                engine: row.get("engine")?,
                playback_session_id: row.get("playback_session_id")?,
                is_live: row.get("is_live")?,
                began: time(row.get("began")?),
                ended: time(row.get("ended")?),
                because: row.get("ended_because")?,
                report: match row.get::<_, Option<String>>("session_status")? {
                    Some(status) => Some(report(row, &status)?),
                    None => None,
                },
            })
        })
}

/// The latest samples of a stream, the oldest first.
pub(super) fn samples(
    from: &Connection,
    stream: &str,
    began: Option<Time>,
    (since, before): (Option<Time>, Option<Time>),
    limit: usize,
) -> rusqlite::Result<Vec<Sample>> {
    let which = from
        .query_row(
            "SELECT number, began, coalesce(ended, ?3) FROM streams
            WHERE id = ?1 AND began = coalesce(?2, began) ORDER BY began DESC LIMIT 1",
            params![stream, began.map(millis), i64::MAX],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)),
        )
        .optional()?;
    let Some((number, began, ended)) = which else { return Ok(Vec::new()) };
    // When it began and ended bounds what has to be looked through.
    let mut kept = Conditions::new()
        .one("stream = ?", Some(number))
        .one("at >= ?", Some(since.map_or(began, |since| millis(since).max(began))))
        .one("at <= ?", Some(ended))
        .one("at < ?", before.map(millis))
        .rows(from, ("samples", "at DESC"), limit, |row| {
            let status: String = row.get("status")?;
            Ok(Sample { at: time(row.get("at")?), report: report(row, &status)? })
        })?;
    kept.reverse();
    Ok(kept)
}

/// The latest states first.
pub(super) fn states(from: &Connection, wanted: &States, limit: usize) -> rusqlite::Result<Vec<KeptState>> {
    Conditions::new()
        .one("about = ?", wanted.about.map(|about| about.word().to_owned()))
        .one("name = ?", wanted.name.clone())
        .one("at >= ?", wanted.since.map(millis))
        .one("at <= ?", wanted.until.map(millis))
        .one("id < ?", wanted.before.map(whole))
        .rows(from, ("states", "id DESC"), limit, |row| {
            Ok(KeptState {
                id: number(row, "id")?,
                at: time(row.get("at")?),
                about: row.get("about")?,
                name: row.get("name")?,
                about_id: row.get("about_id")?,
                state: row.get("state")?,
                health: row.get("health")?,
                port: row.get("port")?,
                reason: row.get("reason")?,
            })
        })
}

fn number(row: &Row<'_>, name: &str) -> rusqlite::Result<u64> {
    row.get::<_, i64>(name).map(i64::unsigned_abs)
}

fn report(row: &Row<'_>, status: &str) -> rusqlite::Result<SessionReport> {
    Ok(SessionReport {
        status: status.into(),
        peers: number(row, "peers")?,
        speed_down: number(row, "speed_down")?,
        speed_up: number(row, "speed_up")?,
        downloaded: number(row, "downloaded")?,
        uploaded: number(row, "uploaded")?,
    })
}
