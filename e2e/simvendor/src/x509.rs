//! Certificates and lists in AMD's form, signed with RSA-PSS.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_SHA384, RsaKeyPair};

use crate::{Error, der};

/// Seconds of a day.
pub(crate) const DAY: u64 = 86_400;

/// A fresh RSA key of the vendor's size.
pub(crate) fn rsa_key() -> Result<RsaKeyPair, Error> {
    RsaKeyPair::generate(KeySize::Rsa4096).map_err(|_| Error::Crypto("make an RSA key"))
}

/// RSASSA-PSS, SHA-384, MGF1 with SHA-384, salt 48, trailer spelled out: to the
/// byte as most of AMD's certificates have it.
pub(crate) fn pss_sha384() -> Vec<u8> {
    let sha384 = der::sequence(&[der::oid(&[2, 16, 840, 1, 101, 3, 4, 2, 2]), der::null()]);
    let mgf1 = der::sequence(&[der::oid(&[1, 2, 840, 113_549, 1, 1, 8]), sha384.clone()]);
    der::sequence(&[
        der::oid(&[1, 2, 840, 113_549, 1, 1, 10]),
        der::sequence(&[
            der::explicit(0, &sha384),
            der::explicit(1, &mgf1),
            der::explicit(2, &der::integer(48)),
            der::explicit(3, &der::integer(1)),
        ]),
    ])
}

pub(crate) fn rsa_spki(key: &RsaKeyPair) -> Vec<u8> {
    der::sequence(&[
        der::sequence(&[der::oid(&[1, 2, 840, 113_549, 1, 1, 1]), der::null()]),
        der::bits(key.public_key().as_ref()),
    ])
}

/// A name that says at first sight that it is not AMD's.
pub(crate) fn name(common_name: &str) -> Vec<u8> {
    let part =
        |arcs: &[u64], text: &str| der::set(&[der::sequence(&[der::oid(arcs), der::utf8(text)])]);
    der::sequence(&[
        part(&[2, 5, 4, 11], "SIMULATED"),
        part(&[2, 5, 4, 10], "Simulated vendor, nothing is confidential"),
        part(&[2, 5, 4, 3], common_name),
    ])
}

/// Whom a certificate is about.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Common name.
    pub common_name: String,
    /// Serial number.
    pub serial: u64,
    /// First and last second of validity.
    pub validity: (u64, u64),
    /// Extensions in DER.
    pub extensions: Vec<Vec<u8>>,
}

impl Subject {
    /// One that signs others, valid from a day before `now` for 20 years.
    pub fn authority(common_name: String, serial: u64, now: u64) -> Self {
        // basicConstraints, critical: a certificate authority.
        let constraints = der::sequence(&[
            der::oid(&[2, 5, 29, 19]),
            der::boolean(true),
            der::octets(&der::sequence(&[der::boolean(true)])),
        ]);
        Self {
            common_name,
            serial,
            validity: (now - DAY, now + 20 * 365 * DAY),
            extensions: vec![constraints],
        }
    }

    pub(crate) fn certify(
        &self,
        issuer: &str,
        issuer_key: &RsaKeyPair,
        spki: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let (from, until) = self.validity;
        let mut parts = vec![
            der::explicit(0, &der::integer(2)),
            der::integer(self.serial),
            pss_sha384(),
            name(issuer),
            der::sequence(&[der::time(from), der::time(until)]),
            name(&self.common_name),
            spki.to_vec(),
        ];
        if !self.extensions.is_empty() {
            parts.push(der::explicit(3, &der::sequence(&self.extensions)));
        }
        signed(issuer_key, &der::sequence(&parts))
    }
}

pub(crate) fn signed(key: &RsaKeyPair, tbs: &[u8]) -> Result<Vec<u8>, Error> {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PSS_SHA384, &SystemRandom::new(), tbs, &mut signature)
        .map_err(|_| Error::Crypto("sign a certificate"))?;
    Ok(der::sequence(&[
        tbs.to_vec(),
        pss_sha384(),
        der::bits(&signature),
    ]))
}
