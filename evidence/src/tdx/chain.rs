//! Certificates of Intel's PKI for attestation: ECDSA on P-256, in PEM chains
//! with the leaf first (Intel SGX PCK Certificate and CRL Profile specification).
//!
//! Reading proves nothing. Whether a chain ends in the root is dcap-qvl's word.

use x509_cert::der::asn1::BitString;
use x509_cert::der::{Decode as _, Encode as _, EncodePem as _, pem::LineEnding};

use super::vendor;
use crate::Timestamp;

/// Longest chain we read. Real ones have three certificates in 3.7 kB.
pub(super) const CHAIN_MAX: usize = 16 * 1024;

/// Bytes of an uncompressed point on P-256 (SEC 1, 2.3.3): 04, x, y.
const POINT_LEN: usize = 65;

/// A certificate of a P-256 key.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    der: Vec<u8>,
    key: [u8; POINT_LEN],
    parsed: x509_cert::Certificate,
}

impl Certificate {
    pub(super) fn parse(der: &[u8]) -> Option<Self> {
        let parsed = x509_cert::Certificate::from_der(der).ok()?;
        let key = parsed.tbs_certificate().subject_public_key_info();
        let key = BitString::as_bytes(&key.subject_public_key)?;
        Some(Self {
            der: der.to_vec(),
            key: key.try_into().ok()?,
            parsed,
        })
    }

    /// The certificate, exactly as signed.
    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }

    /// First and last moment it is valid at.
    pub(super) fn validity(&self) -> (Timestamp, Timestamp) {
        let validity = self.parsed.tbs_certificate().validity();
        (seconds(validity.not_before), seconds(validity.not_after))
    }

    /// Whether `list` names its serial number.
    pub(super) fn is_on(&self, list: &x509_cert::crl::CertificateList) -> bool {
        let serial = self.parsed.tbs_certificate().serial_number();
        let revoked = list.tbs_cert_list.revoked_certificates.iter().flatten();
        revoked
            .into_iter()
            .any(|entry| entry.serial_number == *serial)
    }

    /// Whether `signature` (r ‖ s) over `message` is by this certificate's key.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        vendor::has_signed(&self.key, message, signature)
    }

    pub(super) fn is_signed_by(&self, issuer: &Self) -> bool {
        let Ok(signed) = self.parsed.tbs_certificate().to_der() else {
            return false;
        };
        let signature = BitString::as_bytes(self.parsed.signature());
        signature.is_some_and(|signature| vendor::has_signed_der(&issuer.key, &signed, signature))
    }
}

/// A point in time of a certificate or list.
pub(super) fn seconds(time: x509_cert::time::Time) -> Timestamp {
    Timestamp::from_secs(time.to_unix_duration().as_secs())
}

/// The leaf of a PEM chain.
pub(super) fn leaf(pem: &str) -> Option<Certificate> {
    read(pem.as_bytes())?.into_iter().next()
}

/// The PCK's certificate, its issuer's and the root's, if `pem` says them in the
/// one form in which the quoting enclave does: lines of 64 characters, each
/// ended by a line feed, and a zero behind the last. A byte that could be
/// another without a change of meaning would be one nobody signed.
pub(super) fn pck_chain(pem: &[u8]) -> Option<[Certificate; 3]> {
    let pem = pem.strip_suffix(&[0]).unwrap_or(pem);
    let certificates = read(pem)?;
    let mut again = String::new();
    for certificate in &certificates {
        again.push_str(&certificate.parsed.to_pem(LineEnding::LF).ok()?);
    }
    (again.as_bytes() == pem).then_some(())?;
    certificates.try_into().ok()
}

fn read(pem: &[u8]) -> Option<Vec<Certificate>> {
    (pem.len() <= CHAIN_MAX).then_some(())?;
    let chain = x509_cert::Certificate::load_pem_chain(pem).ok()?;
    let chain = chain.into_iter();
    chain
        .map(|certificate| Certificate::parse(&certificate.to_der().ok()?))
        .collect()
}
