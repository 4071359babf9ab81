//! Signature checks in pure Rust, for wasm.

use p384::ecdsa::{Signature, VerifyingKey, signature::Verifier as _};
use rsa::{RsaPublicKey, pkcs1::DecodeRsaPublicKey as _, pss, sha2::Sha384};

/// As [`super::native::ecdsa_p384_sha384`].
pub(crate) fn ecdsa_p384_sha384(key: &[u8], message: &[u8], signature: &[u8; 96]) -> bool {
    let Ok(key) = VerifyingKey::from_sec1_bytes(key) else {
        return false;
    };
    Signature::from_slice(signature).is_ok_and(|s| key.verify(message, &s).is_ok())
}

/// As [`super::native::rsa_pss_sha384`].
pub(crate) fn rsa_pss_sha384(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = RsaPublicKey::from_pkcs1_der(key) else {
        return false;
    };
    // Verification takes the salt's length from the digest: 48 bytes.
    let key = pss::VerifyingKey::<Sha384>::new(key);
    pss::Signature::try_from(signature).is_ok_and(|s| key.verify(message, &s).is_ok())
}
