//! MPEG transport streams, as far as a proxy has to understand them to serve one to many and to move it from one
//! source to another unnoticed.
//!
//! It contains no I/O, no clock, no threads and no hash order, and the compiler says so: there is no `std` here. Time
//! is an argument, counted from wherever the caller likes. Whatever the bytes are, nothing panics, and everything
//! kept has a bound.
//!
//! - [`Framer`] finds packets in bytes, [`Scan`] reads tables and finds where a decoder can begin.
//! - [`Splice`] makes one stream of many sources that follow each other.
//! - [`Ring`] shares a stream among readers, each with a position of its own and none with a copy.
//! - [`hls`] cuts it into segments.
#![no_std]

extern crate alloc;

pub mod framer;
pub mod hls;
pub mod packet;
pub mod pes;
pub mod ring;
pub mod scan;
pub mod section;
pub mod splice;
pub mod tables;

mod keyframe;

pub use framer::Framer;
pub use packet::{KEEPALIVE, PACKET, Packet, Pid};
pub use ring::Ring;
pub use scan::Scan;
pub use splice::{SourceId, Splice};
