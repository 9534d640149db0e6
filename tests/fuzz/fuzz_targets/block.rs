//! See `block` among [`csu_fuzz::TARGETS`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| csu_fuzz::run("block", data));
