//! Evidence as bytes, as a machine made them.

use evidence::from_extended_report;

use super::bytes::{is_quote, is_report, report};
use super::named::NotRead;
use super::{Alone, Beside, Quoted, hcl};

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
