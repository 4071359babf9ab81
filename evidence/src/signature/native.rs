//! Signature checks with aws-lc-rs.

use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED, RSA_PSS_2048_8192_SHA384, UnparsedPublicKey};

/// Whether `signature` (r ‖ s, 48 bytes big-endian each) over `message` is by
/// `key` (an uncompressed P-384 point, 97 bytes): ECDSA with SHA-384 (FIPS 186-5).
pub(crate) fn ecdsa_p384_sha384(key: &[u8], message: &[u8], signature: &[u8; 96]) -> bool {
    UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, key)
        .verify(message, signature)
        .is_ok()
}

/// Whether `signature` over `message` is by `key` (a PKCS#1 `RSAPublicKey`):
/// RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes (RFC 8017).
pub(crate) fn rsa_pss_sha384(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA384, key)
        .verify(message, signature)
        .is_ok()
}
