//! The embedded container runtime.

mod facts;
mod lab;
