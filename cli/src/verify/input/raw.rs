//! Evidence as bytes: a report, alone or with the certificate table behind it, a
//! quote, or Azure's report around one.

use evidence::from_extended_report;

use super::named::NotRead;
use super::parts::{is_quote, is_report, report};
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
