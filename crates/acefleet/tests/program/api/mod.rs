//! The REST API over real connections, in front of a real core and a host that does as it is told.

mod auth;
mod client;
mod dashboards;
mod diagnostics;
mod documents;
mod fleet;
mod golden;
mod hook;
mod host;
mod listen;
mod mistakes;
mod operations;
mod past;
mod playlists;
mod provision;
mod reads;
mod server;
mod streams;
mod why;
