//! A SIMULATED CPU vendor. It makes what AMD's factory and firmware make: a
//! root, an intermediate, chip certificates, revocation lists and attestation
//! reports, all in the real formats and all worthless: no hardware is involved.
//!
//! Development, the demo and tests use it, and nothing of the product depends on
//! it. It writes the formats by hand, so that it can also be the independent
//! side of a test of those who read them.

mod chip;
mod der;
mod error;
mod generation;
mod report;
mod revocation;
mod table;
mod vendor;
mod x509;

pub use chip::{Chip, ChipSpec};
pub use error::Error;
pub use generation::Generation;
pub use report::{Fields, guest_components_json, measurement, sign};
pub use revocation::{Of, RevocationSpec, Weight};
pub use table::{ARK_GUID, ASK_GUID, VCEK_GUID, VLEK_GUID, certificate_table, pem};
pub use vendor::{Provider, Vendor};
pub use x509::Subject;
