//! Opening what a key broker sealed to this guest: JWE (RFC 7516) in the flattened form,
//! `ECDH-ES+A256KW` on P-256 and `A256GCM`. Another library than the broker's, on
//! purpose.

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use aes_kw::KwAes256;
use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use p256::{PublicKey, Sec1Point, SecretKey};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const ALGORITHM: &str = "ECDH-ES+A256KW";

/// A guest's key for what is sealed to it.
pub(crate) struct TeeKey(SecretKey);

/// What a broker answers.
#[derive(Deserialize)]
pub(crate) struct Jwe {
    protected: String,
    encrypted_key: String,
    iv: String,
    ciphertext: String,
    tag: String,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    enc: String,
    epk: Point,
}

#[derive(Deserialize)]
struct Point {
    crv: String,
    x: String,
    y: String,
}

impl TeeKey {
    /// From 32 random bytes.
    pub(crate) fn new(random: &[u8; 32]) -> Result<Self> {
        let key = SecretKey::from_slice(random);
        Ok(Self(key.context("no key by these bytes")?))
    }

    /// As a JWK.
    pub(crate) fn public(&self) -> Value {
        let point = Sec1Point::from(self.0.public_key());
        let text = |coordinate: Option<&[u8]>| BASE64URL.encode(coordinate.unwrap_or_default());
        let (x, y) = (point.x().map(|x| &**x), point.y().map(|y| &**y));
        json!({"kty": "EC", "crv": "P-256", "alg": ALGORITHM, "x": text(x), "y": text(y)})
    }

    /// Opens a sealed secret.
    pub(crate) fn open(&self, jwe: &Jwe) -> Result<Vec<u8>> {
        let header: Header = serde_json::from_slice(&decode(&jwe.protected)?)?;
        ensure!(
            header.alg == ALGORITHM && header.enc == "A256GCM" && header.epk.crv == "P-256",
            "sealed in another way"
        );
        let point = [vec![4], decode(&header.epk.x)?, decode(&header.epk.y)?].concat();
        let theirs = PublicKey::from_sec1_bytes(&point).context("no point of the curve")?;
        let agreed = p256::ecdh::diffie_hellman(self.0.to_nonzero_scalar(), theirs.as_affine());
        let kek = KwAes256::new(&concat_kdf(ALGORITHM, agreed.raw_secret_bytes()).into());
        let mut key = [0; 32];
        let wrapped = decode(&jwe.encrypted_key)?;
        ensure!(wrapped.len() == 40, "a wrapped key of another length");
        let unwrapped = kek.unwrap_key(&wrapped, &mut key);
        unwrapped.ok().context("the key does not unwrap")?;
        let iv: [u8; 12] = decode(&jwe.iv)?
            .try_into()
            .ok()
            .context("an IV of another length")?;
        let msg = [decode(&jwe.ciphertext)?, decode(&jwe.tag)?].concat();
        let payload = Payload {
            msg: &msg,
            aad: jwe.protected.as_bytes(),
        };
        let opened = Aes256Gcm::new(&key.into()).decrypt(&iv.into(), payload);
        opened.ok().context("it does not open")
    }
}

fn decode(text: &str) -> Result<Vec<u8>> {
    BASE64URL.decode(text).context("not base64url")
}

/// Concat KDF for 256 bits, without party information (RFC 7518, 4.6.2).
fn concat_kdf(algorithm: &str, agreed: &[u8]) -> [u8; 32] {
    let len = u32::try_from(algorithm.len()).unwrap_or(u32::MAX);
    let mut hash = Sha256::new();
    hash.update(1_u32.to_be_bytes());
    hash.update(agreed);
    hash.update(len.to_be_bytes());
    hash.update(algorithm);
    hash.update([0; 8]);
    hash.update(256_u32.to_be_bytes());
    hash.finalize().into()
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed test stops at once"
)]
mod tests {
    use aes_gcm::KeyInit as _;
    use aes_kw::KwAes256;

    use super::{Jwe, TeeKey};

    /// RFC 3394, 4.6: 256 bits of key data under a 256-bit KEK.
    #[test]
    fn keys_are_unwrapped_as_the_standard_does() {
        let kek: [u8; 32] = core::array::from_fn(|at| u8::try_from(at).unwrap());
        let wrapped = hex::decode(
            "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21",
        )
        .unwrap();
        let mut key = [0; 32];
        KwAes256::new(&kek.into())
            .unwrap_key(&wrapped, &mut key)
            .unwrap();
        assert_eq!(
            hex::encode(key),
            "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f"
        );
    }

    /// Sealed once by `cdvm-kbs` to the key 42…42: a TEST VECTOR.
    #[test]
    fn what_a_broker_sealed_opens_and_nothing_changed_does() {
        let text = include_str!("jwe/vector.json");
        let key = TeeKey::new(&[0x42; 32]).unwrap();
        let read = |text: &str| serde_json::from_str::<Jwe>(text).unwrap();
        assert_eq!(key.open(&read(text)).unwrap(), b"secret");
        assert!(TeeKey::new(&[0x43; 32]).unwrap().open(&read(text)).is_err());
        let whole: serde_json::Value = serde_json::from_str(text).unwrap();
        for name in ["protected", "encrypted_key", "iv", "ciphertext", "tag"] {
            for change in ["", "AAAA", "!", &whole["tag"].as_str().unwrap().repeat(3)] {
                let mut wrong = whole.clone();
                wrong[name] = change.into();
                assert!(
                    key.open(&read(&wrong.to_string())).is_err(),
                    "{name}: {change}"
                );
            }
        }
    }
}
