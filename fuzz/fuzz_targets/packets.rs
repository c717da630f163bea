//! Whatever comes over a connection: packets are found, and everything that can be read of them is.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| sim::media::laws::packets_are_found_in_anything(data));
