//! What all forms are made of: a report of the right form, how reports and quotes
//! begin, and bytes that are written as text.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use evidence::{REPORT_LEN, Report};

use super::named::NotRead;
use super::{Alone, Bare, Beside};

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
pub(super) fn is_report(bytes: &[u8]) -> bool {
    matches!(bytes, [version, 0, 0, 0, ..] if *version < 0x20) && bytes.len() >= REPORT_LEN
}

/// Version 4 or 5, and the TEE type of TDX: two bytes from 0, four from 4, both
/// little-endian. A report has its version in the first four bytes and its guest
/// SVN in the next: one of version 4 or 5 whose guest SVN is 0x81 has its own length.
pub(super) fn is_quote(bytes: &[u8]) -> bool {
    matches!(bytes, [4 | 5, 0, _, _, 0x81, 0, 0, 0, ..]) && bytes.len() != REPORT_LEN
}

/// Bytes as text: hex, with `0x` or without, also with colons, or base64 of either alphabet, padded or
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
    if let Ok(bytes) = hex::decode(digits.replace(':', "")) {
        return Some(bytes);
    }
    let text = text.replace('-', "+").replace('_', "/");
    BASE64.decode(text).ok()
}
