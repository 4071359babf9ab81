//! Which form evidence has: bytes as the machine made them, the same as digits or
//! base64, or JSON. Each text is taken off once; what is none of them gets its name.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use evidence::{REPORT_LEN, Report, from_extended_report};

use super::named::{NotRead, named};
use super::{Alone, Bare, Beside, Quoted, hcl, json};

/// Evidence in any form that is read here.
pub(super) fn form(bytes: &[u8]) -> Result<Alone, NotRead> {
    if let Some(alone) = raw(bytes)? {
        return Ok(alone);
    }
    let text = std::str::from_utf8(bytes).unwrap_or_default().trim();
    if text.starts_with(['{', '[']) {
        return json::read(text);
    }
    let Some(inner) = decoded(text) else {
        return Err(named(bytes));
    };
    match std::str::from_utf8(&inner) {
        Ok(text) if text.trim_start().starts_with('{') => json::read(text),
        Ok(_) | Err(_) => raw(&inner)?.ok_or_else(|| named(&inner).inside("text that holds ")),
    }
}

/// Bytes as a machine gives them, if they are of a kind that is read here.
pub(super) fn raw(bytes: &[u8]) -> Result<Option<Alone>, NotRead> {
    if is_quote(bytes) {
        return Ok(Some(Alone::Quote(Quoted {
            quote: bytes.to_vec(),
            beside: Beside::default(),
        })));
    }
    if hcl::is_one(bytes) {
        return hcl::alone(bytes).map(Some);
    }
    if !is_report(bytes) {
        return Ok(None);
    }
    let evidence = from_extended_report(bytes)
        .map_err(|error| NotRead::new(format!("a report of SEV-SNP, and behind it: {error}")))?;
    report(evidence, Beside::default()).map(Some)
}

/// A report of the right form.
pub(super) fn report(evidence: evidence::Evidence, beside: Beside) -> Result<Alone, NotRead> {
    let evidence::Evidence {
        report,
        certificate,
    } = evidence;
    Report::parse(&report)
        .map_err(|error| NotRead::new(format!("not a report of SEV-SNP: {error}")))?;
    Ok(Alone::Report(Bare {
        report,
        certificate,
        beside,
    }))
}

/// At least as long as a report, which begins with its version: a small number in
/// four bytes.
fn is_report(bytes: &[u8]) -> bool {
    matches!(bytes, [version, 0, 0, 0, ..] if *version < 0x20) && bytes.len() >= REPORT_LEN
}

/// Version 4 or 5, and the TEE type of TDX: two bytes from 0, four from 4, both
/// little-endian. A report has its version in the first four bytes and its guest
/// SVN in the next: one of version 4 or 5 whose guest SVN is 0x81 has its own length.
pub(super) fn is_quote(bytes: &[u8]) -> bool {
    matches!(bytes, [4 | 5, 0, _, _, 0x81, 0, 0, 0, ..]) && bytes.len() != REPORT_LEN
}

/// Bytes as text: hex, with `0x` or without, or base64 of either alphabet, padded or
/// not; in as many lines as somebody made of it.
pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
    /// RFC 4648, 4 and 5, after the digits of one are made those of the other.
    const BASE64: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let text: String = text.split_ascii_whitespace().collect();
    if text.is_empty() {
        return None;
    }
    let digits = text.strip_prefix("0x").unwrap_or(&text);
    if let Ok(bytes) = hex::decode(digits) {
        return Some(bytes);
    }
    let text = text.replace('-', "+").replace('_', "/");
    BASE64.decode(text).ok()
}
