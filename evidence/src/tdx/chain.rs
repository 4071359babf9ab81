//! Certificates of Intel's PKI for attestation: ECDSA on P-256, in PEM chains
//! with the leaf first (Intel SGX PCK Certificate and Certificate Revocation
//! List Profile Specification).
//!
//! Reading proves nothing. Who signed whom is asked of each; what else makes a
//! chain, names and usages, is dcap-qvl's word.

use x509_cert::der::asn1::BitString;
use x509_cert::der::{Decode as _, Encode as _, pem};
use x509_cert::serial_number::SerialNumber;

use super::vendor;
use crate::Timestamp;
use crate::snp::certificate::{common_name, split_signed};

/// Longest chain we read. Real ones have three certificates in 3.7 kB. Names and
/// extensions of one byte take forty each while they are read, one certificate at
/// a time: half a megabyte at most.
pub(super) const CHAIN_MAX: usize = 16 * 1024;

/// Bytes of an uncompressed point on P-256 (SEC 1, 2.3.3): 04, x, y.
const POINT_LEN: usize = 65;

/// AlgorithmIdentifier of ecdsa-with-SHA256 (RFC 5758, 3.2), in DER.
const ECDSA_SHA256: &[u8] = &[
    0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02,
];

/// How PEM names a certificate (RFC 7468, 5), and how it ends one.
const LABEL: &str = "CERTIFICATE";
const END: &str = "-----END CERTIFICATE-----";

/// A certificate of a P-256 key, and what is asked of it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    der: Vec<u8>,
    key: [u8; POINT_LEN],
    common_name: Option<String>,
    serial: SerialNumber,
    validity: (Timestamp, Timestamp),
}

impl Certificate {
    pub(super) fn parse(der: &[u8]) -> Option<Self> {
        let parsed = x509_cert::Certificate::from_der(der).ok()?;
        let parsed = parsed.tbs_certificate();
        let key = &parsed.subject_public_key_info().subject_public_key;
        let (validity, at) = (parsed.validity(), Timestamp::from_x509);
        let subject = parsed.subject().to_der().ok()?;
        Some(Self {
            der: der.to_vec(),
            key: BitString::as_bytes(key)?.try_into().ok()?,
            common_name: common_name(&subject).ok()?.map(str::to_owned),
            serial: parsed.serial_number().clone(),
            validity: (at(validity.not_before), at(validity.not_after)),
        })
    }

    /// The certificate, exactly as signed.
    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }

    pub(super) fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    pub(super) const fn serial(&self) -> &SerialNumber {
        &self.serial
    }

    /// First and last moment it is valid at.
    pub(super) const fn validity(&self) -> (Timestamp, Timestamp) {
        self.validity
    }

    /// Whether `now` lies within the validity.
    pub(super) fn is_valid_at(&self, now: Timestamp) -> bool {
        let (from, until) = self.validity;
        from <= now && now <= until
    }

    /// Whether `signature` (r ‖ s) over `message` is by this certificate's key.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        vendor::has_signed(&self.key, message, signature)
    }

    /// Whether `issuer`'s key signed this certificate.
    pub(super) fn is_signed_by(&self, issuer: &Self) -> bool {
        issuer.has_signed_der(&self.der)
    }

    /// Whether this certificate's key signed `der`, a certificate or list.
    pub(super) fn has_signed_der(&self, der: &[u8]) -> bool {
        split_signed(der).is_ok_and(|(signed, algorithm, signature)| {
            algorithm == ECDSA_SHA256 && vendor::has_signed_der(&self.key, signed, signature)
        })
    }
}

/// Whether a chain of these two ends in `root`.
pub(super) fn ends_in(root: &Certificate, [signer, last]: &[Certificate; 2]) -> bool {
    last.der == root.der && signer.is_signed_by(root)
}

/// Signer and root, of a chain that has these two.
pub(super) fn signer_and_root(pem: &str) -> Option<[Certificate; 2]> {
    let chain: Vec<Certificate> = certificates(pem)?.take(3).collect::<Option<_>>()?;
    chain.try_into().ok()
}

/// The PCK's certificate, its issuer's and the root's, if `pem` says them in the
/// one form in which the quoting enclave does: lines of 64 characters, each
/// ended by a line feed, and a zero behind the last. A byte that could be
/// another without a change of meaning would be one nobody signed.
pub(super) fn pck_chain(pem: &[u8]) -> Option<[Certificate; 3]> {
    let text = str::from_utf8(pem.strip_suffix(&[0]).unwrap_or(pem)).ok()?;
    let chain: Vec<Certificate> = certificates(text)?.collect::<Option<_>>()?;
    let mut again = String::new();
    for certificate in &chain {
        let one = pem::encode_string(LABEL, pem::LineEnding::LF, &certificate.der);
        again.push_str(&one.ok()?);
    }
    (again == text).then_some(())?;
    chain.try_into().ok()
}

/// Each certificate of a chain, read when it is asked for.
fn certificates(pem: &str) -> Option<impl Iterator<Item = Option<Certificate>>> {
    (pem.len() <= CHAIN_MAX).then(|| {
        pem.trim_end().split_inclusive(END).map(|pem| {
            let (_, der) = pem::decode_vec(pem.as_bytes()).ok()?;
            Certificate::parse(&der)
        })
    })
}
