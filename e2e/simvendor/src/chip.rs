//! Endorsement keys: of a chip (VCEK) or a provider (VLEK). They sign reports.

use std::fs;
use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RsaKeyPair,
};

use crate::x509::{DAY, Subject};
use crate::{Error, Generation, der};

/// What a chip's certificate says.
#[derive(Clone, Debug)]
pub struct ChipSpec {
    /// `SEV-VCEK`, or `SEV-VLEK` for a provider's key.
    pub common_name: String,
    /// Serial number: 0 for every VCEK, one of its own for a VLEK.
    pub serial: u64,
    /// `Milan-B0`, `Genoa`, `Turin`.
    pub product: String,
    /// 64 bytes; on Turin the first 8 count.
    pub chip_id: [u8; 64],
    /// fmc, bootloader, tee, snp, microcode.
    pub tcb: [u8; 5],
    /// First and last second of validity.
    pub validity: (u64, u64),
    /// AMD extensions to leave out, by the arcs below AMD's own.
    pub without: &'static [&'static [u64]],
    /// A critical extension nobody knows.
    pub unknown_critical: bool,
}

impl ChipSpec {
    /// A chip like those of a released machine, valid around `now`.
    pub fn new(generation: Generation, now: u64) -> Self {
        let mut chip_id = [0; 64];
        let len = if generation == Generation::Turin {
            8
        } else {
            64
        };
        for (byte, value) in chip_id.iter_mut().take(len).zip(0x51..) {
            *byte = value;
        }
        Self {
            common_name: "SEV-VCEK".to_owned(),
            serial: 0,
            product: generation.name().to_owned(),
            chip_id,
            tcb: match generation {
                Generation::Turin => [1, 3, 1, 3, 70],
                Generation::Milan | Generation::Genoa => [0, 4, 0, 22, 213],
            },
            validity: (now - DAY, now + 7 * 365 * DAY),
            without: &[],
            unknown_critical: false,
        }
    }

    /// A provider's key for such machines.
    pub fn vlek(generation: Generation, now: u64) -> Self {
        Self {
            common_name: "SEV-VLEK".to_owned(),
            serial: 0x51_0100,
            ..Self::new(generation, now)
        }
    }

    /// Whether it is for a chip, and names it.
    fn is_chip(&self) -> bool {
        self.common_name.ends_with("VCEK")
    }
}

/// A simulated chip: signs reports.
pub struct Chip {
    key: EcdsaKeyPair,
    pkcs8: Vec<u8>,
    certificate: Vec<u8>,
    spec: ChipSpec,
    generation: Generation,
}

impl Chip {
    /// A chip with a fresh key, certified by this intermediate.
    pub(crate) fn new(
        generation: Generation,
        spec: &ChipSpec,
        issuer: &str,
        issuer_key: &RsaKeyPair,
    ) -> Result<Self, Error> {
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &SystemRandom::new())
                .map_err(|_| Error::Crypto("make a P-384 key"))?;
        let key = chip_key(pkcs8.as_ref())?;
        let spki = der::sequence(&[
            der::sequence(&[
                der::oid(&[1, 2, 840, 10045, 2, 1]),
                der::oid(&[1, 3, 132, 0, 34]),
            ]),
            der::bits(key.public_key().as_ref()),
        ]);
        let subject = Subject {
            common_name: spec.common_name.clone(),
            serial: spec.serial,
            validity: spec.validity,
            extensions: extensions(generation, spec),
        };
        Ok(Self {
            certificate: subject.certify(issuer, issuer_key, &spki)?,
            key,
            pkcs8: pkcs8.as_ref().to_vec(),
            spec: spec.clone(),
            generation,
        })
    }

    /// DER of its key's certificate.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// What its certificate says.
    pub const fn spec(&self) -> &ChipSpec {
        &self.spec
    }

    /// Generation.
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// r ‖ s over SHA-384 of `message`, 48 bytes big-endian each.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 96], Error> {
        let signature = self
            .key
            .sign(&SystemRandom::new(), message)
            .map_err(|_| Error::Crypto("sign a report"))?;
        signature
            .as_ref()
            .try_into()
            .map_err(|_| Error::Crypto("sign a report"))
    }

    /// Writes key and certificate into `dir`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(&self, dir: &Path) -> Result<(), Error> {
        fs::create_dir_all(dir)?;
        fs::write(dir.join("vcek.key"), &self.pkcs8)?;
        fs::write(dir.join("vcek.der"), &self.certificate)?;
        Ok(())
    }

    /// Reads what [`Chip::save`] wrote; `spec` must be the one it was made of.
    ///
    /// # Errors
    /// When a file is missing or is no key.
    pub fn load(generation: Generation, spec: ChipSpec, dir: &Path) -> Result<Self, Error> {
        let pkcs8 = fs::read(dir.join("vcek.key"))?;
        Ok(Self {
            key: chip_key(&pkcs8)?,
            certificate: fs::read(dir.join("vcek.der"))?,
            pkcs8,
            spec,
            generation,
        })
    }
}

fn chip_key(pkcs8: &[u8]) -> Result<EcdsaKeyPair, Error> {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, pkcs8)
        .map_err(|_| Error::Crypto("read a P-384 key"))
}

/// AMD's arc for SEV-SNP certificate extensions.
const AMD: [u64; 8] = [1, 3, 6, 1, 4, 1, 3704, 1];

fn extensions(generation: Generation, spec: &ChipSpec) -> Vec<Vec<u8>> {
    let [fmc, bootloader, tee, snp, microcode] = spec.tcb;
    let number = |value: u8| der::integer(value.into());
    let mut all: Vec<(&[u64], Vec<u8>)> = vec![
        (&[1], der::integer(0)),
        (&[2], der::ia5(&spec.product)),
        (&[3, 1], number(bootloader)),
        (&[3, 2], number(tee)),
        (&[3, 3], number(snp)),
        (&[3, 8], number(microcode)),
    ];
    if generation == Generation::Turin {
        all.push((&[3, 9], number(fmc)));
    }
    if spec.is_chip() {
        let len = if generation == Generation::Turin {
            8
        } else {
            64
        };
        all.push((&[4], spec.chip_id.iter().take(len).copied().collect()));
    }
    let kept = all
        .into_iter()
        .filter(|(arcs, _)| !spec.without.contains(arcs));
    let mut out: Vec<Vec<u8>> = kept
        .map(|(arcs, value)| {
            der::sequence(&[der::oid(&[&AMD, arcs].concat()), der::octets(&value)])
        })
        .collect();
    if spec.unknown_critical {
        let id = der::oid(&[&AMD[..], &[99]].concat());
        out.push(der::sequence(&[
            id,
            der::boolean(true),
            der::octets(&der::null()),
        ]));
    }
    out
}
