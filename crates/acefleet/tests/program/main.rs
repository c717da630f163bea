//! Tests of the program as a whole, each with what it needs and nothing else.

mod api;
mod command_line;
mod demo;
mod notify;
mod prometheus;
mod store;
