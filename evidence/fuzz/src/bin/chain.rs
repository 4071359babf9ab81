//! See [`evidence_fuzz::chain`].

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| evidence_fuzz::chain(bytes));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    evidence_fuzz::replay(evidence_fuzz::chain)
}
