//! The adapter against a Docker that says whatever a test wants.

mod answers;
mod fake;
mod images;
mod streams;
mod tls;
