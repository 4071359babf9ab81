//! What is sealed opens at the other end, and nowhere else. P-256 is opened by another
//! library, in another way.

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use aes_kw::KwAes256;
use aws_lc_rs::agreement::{ECDH_P521, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{JweError, require_sealable, seal};
use crate::rcar::TeeKey;

fn ec(crv: &str, alg: &str, x: &[u8], y: &[u8]) -> TeeKey {
    TeeKey::Ec {
        crv: crv.to_owned(),
        alg: alg.to_owned(),
        x: BASE64URL.encode(x),
        y: BASE64URL.encode(y),
    }
}

fn p256() -> (p256::SecretKey, TeeKey) {
    let secret = p256::SecretKey::from_slice(&[0x42; 32]).unwrap();
    let point = p256::Sec1Point::from(secret.public_key());
    let key = ec(
        "P-256",
        "ECDH-ES+A256KW",
        point.x().unwrap(),
        point.y().unwrap(),
    );
    (secret, key)
}

fn sealed(key: &TeeKey) -> Value {
    serde_json::to_value(seal(key, b"secret").unwrap()).unwrap()
}

fn part(jwe: &Value, name: &str) -> Vec<u8> {
    BASE64URL.decode(jwe[name].as_str().unwrap()).unwrap()
}

fn header(jwe: &Value) -> Value {
    serde_json::from_slice(&part(jwe, "protected")).unwrap()
}

/// Concat KDF as RFC 7518, 4.6.2 writes it, for one round.
fn derive(agreed: &[u8]) -> [u8; 32] {
    let name = b"ECDH-ES+A256KW";
    let mut hash = Sha256::new();
    hash.update([0, 0, 0, 1]);
    hash.update(agreed);
    hash.update([0, 0, 0, u8::try_from(name.len()).unwrap()]);
    hash.update(name);
    hash.update([0, 0, 0, 0, 0, 0, 0, 0]);
    hash.update([0, 0, 1, 0]);
    hash.finalize().into()
}

fn content(jwe: &Value, content_key: &[u8]) -> Option<Vec<u8>> {
    let iv: [u8; 12] = part(jwe, "iv").try_into().ok()?;
    let msg = [part(jwe, "ciphertext"), part(jwe, "tag")].concat();
    let aad = jwe["protected"].as_str().unwrap().as_bytes();
    let payload = Payload { msg: &msg, aad };
    let cipher = Aes256Gcm::new_from_slice(content_key).ok()?;
    cipher.decrypt(&iv.into(), payload).ok()
}

fn unwrap_key(jwe: &Value, agreed: &[u8]) -> Option<Vec<u8>> {
    let mut key = [0; 32];
    let kek = KwAes256::new(&derive(agreed).into());
    kek.unwrap_key(&part(jwe, "encrypted_key"), &mut key).ok()?;
    Some(key.to_vec())
}

fn open_p256(secret: &p256::SecretKey, jwe: &Value) -> Option<Vec<u8>> {
    let header = header(jwe);
    let at = |name: &str| {
        BASE64URL
            .decode(header["epk"][name].as_str().unwrap())
            .unwrap()
    };
    let point = [vec![4], at("x"), at("y")].concat();
    let theirs = p256::PublicKey::from_sec1_bytes(&point).ok()?;
    let agreed = p256::ecdh::diffie_hellman(secret.to_nonzero_scalar(), theirs.as_affine());
    content(jwe, &unwrap_key(jwe, agreed.raw_secret_bytes())?)
}

#[test]
fn the_guest_opens_it_and_every_changed_part_stays_closed() {
    let (secret, key) = p256();
    assert_eq!(require_sealable(&key), Ok(()));
    let jwe = sealed(&key);
    assert_eq!(header(&jwe)["alg"], "ECDH-ES+A256KW");
    assert_eq!(header(&jwe)["enc"], "A256GCM");
    assert_eq!(open_p256(&secret, &jwe).unwrap(), b"secret");
    for name in ["encrypted_key", "iv", "ciphertext", "tag"] {
        let mut wrong = jwe.clone();
        let mut bytes = part(&jwe, name);
        bytes[0] ^= 1;
        wrong[name] = BASE64URL.encode(bytes).into();
        assert_eq!(open_p256(&secret, &wrong), None, "{name}");
    }
    let mut wrong = jwe.clone();
    let spaced = [b" ".to_vec(), part(&jwe, "protected")].concat();
    wrong["protected"] = BASE64URL.encode(spaced).into();
    assert_eq!(open_p256(&secret, &wrong), None);
    let other = p256::SecretKey::from_slice(&[0x43; 32]).unwrap();
    assert_eq!(open_p256(&other, &jwe), None);
    // Nothing is used twice.
    assert_ne!(part(&jwe, "iv"), part(&sealed(&key), "iv"));
    assert_ne!(header(&jwe)["epk"], header(&sealed(&key))["epk"]);
}

#[test]
fn a_key_of_p_521_opens_it() {
    let secret = PrivateKey::generate(&ECDH_P521).unwrap();
    let public = secret.compute_public_key().unwrap();
    let (x, y) = public.as_ref()[1..].split_at(66);
    let jwe = sealed(&ec("P-521", "ECDH-ES+A256KW", x, y));
    let header = header(&jwe);
    let at = |name: &str| {
        BASE64URL
            .decode(header["epk"][name].as_str().unwrap())
            .unwrap()
    };
    let theirs = UnparsedPublicKey::new(&ECDH_P521, [vec![4], at("x"), at("y")].concat());
    let key = agree(&secret, theirs, (), |agreed| {
        Ok(unwrap_key(&jwe, agreed).unwrap())
    })
    .unwrap();
    assert_eq!(content(&jwe, &key).unwrap(), b"secret");
}

#[test]
fn a_key_of_rsa_opens_it() {
    use aws_lc_rs::encoding::AsDer as _;
    let secret = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
    let der = secret.public_key().as_der().unwrap();
    // The modulus and exponent at the end of SubjectPublicKeyInfo (RFC 8017, A.1.1):
    // INTEGER of 257 bytes with a leading zero, and INTEGER 65537.
    let der = der.as_ref();
    let (n, e) = (
        &der[der.len() - 5 - 256..der.len() - 5],
        &der[der.len() - 3..],
    );
    let key = TeeKey::Rsa {
        alg: "RSA-OAEP-256".to_owned(),
        n: BASE64URL.encode(n),
        e: BASE64URL.encode(e),
    };
    let jwe = sealed(&key);
    let secret = OaepPrivateDecryptingKey::new(secret).unwrap();
    let mut out = vec![0; secret.min_output_size()];
    let wrapped = part(&jwe, "encrypted_key");
    let content_key = secret
        .decrypt(&OAEP_SHA256_MGF1SHA256, &wrapped, &mut out, None)
        .unwrap();
    assert_eq!(content(&jwe, content_key).unwrap(), b"secret");
}

#[test]
fn to_what_is_no_key_nothing_is_sealed() {
    let (_, good) = p256();
    let TeeKey::Ec { x, y, .. } = &good else {
        unreachable!();
    };
    let (x, y) = (BASE64URL.decode(x).unwrap(), BASE64URL.decode(y).unwrap());
    let mut off = y.clone();
    off[0] ^= 1;
    for (key, error) in [
        (ec("P-256", "ECDH-ES+A256KW", &x, &off), JweError::Key),
        (
            ec("P-256", "ECDH-ES+A256KW", &[0; 32], &[0; 32]),
            JweError::Key,
        ),
        (ec("P-256", "ECDH-ES+A256KW", &x[1..], &y), JweError::Key),
        (ec("P-256", "RSA1_5", &x, &y), JweError::Algorithm),
        (ec("P-384", "ECDH-ES+A256KW", &x, &y), JweError::Algorithm),
        (ec("P-521", "ECDH-ES+A256KW", &x, &y), JweError::Key),
        (
            TeeKey::Rsa {
                alg: "RSA1_5".to_owned(),
                n: "AQ".to_owned(),
                e: "AQAB".to_owned(),
            },
            JweError::Algorithm,
        ),
        (
            TeeKey::Rsa {
                alg: "RSA-OAEP-256".to_owned(),
                n: "AQ".to_owned(),
                e: "AQAB".to_owned(),
            },
            JweError::Key,
        ),
        (
            TeeKey::Rsa {
                alg: "RSA-OAEP-256".to_owned(),
                n: String::new(),
                e: "!".to_owned(),
            },
            JweError::Key,
        ),
        (
            TeeKey::Rsa {
                alg: "RSA-OAEP-256".to_owned(),
                n: BASE64URL.encode([0xff; 2000]),
                e: "AQAB".to_owned(),
            },
            JweError::Key,
        ),
    ] {
        assert_eq!(seal(&key, b"secret"), Err(error), "{key:?}");
    }
}
