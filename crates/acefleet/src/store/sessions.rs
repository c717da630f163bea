//! The table of sessions that other programs have announced. What is to be kept is told as a whole.

use crate::api::wire::stream::key_type_word;
use control::command::{Content, KeyType};
use control::event::RememberedStream;
use control::ids::ContainerId;
use control::time::Time;
use rusqlite::{Connection, Transaction, params};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was announced and is live, as last written; or why nobody knows.
pub type Remembered = Result<Vec<RememberedStream>, String>;

/// The sessions by their streams.
pub(super) type Sessions = BTreeMap<Arc<str>, RememberedStream>;

/// What the file holds.
pub(super) fn read(from: &Connection) -> rusqlite::Result<Sessions> {
    let mut rows = from.prepare_cached("SELECT * FROM announced ORDER BY stream")?;
    let all = rows.query_map((), |row| {
        let engine: String = row.get("engine")?;
        let kind: String = row.get("key_type")?;
        let (Some(engine), Some(kind)) = (ContainerId::parse(&engine), parse_kind(&kind)) else {
            return Ok(None);
        };
        Ok(Some(RememberedStream {
            engine,
            stream: row.get::<_, String>("stream")?.into(),
            content: Content { kind, key: row.get::<_, String>("key")?.into() },
            playback_session_id: row.get::<_, String>("playback_session_id")?.into(),
            stat_path: row.get::<_, Option<String>>("stat_path")?.map(Into::into),
            command_path: row.get::<_, Option<String>>("command_path")?.map(Into::into),
            is_live: row.get("is_live")?,
            started_at: Time::from_nanos(row.get::<_, i64>("started_at")?.unsigned_abs()),
        }))
    })?;
    let all = all.collect::<Result<Vec<_>, _>>()?;
    Ok(all.into_iter().flatten().map(|stream| (stream.stream.clone(), stream)).collect())
}

/// Writes what differs from what was written last.
pub(super) fn write(to: &Transaction<'_>, written: &Sessions, wanted: &Sessions) -> rusqlite::Result<()> {
    for id in written.keys().filter(|id| !wanted.contains_key(*id)) {
        to.prepare_cached("DELETE FROM announced WHERE stream = ?")?.execute([&**id])?;
    }
    for stream in wanted.values().filter(|stream| written.get(&stream.stream) != Some(*stream)) {
        to.prepare_cached("INSERT OR REPLACE INTO announced VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")?.execute(
            params![
                &*stream.stream,
                stream.engine.to_string(),
                key_type_word(stream.content.kind),
                &*stream.content.key,
                &*stream.playback_session_id,
                stream.stat_path.as_deref(),
                stream.command_path.as_deref(),
                stream.is_live,
                i64::try_from(stream.started_at.as_nanos()).unwrap_or(i64::MAX),
            ],
        )?;
    }
    Ok(())
}

fn parse_kind(text: &str) -> Option<KeyType> {
    [KeyType::ContentId, KeyType::Infohash, KeyType::Url, KeyType::Magnet]
        .into_iter()
        .find(|kind| key_type_word(*kind) == text)
}
