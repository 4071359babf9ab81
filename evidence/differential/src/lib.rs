//! Two verifiers side by side on the same bytes: this project's `evidence`, asked
//! for nothing but form, chain and signature, and the `sev` crate.

mod anything;

pub use anything::anything;
use evidence::{Evidence, Generation, Reason, Root, RootError, Timestamp, Verified, verify};
use sev::certs::snp::{Chain, Verifiable as _};
use sev::firmware::guest::AttestationReport;
use sev::parser::ByteParser as _;

/// What both are given: a vendor's chain, a report, and the generation the chain
/// is said to be of.
#[derive(Clone)]
pub struct Input {
    /// Said to be that of the chain.
    pub generation: Generation,
    /// DER of the root.
    pub ark: Vec<u8>,
    /// DER of the intermediate for chips.
    pub ask: Vec<u8>,
    /// DER of the endorsement key.
    pub certificate: Vec<u8>,
    /// The report.
    pub report: Vec<u8>,
}

/// Why ours refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The chain is no root.
    Root(RootError),
    /// The evidence under it is not good.
    Evidence(Reason),
}

/// What `evidence` says of the input at `now`, with every choice left open.
///
/// # Errors
/// The refusal.
pub fn ours(input: &Input, now: Timestamp) -> Result<Verified, Refusal> {
    let root = Root::simulated(input.generation, &input.ark, &input.ask).map_err(Refusal::Root)?;
    let evidence = Evidence {
        report: input.report.clone(),
        certificate: input.certificate.clone(),
    };
    let expected = anything(root, &input.report);
    verify(&evidence, &expected, now).map_err(|rejection| Refusal::Evidence(rejection.reason))
}

/// What the `sev` crate says of the input.
///
/// # Errors
/// Its error's text.
pub fn theirs(input: &Input) -> Result<(), String> {
    let chain = Chain::from_der(&input.ark, &input.ask, &input.certificate);
    let chain = chain.map_err(|error| error.to_string())?;
    let report = AttestationReport::from_bytes(&input.report);
    let report = report.map_err(|error| error.to_string())?;
    (&chain, &report)
        .verify()
        .map_err(|error| error.to_string())
}
