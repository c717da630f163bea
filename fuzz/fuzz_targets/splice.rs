//! Whatever sources send, and whenever they come and go: what readers get is whole, and every break is marked.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| sim::media::laws::a_splice_breaks_nothing_unmarked(data));
