//! See [`evidence_fuzz::tdx_collateral`].

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| evidence_fuzz::tdx_collateral(bytes));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    evidence_fuzz::replay(evidence_fuzz::tdx_collateral)
}
