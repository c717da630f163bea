//! Playlists: those of others, rewritten to lead here, and one of one's own, with several sources for a channel.
//!
//! Only `fetch` reaches out, and only to addresses that `address` lets pass; the rest is pure.

pub mod address;
pub mod base;
pub mod channels;
pub mod choice;
pub mod content;
pub mod fetch;
pub mod rewrite;
