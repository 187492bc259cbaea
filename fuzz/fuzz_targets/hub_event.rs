#![no_main]
#![doc = "libFuzzer around the target of this name."]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (fuzz::target("hub_event").check)(bytes));
