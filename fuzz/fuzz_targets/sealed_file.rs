#![no_main]
#![doc = "libFuzzer around the target of this name."]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (fuzz::target("sealed_file").check)(bytes));
