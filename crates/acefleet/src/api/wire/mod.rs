//! What goes over the wire: names of fields, formats and orders, as clients know them.
//!
//! Made from the core's views and never the other way round. Fields may be added here, none may go.

pub mod channel;
pub mod container;
pub mod engine;
pub mod health;
pub mod journal;
pub mod past;
pub mod requests;
pub mod settings;
pub mod status;
pub mod stream;
pub mod time;
pub mod vpn;
