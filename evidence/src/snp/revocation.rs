//! Revocation lists of the vendor: X.509 CRLs (RFC 5280, 5) signed by the root.

use core::fmt;

use x509_cert::serial_number::SerialNumber;

use super::certificate::{Certificate, CertificateError, is_vendor_algorithm};
use crate::Timestamp;
use crate::list::List;

/// Longest list we read: room for over a thousand entries. Real ones have about 1 kB.
const MAX_LEN: usize = 64 * 1024;

/// A list whose form is right. Nothing about it is verified.
#[derive(Clone, PartialEq, Eq)]
pub struct RevocationList {
    signed: Vec<u8>,
    signature: Vec<u8>,
    issuer: Vec<u8>,
    made_at: Timestamp,
    replaced_at: Option<Timestamp>,
    revoked: Vec<SerialNumber>,
}

/// Why bytes are not a revocation list of the vendor's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevocationError {
    /// Longer than any list of the vendor.
    #[error("longer than {MAX_LEN} bytes")]
    TooLong,
    /// Not DER, not a list, or signed with another algorithm.
    #[error("not a revocation list of the vendor's form")]
    Form(#[source] CertificateError),
    /// A critical extension: the list may mean something else than it says.
    #[error("a critical extension of the list is unknown")]
    CriticalExtension,
}

impl RevocationList {
    /// Takes DER bytes for a revocation list.
    ///
    /// # Errors
    /// When the form is wrong or a critical extension is present.
    pub fn parse(der: &[u8]) -> Result<Self, RevocationError> {
        if der.len() > MAX_LEN {
            return Err(RevocationError::TooLong);
        }
        let form = |error: x509_cert::der::Error| RevocationError::Form(error.into());
        let list = List::parse(der).map_err(form)?;
        if list.algorithm != list.signed_algorithm || !is_vendor_algorithm(list.algorithm) {
            return Err(RevocationError::Form(CertificateError::Algorithm));
        }
        if list.has_critical {
            return Err(RevocationError::CriticalExtension);
        }
        Ok(Self {
            signed: list.signed.to_vec(),
            signature: list.signature.to_vec(),
            issuer: list.issuer.to_vec(),
            made_at: list.made_at,
            replaced_at: list.replaced_at,
            revoked: list.revoked,
        })
    }

    /// Whether `root` is named as issuer and its key signed this list.
    pub(crate) fn is_signed_by(&self, root: &Certificate) -> bool {
        self.issuer == root.subject() && root.has_signed(&self.signed, &self.signature)
    }

    /// When the list was made.
    pub const fn made_at(&self) -> Timestamp {
        self.made_at
    }

    /// When the next list is due. A list that names no next one is never in force.
    pub const fn replaced_at(&self) -> Option<Timestamp> {
        self.replaced_at
    }

    /// Whether the list names this certificate's serial number.
    pub(crate) fn revokes(&self, certificate: &Certificate) -> bool {
        self.revoked.contains(certificate.serial())
    }
}

impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RevocationList({})", self.made_at())
    }
}
