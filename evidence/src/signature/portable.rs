//! Signature checks in pure Rust, for wasm.

use p384::ecdsa::{Signature, VerifyingKey, signature::Verifier as _};
use rsa::{RsaPublicKey, pkcs1::DecodeRsaPublicKey as _, pss, sha2::Sha384};

/// As [`super::native::Rsa`].
#[derive(Clone)]
pub(crate) struct Rsa(pss::VerifyingKey<Sha384>);

impl Rsa {
    pub(crate) fn parse(pkcs1: &[u8]) -> Option<Self> {
        // Verification takes the salt's length from the digest: 48 bytes.
        let key = RsaPublicKey::from_pkcs1_der(pkcs1).ok()?;
        Some(Self(pss::VerifyingKey::new(key)))
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        pss::Signature::try_from(signature).is_ok_and(|s| self.0.verify(message, &s).is_ok())
    }
}

/// As [`super::native::P384`].
#[derive(Clone)]
pub(crate) struct P384(VerifyingKey);

impl P384 {
    pub(crate) fn parse(point: &[u8]) -> Option<Self> {
        VerifyingKey::from_sec1_bytes(point).ok().map(Self)
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 96]) -> bool {
        Signature::from_slice(signature).is_ok_and(|s| self.0.verify(message, &s).is_ok())
    }
}
