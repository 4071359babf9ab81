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

/// A certificate of the key by an issuer of these names, with more extensions.
pub(crate) fn certificate(names: &[u8], more: &[u8]) -> Vec<u8> {
    of("", names, more)
}

/// A certificate with the name that Intel's authority for platforms has.
pub(crate) fn authority() -> Vec<u8> {
    of("Intel SGX PCK Platform CA", &[], &[])
}

/// A certificate, version 3 (RFC 5280, 4).
fn of(subject: &str, names: &[u8], more: &[u8]) -> Vec<u8> {
    let subject = [
        tlv(0x06, &[0x55, 0x04, 0x03]),
        tlv(0x0c, subject.as_bytes()),
    ];
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
        tlv(0x30, &tlv(0x31, &tlv(0x30, &subject.concat()))),
        tlv(0x30, &key_info.concat()),
        tlv(
            0xa3,
            &tlv(0x30, &[&extension(14, &tlv(0x04, &[1])), more].concat()),
        ),
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

/// What Intel writes about a platform into its key's certificate, with `ppid`.
pub(crate) fn platform(ppid: &[u8]) -> Vec<u8> {
    let arc = [0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01];
    let entry =
        |id: &[u8], value: Vec<u8>| tlv(0x30, &[tlv(0x06, &[&arc, id].concat()), value].concat());
    let tcb = [
        entry(&[2, 17], tlv(0x02, &[13])),
        entry(&[2, 18], tlv(0x04, &[1; 16])),
    ];
    let entries = [
        entry(&[1], tlv(0x04, ppid)),
        entry(&[2], tlv(0x30, &tcb.concat())),
        entry(&[3], tlv(0x04, &[0; 2])),
        entry(&[4], tlv(0x04, &[0; 6])),
        entry(&[5], tlv(0x0a, &[1])),
    ];
    let value = tlv(0x04, &tlv(0x30, &entries.concat()));
    tlv(0x30, &[tlv(0x06, &arc), value].concat())
}

/// Of the arc id-ce, 2.5.29.
pub(crate) fn extension(id: u8, value: &[u8]) -> Vec<u8> {
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
