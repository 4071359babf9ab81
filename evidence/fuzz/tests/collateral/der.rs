//! Lists and certificates of somebody's own key.

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use x509_cert::der::pem::{self, LineEnding};

fn key() -> SigningKey {
    SigningKey::from_slice(&[7; 32]).unwrap()
}

/// r ‖ s.
pub(crate) fn raw(message: &[u8]) -> Vec<u8> {
    sign(message).to_bytes().to_vec()
}

pub(crate) fn pem(der: &[u8]) -> String {
    pem::encode_string("CERTIFICATE", LineEnding::LF, der).unwrap()
}

fn sign(message: &[u8]) -> Signature {
    key().sign(message)
}

/// A revocation list, version 2 (RFC 5280, 5).
pub(crate) fn list(issuer: &[u8], revoked: &[u8]) -> Vec<u8> {
    let number = extension(20, &tlv(0x02, &[1]));
    let authority = extension(35, &tlv(0x30, &tlv(0x80, &[1; 20])));
    signed(&[
        tlv(0x02, &[1]),
        algorithm(),
        tlv(0x30, issuer),
        time("250601000000Z"),
        time("250701000000Z"),
        tlv(0x30, revoked),
        tlv(0xa0, &tlv(0x30, &[number, authority].concat())),
    ])
}

/// A certificate of the key, version 3 (RFC 5280, 4).
pub(crate) fn certificate(names: &[u8]) -> Vec<u8> {
    let curve = [
        tlv(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]),
        tlv(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]),
    ];
    let point = key().verifying_key().to_sec1_point(false);
    let key_info = [tlv(0x30, &curve.concat()), bits(point.as_bytes())];
    signed(&[
        tlv(0xa0, &tlv(0x02, &[2])),
        tlv(0x02, &[1]),
        algorithm(),
        tlv(0x30, names),
        tlv(
            0x30,
            &[time("250101000000Z"), time("260101000000Z")].concat(),
        ),
        tlv(0x30, &[]),
        tlv(0x30, &key_info.concat()),
        tlv(0xa3, &tlv(0x30, &extension(14, &tlv(0x04, &[1])))),
    ])
}

fn signed(parts: &[Vec<u8>]) -> Vec<u8> {
    let content = tlv(0x30, &parts.concat());
    let signature = bits(sign(&content).to_der().as_bytes());
    tlv(0x30, &[content, algorithm(), signature].concat())
}

/// ecdsa-with-SHA256.
fn algorithm() -> Vec<u8> {
    let id = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    tlv(0x30, &tlv(0x06, &id))
}

/// Of the arc id-ce, 2.5.29.
fn extension(id: u8, value: &[u8]) -> Vec<u8> {
    let id = tlv(0x06, &[0x55, 0x1d, id]);
    tlv(0x30, &[id, tlv(0x04, value)].concat())
}

pub(crate) fn time(utc: &str) -> Vec<u8> {
    tlv(0x17, utc.as_bytes())
}

fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[0], bytes].concat())
}

pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head: &[u8] = match (high, low) {
        (0, 0..0x80) => &[tag, low],
        (0, _) => &[tag, 0x81, low],
        _ => &[tag, 0x82, high, low],
    };
    [head, content].concat()
}
