//! The two signature schemes of SEV-SNP, behind one pair of key types with two
//! backends that are held to the same vectors: aws-lc-rs natively, `rsa` and
//! `p384` on wasm. Everything else in this crate is the same on both.
//!
//! A key is read once and may check many signatures.

#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(any(test, target_family = "wasm"))]
mod portable;

#[cfg(not(target_family = "wasm"))]
use native as backend;
#[cfg(target_family = "wasm")]
use portable as backend;

/// Bytes of a PKCS#1 `RSAPublicKey` with a modulus of 4096 bits and the exponent
/// 65537, the vendor's only size (AMD 57230, 3).
const RSA_4096_LEN: usize = 526;

/// Bytes of an uncompressed point on P-384 (SEC 1, 2.3.3): 04, x, y.
const P384_POINT_LEN: usize = 97;

/// A key that signs certificates and lists: RSA with 4096 bits.
#[derive(Clone)]
pub(crate) struct RsaKey(backend::Rsa);

impl RsaKey {
    /// From a PKCS#1 `RSAPublicKey`.
    pub(crate) fn parse(pkcs1: &[u8]) -> Option<Self> {
        let key = (pkcs1.len() == RSA_4096_LEN).then_some(pkcs1)?;
        backend::Rsa::parse(key).map(Self)
    }

    /// Whether `signature` over `message` is by this key: RSASSA-PSS with SHA-384,
    /// MGF1 with SHA-384 and a salt of 48 bytes (RFC 8017).
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verifies(message, signature)
    }
}

/// A key that signs reports: ECDSA on P-384.
#[derive(Clone)]
pub(crate) struct P384Key(backend::P384);

impl P384Key {
    /// From an uncompressed point.
    pub(crate) fn parse(point: &[u8]) -> Option<Self> {
        let uncompressed = point.len() == P384_POINT_LEN && point.first() == Some(&0x04);
        let point = uncompressed.then_some(point)?;
        backend::P384::parse(point).map(Self)
    }

    /// Whether `signature` (r ‖ s, 48 bytes big-endian each) over `message` is by
    /// this key: ECDSA with SHA-384 (FIPS 186-5).
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8; 96]) -> bool {
        self.0.verifies(message, signature)
    }
}

#[cfg(test)]
mod tests {
    use super::{P384Key, RsaKey, native, portable};
    use crate::{Certificate, Report};

    const REPORT: &str = include_str!("../tests/vectors/milan-v2-report.hex");
    const VCEK: &[u8] = include_bytes!("../tests/vectors/milan-vcek.der");
    const ASK: &[u8] = include_bytes!("../roots/milan.ask.der");

    #[test]
    fn both_backends_accept_the_real_report_and_refuse_every_changed_byte() {
        let report = Report::parse(&hex::decode(REPORT.trim()).unwrap()).unwrap();
        let vcek = Certificate::parse(VCEK).unwrap();
        let key = vcek.public_key_bytes();
        let native = native::P384::parse(key).unwrap();
        let portable = portable::P384::parse(key).unwrap();
        let both = |message: &[u8], signature: &[u8; 96]| {
            let verdict = native.verifies(message, signature);
            assert_eq!(verdict, portable.verifies(message, signature));
            verdict
        };
        assert!(both(report.signed_bytes(), &report.signature()));
        for i in (0..report.signed_bytes().len()).step_by(61) {
            let mut signed = report.signed_bytes().to_vec();
            signed[i] ^= 1;
            assert!(!both(&signed, &report.signature()), "byte {i}");
        }
        for i in 0..96 {
            let mut signature = report.signature();
            signature[i] ^= 1;
            assert!(!both(report.signed_bytes(), &signature), "byte {i}");
        }
        // Neither number of a signature may be zero or the order of the curve.
        for wrong in [[0; 96], [0xff; 96]] {
            assert!(!both(report.signed_bytes(), &wrong));
        }
    }

    #[test]
    fn both_backends_accept_the_real_certificate_and_refuse_every_changed_byte() {
        let ask = Certificate::parse(ASK).unwrap();
        let vcek = Certificate::parse(VCEK).unwrap();
        let native = native::Rsa::parse(ask.public_key_bytes()).unwrap();
        let portable = portable::Rsa::parse(ask.public_key_bytes()).unwrap();
        let both = |message: &[u8], signature: &[u8]| {
            let verdict = native.verifies(message, signature);
            assert_eq!(verdict, portable.verifies(message, signature));
            verdict
        };
        assert!(both(vcek.signed_bytes(), vcek.signature()));
        for i in (0..vcek.signed_bytes().len()).step_by(61) {
            let mut signed = vcek.signed_bytes().to_vec();
            signed[i] ^= 1;
            assert!(!both(&signed, vcek.signature()), "byte {i}");
        }
        for i in (0..512).step_by(31) {
            let mut signature = vcek.signature().to_vec();
            signature[i] ^= 1;
            assert!(!both(vcek.signed_bytes(), &signature), "byte {i}");
        }
        assert!(!both(vcek.signed_bytes(), &[]));
        assert!(!both(vcek.signed_bytes(), &[0; 512]));
    }

    #[test]
    fn both_backends_take_the_same_keys() {
        let point = Certificate::parse(VCEK).unwrap();
        let point = point.public_key_bytes();
        let mut off_the_curve = point.to_vec();
        off_the_curve[96] ^= 1;
        for key in [&off_the_curve[..], &point[..96], &[4; 97], &[]] {
            assert!(native::P384::parse(key).is_none());
            assert!(portable::P384::parse(key).is_none());
        }
        let modulus = Certificate::parse(ASK).unwrap();
        let modulus = modulus.public_key_bytes();
        for key in [&modulus[..525], b"no key", &[]] {
            assert!(native::Rsa::parse(key).is_none());
            assert!(portable::Rsa::parse(key).is_none());
        }
    }

    #[test]
    fn a_key_has_the_vendors_size_and_form() {
        let point = Certificate::parse(VCEK).unwrap();
        let point = point.public_key_bytes();
        assert!(P384Key::parse(point).is_some());
        let mut compressed = vec![2 + (point[96] & 1)];
        compressed.extend(&point[1..49]);
        assert!(P384Key::parse(&compressed).is_none());
        let mut hybrid = point.to_vec();
        hybrid[0] = 6 + (point[96] & 1);
        assert!(P384Key::parse(&hybrid).is_none());

        let modulus = Certificate::parse(ASK).unwrap();
        assert!(RsaKey::parse(modulus.public_key_bytes()).is_some());
        // 2048 bits, which the schemes would take: SEQUENCE of modulus, 65537.
        let mut small = vec![0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00];
        small.extend([0xc1; 256]);
        small.extend([0x02, 0x03, 0x01, 0x00, 0x01]);
        assert!(native::Rsa::parse(&small).is_some());
        assert!(RsaKey::parse(&small).is_none());
    }
}
