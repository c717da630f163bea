//! Streams in the simulator: broadcasts, sources that fail in every way, viewers who watch closely.
//!
//! `soak` lets the shipped splice, ring and segmenter run for simulated hours; `laws` says what holds whatever the
//! bytes are, for tests and fuzzing. What is expected is kept here and asked of nobody who is checked.

pub mod broadcast;
pub mod laws;
pub mod soak;
pub mod source;
pub mod witness;
