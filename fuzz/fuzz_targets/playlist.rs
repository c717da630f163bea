//! Whatever a playlist is: what is no entry stays byte for byte, and rewriting twice is rewriting once.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The file alone, without the program around it.
#[path = "../../crates/acefleet/src/playlist/rewrite.rs"]
#[allow(dead_code)]
mod rewrite;

fuzz_target!(|data: &[u8]| rewrite::holds_for(data));
