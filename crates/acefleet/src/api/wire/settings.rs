//! Settings as they are told: what is in force, where that comes from and what it means. Secrets never are.

use crate::settings::{Effective, TOPICS};
use serde::Serialize;
use utoipa::ToSchema;

/// One setting.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub struct SettingState {
    /// Its name in the environment and in `.env`.
    pub name: &'static str,
    /// What settings that a reader would look for together are called.
    pub topic: &'static str,
    /// Its value, as it was written; a secret as `***`, nothing as nothing.
    pub value: String,
    /// Where that comes from: `flag`, `environment`, `.env`, `file` with its path, or `default`.
    pub origin: String,
    /// What it is when nobody says; empty if that is nothing.
    pub default: &'static str,
    /// What may be written.
    pub expects: String,
    /// What it is for.
    pub meaning: &'static str,
    /// It is never shown.
    pub secret: bool,
}

/// Every setting, in the order of the reference.
pub fn settings(effective: &[Effective]) -> Vec<SettingState> {
    let rows = TOPICS.iter().flat_map(|topic| topic.rows.iter().map(|row| (topic.title, row)));
    rows.filter_map(|(topic, row)| {
        let in_force = effective.iter().find(|known| known.name == row.name)?;
        Some(SettingState {
            name: row.name,
            topic,
            value: in_force.value.clone(),
            origin: in_force.origin.to_string(),
            default: row.default,
            expects: row.kind.expects(),
            meaning: row.doc,
            secret: row.kind.is_secret(),
        })
    })
    .collect()
}
