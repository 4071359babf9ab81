//! Sealing a secret to a guest's key: JWE (RFC 7516) in the flattened JSON form, as
//! the confidential data hub opens it.
//!
//! `ECDH-ES+A256KW` on P-256 and P-521, and `RSA-OAEP-256`, content always `A256GCM`
//! (RFC 7518, 4.6, 4.3, 5.3). The key agreed on is derived by Concat KDF over the
//! algorithm's name, without party information, as both ends of Trustee do.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap as _};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use aws_lc_rs::rsa::{
    OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey, PublicKeyComponents,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::rcar::TeeKey;

const ECDH_ES_A256KW: &str = "ECDH-ES+A256KW";
const RSA_OAEP_256: &str = "RSA-OAEP-256";

/// A sealed secret.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Jwe {
    protected: String,
    encrypted_key: String,
    iv: String,
    ciphertext: String,
    tag: String,
}

/// Why nothing can be sealed to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    /// Another algorithm, `RSA1_5` included, or another curve.
    #[error("the guest's key is for an algorithm that this broker does not use")]
    Algorithm,
    /// Not a key: a point that is not on its curve, a modulus of the wrong length.
    #[error("the guest's key is not one")]
    Key,
    /// The cryptographic library failed.
    #[error("failed to seal")]
    Crypto,
}

impl From<Unspecified> for JweError {
    fn from(_: Unspecified) -> Self {
        Self::Crypto
    }
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    enc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    epk: Option<Point<'a>>,
}

#[derive(Serialize)]
struct Point<'a> {
    crv: &'a str,
    kty: &'static str,
    x: String,
    y: String,
}

/// Whether secrets can be sealed to this key; asked before its evidence is verified.
///
/// # Errors
/// When they cannot.
pub fn require_sealable(key: &TeeKey) -> Result<(), JweError> {
    match key {
        TeeKey::Ec { crv, alg, x, y } => {
            Curve::of(crv, alg)?.point(x, y)?;
        }
        TeeKey::Rsa { alg, n, e } => {
            rsa(alg, n, e)?;
        }
    }
    Ok(())
}

/// Seals `secret` to `key`.
///
/// # Errors
/// When the key is of another kind, or none.
pub fn seal(key: &TeeKey, secret: &[u8]) -> Result<Jwe, JweError> {
    let mut content_key = Zeroizing::new([0; 32]);
    SystemRandom::new().fill(&mut *content_key)?;
    let (header, encrypted_key) = match key {
        TeeKey::Ec { crv, alg, x, y } => Curve::of(crv, alg)?.wrap(x, y, &*content_key)?,
        TeeKey::Rsa { alg, n, e } => {
            let key = rsa(alg, n, e)?;
            let mut out = vec![0; key.ciphertext_size()];
            let sealed = key
                .encrypt(&OAEP_SHA256_MGF1SHA256, &*content_key, &mut out, None)?
                .to_vec();
            let header = Header {
                alg: RSA_OAEP_256,
                enc: "A256GCM",
                epk: None,
            };
            (header, sealed)
        }
    };
    let header = serde_json::to_vec(&header).map_err(|_| JweError::Crypto)?;
    let protected = BASE64URL.encode(header);
    let mut iv = [0; 12];
    SystemRandom::new().fill(&mut iv)?;
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*content_key)?);
    let mut data = Zeroizing::new(secret.to_vec());
    let tag = cipher.seal_in_place_separate_tag(
        Nonce::assume_unique_for_key(iv),
        Aad::from(protected.as_bytes()),
        &mut data,
    )?;
    Ok(Jwe {
        protected,
        encrypted_key: BASE64URL.encode(encrypted_key),
        iv: BASE64URL.encode(iv),
        ciphertext: BASE64URL.encode(&*data),
        tag: BASE64URL.encode(tag),
    })
}

/// A curve with its name and the bytes of a coordinate.
struct Curve {
    name: &'static str,
    algorithm: &'static agreement::Algorithm,
    len: usize,
}

