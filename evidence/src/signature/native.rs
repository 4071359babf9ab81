//! Signature checks with aws-lc-rs.

use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED, ParsedPublicKey, RSA_PSS_2048_8192_SHA384};

/// An RSA key with what its arithmetic needs already computed.
#[derive(Clone)]
pub(crate) struct Rsa(ParsedPublicKey);

impl Rsa {
    pub(crate) fn parse(pkcs1: &[u8]) -> Option<Self> {
        ParsedPublicKey::new(&RSA_PSS_2048_8192_SHA384, pkcs1)
            .ok()
            .map(Self)
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

/// A point that was checked to be on the curve.
#[derive(Clone)]
pub(crate) struct P384(ParsedPublicKey);

impl P384 {
    pub(crate) fn parse(point: &[u8]) -> Option<Self> {
        ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point)
            .ok()
            .map(Self)
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 96]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}
