//! Revocation lists of the vendor: X.509 CRLs (RFC 5280, 5) signed by the root.

use core::fmt;

use x509_cert::der::{Decode as _, Encode as _};

use super::certificate::{Certificate, CertificateError, split_signed};
use crate::Timestamp;

/// Longest list we read: room for over a thousand entries, and bounds the
/// memory of parsing. Real ones have about 1 kB.
const MAX_LEN: usize = 64 * 1024;

/// A list whose form is right. Nothing about it is verified.
#[derive(Clone, PartialEq, Eq)]
pub struct RevocationList {
    signed: Vec<u8>,
    signature: Vec<u8>,
    parsed: x509_cert::crl::CertificateList,
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
        let (signed, algorithm, signature) = split_signed(der).map_err(form)?;
        let parsed = x509_cert::crl::CertificateList::from_der(der).map_err(form)?;
        let inner = parsed.tbs_cert_list.signature.to_der().map_err(form)?;
        if algorithm != inner || !super::certificate::is_vendor_algorithm(algorithm) {
            return Err(RevocationError::Form(CertificateError::Algorithm));
        }
        let list = &parsed.tbs_cert_list;
        let of_list = list.crl_extensions.iter().flatten();
        let of_entries = list.revoked_certificates.iter().flatten();
        let of_entries = of_entries.flat_map(|entry| entry.crl_entry_extensions.iter().flatten());
        if of_list
            .chain(of_entries)
            .any(|extension| extension.critical)
        {
            return Err(RevocationError::CriticalExtension);
        }
        Ok(Self {
            signed: signed.to_vec(),
            signature: signature.to_vec(),
            parsed,
        })
    }

    /// Whether `root` is named as issuer and its key signed this list.
    pub(crate) fn is_signed_by(&self, root: &Certificate) -> bool {
        let issuer = self.parsed.tbs_cert_list.issuer.to_der();
        issuer.is_ok_and(|issuer| issuer == root.subject())
            && root.has_signed(&self.signed, &self.signature)
    }

    /// When the list was made.
    pub fn made_at(&self) -> Timestamp {
        let time = self.parsed.tbs_cert_list.this_update.to_unix_duration();
        Timestamp::from_secs(time.as_secs())
    }

    /// Whether `now` lies between the list's making and the next one's. A list
    /// that names no next one is never current.
    pub(crate) fn is_current_at(&self, now: Timestamp) -> bool {
        let next = self.parsed.tbs_cert_list.next_update;
        let until = next.map(|time| Timestamp::from_secs(time.to_unix_duration().as_secs()));
        self.made_at() <= now && until.is_some_and(|until| now <= until)
    }

    /// Whether the list names this certificate's serial number.
    pub(crate) fn revokes(&self, certificate: &Certificate) -> bool {
        let serial = certificate.serial();
        let revoked = self.parsed.tbs_cert_list.revoked_certificates.iter();
        revoked
            .flatten()
            .any(|entry| entry.serial_number == *serial)
    }
}

impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RevocationList({})", self.made_at())
    }
}
