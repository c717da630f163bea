//! The program that is measured: always a process of its own.

pub(crate) use crate::process::Process as Program;
