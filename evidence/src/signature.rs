//! The two signature schemes of SEV-SNP, behind one pair of functions with two
//! backends that are held to the same vectors: aws-lc-rs natively, `rsa` and
//! `p384` on wasm. Everything else in this crate is the same on both.

#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(any(test, target_family = "wasm"))]
mod portable;

#[cfg(not(target_family = "wasm"))]
pub(crate) use native::{ecdsa_p384_sha384, rsa_pss_sha384};
#[cfg(target_family = "wasm")]
pub(crate) use portable::{ecdsa_p384_sha384, rsa_pss_sha384};

#[cfg(test)]
mod tests {
    use super::{native, portable};
    use crate::{Certificate, Report};

    const REPORT: &str = include_str!("../tests/vectors/milan-v2-report.hex");
    const VCEK: &[u8] = include_bytes!("../tests/vectors/milan-vcek.der");
    const ASK: &[u8] = include_bytes!("../roots/milan.ask.der");

    #[test]
    fn both_backends_accept_the_real_report_and_refuse_every_changed_byte() {
        let report = Report::parse(&hex::decode(REPORT.trim()).unwrap()).unwrap();
        let vcek = Certificate::parse(VCEK).unwrap();
        let key = vcek.public_key();
        for verify in [native::ecdsa_p384_sha384, portable::ecdsa_p384_sha384] {
            assert!(verify(key, report.signed_bytes(), &report.signature()));
            for i in (0..report.signed_bytes().len()).step_by(61) {
                let mut signed = report.signed_bytes().to_vec();
                signed[i] ^= 1;
                assert!(!verify(key, &signed, &report.signature()), "byte {i}");
            }
            for i in 0..96 {
                let mut signature = report.signature();
                signature[i] ^= 1;
                assert!(!verify(key, report.signed_bytes(), &signature), "byte {i}");
            }
            assert!(!verify(&[], report.signed_bytes(), &report.signature()));
        }
    }

    #[test]
    fn both_backends_accept_the_real_certificate_and_refuse_every_changed_byte() {
        let ask = Certificate::parse(ASK).unwrap();
        let vcek = Certificate::parse(VCEK).unwrap();
        for verify in [native::rsa_pss_sha384, portable::rsa_pss_sha384] {
            assert!(verify(
                ask.public_key(),
                vcek.signed_bytes(),
                vcek.signature()
            ));
            for i in (0..vcek.signed_bytes().len()).step_by(61) {
                let mut signed = vcek.signed_bytes().to_vec();
                signed[i] ^= 1;
                assert!(!verify(ask.public_key(), &signed, vcek.signature()));
            }
            assert!(!verify(ask.public_key(), vcek.signed_bytes(), &[]));
            assert!(!verify(b"no key", vcek.signed_bytes(), vcek.signature()));
        }
    }
}
