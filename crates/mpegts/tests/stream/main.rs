//! Everything that is tested of the crate, as one program.

mod framing;
mod reading;
mod segments;
mod sharing;
mod splicing;
mod studio;