impl Curve {
    fn of(crv: &str, alg: &str) -> Result<Self, JweError> {
        let (name, algorithm, len) = match (crv, alg) {
            ("P-256", ECDH_ES_A256KW) => ("P-256", &agreement::ECDH_P256, 32),
            ("P-521", ECDH_ES_A256KW) => ("P-521", &agreement::ECDH_P521, 66),
            _ => return Err(JweError::Algorithm),
        };
        Ok(Self {
            name,
            algorithm,
            len,
        })
    }

    /// The uncompressed point (SEC 1, 2.3.3). Whether it is on the curve, the
    /// agreement says.
    fn point(&self, x: &str, y: &str) -> Result<Vec<u8>, JweError> {
        let mut point = vec![4];
        for coordinate in [x, y] {
            let bytes = BASE64URL.decode(coordinate).map_err(|_| JweError::Key)?;
            if bytes.len() != self.len {
                return Err(JweError::Key);
            }
            point.extend_from_slice(&bytes);
        }
        Ok(point)
    }

    fn wrap(
        &self,
        x: &str,
        y: &str,
        content_key: &[u8],
    ) -> Result<(Header<'static>, Vec<u8>), JweError> {
        let theirs = UnparsedPublicKey::new(self.algorithm, self.point(x, y)?);
        let ours = EphemeralPrivateKey::generate(self.algorithm, &SystemRandom::new())?;
        let public = ours.compute_public_key()?;
        let (x, y) = public
            .as_ref()
            .get(1..)
            .and_then(|point| point.split_at_checked(self.len))
            .ok_or(JweError::Crypto)?;
        let epk = Point {
            crv: self.name,
            kty: "EC",
            x: BASE64URL.encode(x),
            y: BASE64URL.encode(y),
        };
        let wrapped = agree_ephemeral(ours, theirs, JweError::Key, |agreed| {
            let key = Zeroizing::new(concat_kdf(agreed));
            let mut out = vec![0; content_key.len() + 8];
            let kek = AesKek::new(&AES_256, &*key)?;
            let len = kek.wrap(content_key, &mut out)?.len();
            out.truncate(len);
            Ok(out)
        })?;
        let header = Header {
            alg: ECDH_ES_A256KW,
            enc: "A256GCM",
            epk: Some(epk),
        };
        Ok((header, wrapped))
    }
}

/// Concat KDF (NIST SP 800-56A, 5.8.1) for 256 bits: one round of SHA-256 over counter,
/// agreed secret, the algorithm's name with its length, two empty parties, and the
/// number of bits.
fn concat_kdf(agreed: &[u8]) -> [u8; 32] {
    // Its length, as 32 bits.
    const NAME_LEN: [u8; 4] = [0, 0, 0, 14];
    let mut hash = Context::new(&SHA256);
    hash.update(&1_u32.to_be_bytes());
    hash.update(agreed);
    hash.update(&NAME_LEN);
    hash.update(ECDH_ES_A256KW.as_bytes());
    hash.update(&[0; 8]);
    hash.update(&256_u32.to_be_bytes());
    let mut key = [0; 32];
    for (to, from) in key.iter_mut().zip(hash.finish().as_ref()) {
        *to = *from;
    }
    key
}

fn rsa(alg: &str, n: &str, e: &str) -> Result<OaepPublicEncryptingKey, JweError> {
    if alg != RSA_OAEP_256 {
        return Err(JweError::Algorithm);
    }
    let decode = |text: &str| BASE64URL.decode(text).map_err(|_| JweError::Key);
    let (n, e) = (decode(n)?, decode(e)?);
    // 2048 to 8192 bits are what the library takes; it says so by failing.
    if n.len() > 1024 || e.len() > 8 {
        return Err(JweError::Key);
    }
    let key = PublicKeyComponents { n, e };
    let key: PublicEncryptingKey = key.try_into().map_err(|_: Unspecified| JweError::Key)?;
    OaepPublicEncryptingKey::new(key).map_err(|_| JweError::Key)
}

#[cfg(test)]
mod tests;
