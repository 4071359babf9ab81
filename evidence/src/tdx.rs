//! Verifying Intel TDX quotes over their raw bytes, with collateral as an argument.
//!
//! [`verify`] takes a quote with its collateral ([`Evidence`]), what it must say
//! ([`Expected`]) and the time. It gives [`Verified`] claims, or a [`Rejection`]
//! that names one [`Reason`] and carries every check up to it. Its body is the list
//! of checks, in order; each group is a file:
//!
//! | file | question |
//! |---|---|
//! | `quote`, `promises` (first part) | is it a quote of a TD, with no attribute that nobody accepts? |
//! | `freshness` | is the collateral about TDX, valid now and new enough? |
//! | `origin` | who signed, up to the root, and is nothing of it revoked? |
//! | `machine` | is the TCB good enough, and which platform and TDX module is it? |
//! | `promises` | what may the TD do, and what may be done to it? |
//! | `identity` | what runs there, and for which job? |
//!
//! `vendor` is the one file where dcap-qvl judges, Intel's rules in pure Rust;
//! `rules` names the one it refused by.
//!
#![doc = include_str!("../docs/tdx.md")]

mod attributes;
mod chain;
mod claims;
mod collateral;
mod expected;
mod freshness;
mod identity;
mod machine;
mod origin;
mod part;
mod platform;
mod promises;
mod quote;
mod reason;
mod root;
mod rules;
mod vendor;

pub use attributes::TdAttributes;
pub use claims::Claims;
pub use collateral::{COLLATERAL_MAX, COLLATERAL_PART_MAX, Collateral, CollateralError};
pub use expected::{
    Advisories, Bits, Bound, CollateralAge, ConfigId, Expected, TcbStatus, VmIndex,
};
pub use part::{Part, PartClaims, PartError, SignedText};
pub use platform::{PckAuthority, Platform};
pub use quote::{QUOTE_MAX, Quote, QuoteError, TdReportKind};
pub use reason::Reason;
pub use root::{Root, RootError};

use crate::Timestamp;
use crate::ledger::{Ledger, shown_as_displayed};

shown_as_displayed!(QuoteError, Bits, VmIndex, &Bound, &Advisories);

/// A quote that passed every check. As [`crate::Verified`], nobody outside can
/// make one.
/// ```compile_fail,E0451
/// # fn forge(claims: evidence::tdx::Claims) {
/// let forged: evidence::tdx::Verified = evidence::Verified { checks: Vec::new(), claims };
/// # }
/// ```
pub type Verified = crate::Verified<Claims>;

/// A quote that did not pass, with the reason.
pub type Rejection = crate::Rejection<Reason>;

/// What a guest gives as proof, with what is needed to check it; every byte of it
/// comes from the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The quote, version 4 or 5 if it is one.
    pub quote: Vec<u8>,
    /// Collateral for the platform that gave it.
    pub collateral: Collateral,
}

/// Checks `evidence` against everything in `expected` at the time `now`.
///
/// # Errors
/// A [`Rejection`] that names the first check that failed and carries all
/// checks up to it.
pub fn verify(
    evidence: &Evidence,
    expected: &Expected,
    now: Timestamp,
) -> Result<Verified, Rejection> {
    let mut ledger = Ledger::new();

    // Form: everything below reads this quote and no other bytes.
    let quote = match Quote::parse(&evidence.quote) {
        Ok(quote) => quote,
        Err(error) => {
            return Err(ledger.refuse(Reason::Unreadable, "quote", "a quote of a TD", error));
        }
    };
    let seen = format!("version {}, {} report", quote.version(), quote.kind());
    ledger.pass("quote", "a quote of a TD", seen);
    promises::require_always(&mut ledger, &quote)?;

    // What it is checked with, who signed, which machine that is, what the TD
    // promises, and what it runs.
    let collateral = freshness::require(&mut ledger, &evidence.collateral, expected, now)?;
    let origin = origin::require(&mut ledger, evidence, &quote, &collateral, expected, now)?;
    let tcb = machine::require(&mut ledger, expected, &quote, &origin)?;
    promises::require(&mut ledger, expected, &quote)?;
    identity::require(&mut ledger, expected, &quote)?;

    let claims = Claims::new(expected, &quote, &origin, tcb);
    Ok(crate::Verified::new(ledger.finish(), claims))
}
