//! Times one whole verification by the `sev` crate with OpenSSL, and one of a
//! report alone, on the input `evidence`'s bench writes.
//!
//! `sev-openssl INPUT ROUNDS` prints both medians in milliseconds.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use sev::certs::snp::{Certificate, Chain, Verifiable};
use sev::firmware::guest::AttestationReport;
use sev::parser::ByteParser;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [input, rounds] = arguments.as_slice() else {
        return Err("sev-openssl INPUT ROUNDS".into());
    };
    let (input, rounds) = (std::fs::read(input)?, rounds.parse()?);
    let [ark, ask, certificate, report] = parts(&input).ok_or("the input is cut short")?;

    let whole = median(rounds, || {
        let chain = Chain::from_der(ark, ask, certificate)?;
        let report = AttestationReport::from_bytes(report)?;
        Ok((&chain, &report).verify()?)
    })?;
    let key = Certificate::from_der(certificate)?;
    let alone = median(rounds, || {
        let report = AttestationReport::from_bytes(report)?;
        Ok((&key, &report).verify()?)
    })?;

    // It judges: a report with another measurement is refused.
    let mut changed = report.to_vec();
    *changed.get_mut(0x90).ok_or("the report is cut short")? ^= 1;
    if (&key, &AttestationReport::from_bytes(&changed)?)
        .verify()
        .is_ok()
    {
        return Err("bad evidence was accepted".into());
    }
    println!("{whole} {alone}");
    Ok(())
}

/// The four parts of the input: eight bytes of time, then each with its length
/// before it, four bytes, little-endian.
fn parts(input: &[u8]) -> Option<[&[u8]; 4]> {
    let mut rest = input.get(8..)?;
    let mut parts = [&[][..]; 4];
    for part in &mut parts {
        let (len, after) = rest.split_first_chunk()?;
        let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
        (*part, rest) = after.split_at_checked(len)?;
    }
    Some(parts)
}

/// Median milliseconds of a verification that must succeed.
fn median(rounds: usize, verify: impl Fn() -> Result<()>) -> Result<f64> {
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let start = Instant::now();
        black_box(verify())?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    times
        .get(rounds / 2)
        .copied()
        .ok_or_else(|| "no rounds".into())
}
