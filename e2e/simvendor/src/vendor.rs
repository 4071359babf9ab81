//! The simulated vendor's keys and what they sign: root (ARK), intermediate
//! (ASK), chip keys (VCEK) and revocation lists, in AMD's certificate format.

use std::fs;
use std::path::Path;
use std::{fmt, io};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PSS_SHA384, RsaKeyPair,
};

use crate::der;

/// Which processor is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// EPYC 7003.
    Milan,
    /// EPYC 9004.
    Genoa,
    /// EPYC 9005.
    Turin,
}

impl Generation {
    /// Name in certificates.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Milan => "Milan",
            Self::Genoa => "Genoa",
            Self::Turin => "Turin",
        }
    }

    /// CPUID family, model and stepping of one such processor.
    pub const fn cpuid(self) -> [u8; 3] {
        match self {
            Self::Milan => [0x19, 0x01, 0x01],
            Self::Genoa => [0x19, 0x11, 0x01],
            Self::Turin => [0x1a, 0x02, 0x01],
        }
    }

    /// The eight bytes of a TCB in a report.
    pub const fn tcb_bytes(self, tcb: [u8; 5]) -> [u8; 8] {
        let [fmc, bootloader, tee, snp, microcode] = tcb;
        match self {
            Self::Milan | Self::Genoa => [bootloader, tee, 0, 0, 0, 0, snp, microcode],
            Self::Turin => [fmc, bootloader, tee, snp, 0, 0, 0, microcode],
        }
    }
}

/// What can go wrong.
#[derive(Debug)]
pub enum Error {
    /// A key could not be made, read or used.
    Crypto(&'static str),
    /// A file could not be read or written.
    Io(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crypto(what) => write!(f, "failed to {what}"),
            Self::Io(_) => f.write_str("failed to read or write the simulated vendor's files"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Crypto(_) => None,
            Self::Io(error) => Some(error),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A simulated vendor for one generation.
pub struct Vendor {
    generation: Generation,
    ark: RsaKeyPair,
    ask: RsaKeyPair,
    ark_der: Vec<u8>,
    ask_der: Vec<u8>,
}

/// Serial numbers of root and intermediate.
const ARK_SERIAL: u64 = 0x51_0000;
const ASK_SERIAL: u64 = 0x51_0001;

/// Certificates are valid this long before and after `now`: years, as AMD's.
const DAY: u64 = 86_400;

impl Vendor {
    /// A new vendor with fresh keys, whose certificates are valid from a day
    /// before `now` (Unix seconds) for 20 years.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate(generation: Generation, now: u64) -> Result<Self, Error> {
        let key =
            || RsaKeyPair::generate(KeySize::Rsa4096).map_err(|_| Error::Crypto("make an RSA key"));
        let (ark, ask) = (key()?, key()?);
        let validity = (now - DAY, now + 20 * 365 * DAY);
        let root = format!("ARK-{}", generation.name());
        let intermediate = format!("SEV-{}", generation.name());
        let ark_der = certificate(
            &ark,
            ARK_SERIAL,
            &root,
            &root,
            validity,
            &rsa_spki(&ark),
            &[],
        )?;
        let ask_der = certificate(
            &ark,
            ASK_SERIAL,
            &root,
            &intermediate,
            validity,
            &rsa_spki(&ask),
            &[],
        )?;
        Ok(Self {
            generation,
            ark,
            ask,
            ark_der,
            ask_der,
        })
    }

    /// Generation it simulates.
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// DER of the root.
    pub fn ark(&self) -> &[u8] {
        &self.ark_der
    }

    /// DER of the intermediate.
    pub fn ask(&self) -> &[u8] {
        &self.ask_der
    }

    /// A revocation list made at `now` that names these serial numbers.
    ///
    /// # Errors
    /// When signing fails.
    pub fn revocation_list(&self, now: u64, revoked: &[u64]) -> Result<Vec<u8>, Error> {
        let issuer = name(&format!("ARK-{}", self.generation.name()));
        let mut parts = vec![
            der::integer(1),
            pss_sha384(),
            issuer,
            der::time(now),
            der::time(now + 365 * DAY),
        ];
        if !revoked.is_empty() {
            let entry = |serial: &u64| der::sequence(&[der::integer(*serial), der::time(now)]);
            parts.push(der::sequence(
                &revoked.iter().map(entry).collect::<Vec<_>>(),
            ));
        }
        signed(&self.ark, &der::sequence(&parts))
    }

    /// Serial number of the intermediate, to revoke it.
    pub const fn ask_serial(&self) -> u64 {
        ASK_SERIAL
    }

    /// A chip of this vendor with a fresh key.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn chip(&self, spec: &ChipSpec) -> Result<Chip, Error> {
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &SystemRandom::new())
                .map_err(|_| Error::Crypto("make a P-384 key"))?;
        self.certify(spec, pkcs8.as_ref())
    }

    fn certify(&self, spec: &ChipSpec, pkcs8: &[u8]) -> Result<Chip, Error> {
        let key = chip_key(pkcs8)?;
        let spki = der::sequence(&[
            der::sequence(&[
                der::oid(&[1, 2, 840, 10045, 2, 1]),
                der::oid(&[1, 3, 132, 0, 34]),
            ]),
            der::bits(key.public_key().as_ref()),
        ]);
        let der = certificate(
            &self.ask,
            0,
            &format!("SEV-{}", self.generation.name()),
            &spec.common_name,
            spec.validity,
            &spki,
            &chip_extensions(self.generation, spec),
        )?;
        Ok(Chip {
            key,
            pkcs8: pkcs8.to_vec(),
            certificate: der,
            spec: spec.clone(),
            generation: self.generation,
        })
    }

    /// Writes keys and certificates into `dir`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(&self, dir: &Path) -> Result<(), Error> {
        fs::create_dir_all(dir)?;
        for (name, key) in [("ark.key", &self.ark), ("ask.key", &self.ask)] {
            let pkcs8: Pkcs8V1Der<'_> = key.as_der().map_err(|_| Error::Crypto("write a key"))?;
            fs::write(dir.join(name), pkcs8.as_ref())?;
        }
        fs::write(dir.join("ark.der"), &self.ark_der)?;
        fs::write(dir.join("ask.der"), &self.ask_der)?;
        Ok(())
    }

    /// Reads what [`Vendor::save`] wrote.
    ///
    /// # Errors
    /// When a file is missing or is no key.
    pub fn load(generation: Generation, dir: &Path) -> Result<Self, Error> {
        let key = |name: &str| {
            RsaKeyPair::from_pkcs8(&fs::read(dir.join(name))?)
                .map_err(|_| Error::Crypto("read an RSA key"))
        };
        Ok(Self {
            generation,
            ark: key("ark.key")?,
            ask: key("ask.key")?,
            ark_der: fs::read(dir.join("ark.der"))?,
            ask_der: fs::read(dir.join("ask.der"))?,
        })
    }
}

/// What a chip's certificate says.
#[derive(Clone, Debug)]
pub struct ChipSpec {
    /// `SEV-VCEK`, or `SEV-VLEK` for a provider's key.
    pub common_name: String,
    /// `Milan-B0`, `Genoa`, `Turin`.
    pub product: String,
    /// 64 bytes; on Turin the first 8 count.
    pub chip_id: [u8; 64],
    /// fmc, bootloader, tee, snp, microcode.
    pub tcb: [u8; 5],
    /// First and last second of validity.
    pub validity: (u64, u64),
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
            product: generation.name().to_owned(),
            chip_id,
            tcb: match generation {
                Generation::Turin => [1, 3, 1, 3, 70],
                Generation::Milan | Generation::Genoa => [0, 4, 0, 22, 213],
            },
            validity: (now - DAY, now + 7 * 365 * DAY),
        }
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

fn chip_extensions(generation: Generation, spec: &ChipSpec) -> Vec<Vec<u8>> {
    let extension = |arcs: &[u64], value: &[u8]| {
        der::sequence(&[der::oid(&[&AMD, arcs].concat()), der::octets(value)])
    };
    let [fmc, bootloader, tee, snp, microcode] = spec.tcb;
    let mut out = vec![
        extension(&[1], &der::integer(0)),
        extension(&[2], &der::ia5(&spec.product)),
        extension(&[3, 1], &der::integer(bootloader.into())),
        extension(&[3, 2], &der::integer(tee.into())),
        extension(&[3, 3], &der::integer(snp.into())),
        extension(&[3, 8], &der::integer(microcode.into())),
    ];
    if generation == Generation::Turin {
        out.push(extension(&[3, 9], &der::integer(fmc.into())));
    }
    if spec.common_name.ends_with("VCEK") {
        let len = if generation == Generation::Turin {
            8
        } else {
            64
        };
        let id: Vec<u8> = spec.chip_id.iter().take(len).copied().collect();
        out.push(extension(&[4], &id));
    }
    out
}

/// RSASSA-PSS, SHA-384, MGF1 with SHA-384, salt 48, trailer spelled out: to the
/// byte as most of AMD's certificates have it.
fn pss_sha384() -> Vec<u8> {
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

fn rsa_spki(key: &RsaKeyPair) -> Vec<u8> {
    der::sequence(&[
        der::sequence(&[der::oid(&[1, 2, 840, 113_549, 1, 1, 1]), der::null()]),
        der::bits(key.public_key().as_ref()),
    ])
}

/// A name that says at first sight that it is not AMD's.
fn name(common_name: &str) -> Vec<u8> {
    let part =
        |arcs: &[u64], text: &str| der::set(&[der::sequence(&[der::oid(arcs), der::utf8(text)])]);
    der::sequence(&[
        part(&[2, 5, 4, 11], "SIMULATED"),
        part(&[2, 5, 4, 10], "Simulated vendor, nothing is confidential"),
        part(&[2, 5, 4, 3], common_name),
    ])
}

fn certificate(
    issuer_key: &RsaKeyPair,
    serial: u64,
    issuer: &str,
    subject: &str,
    (from, until): (u64, u64),
    spki: &[u8],
    extensions: &[Vec<u8>],
) -> Result<Vec<u8>, Error> {
    let mut extensions = extensions.to_vec();
    if subject.starts_with("ARK-") || !subject.ends_with("EK") {
        // basicConstraints: a certificate authority.
        extensions.push(der::sequence(&[
            der::oid(&[2, 5, 29, 19]),
            der::boolean(true),
            der::octets(&der::sequence(&[der::boolean(true)])),
        ]));
    }
    let tbs = der::sequence(&[
        der::explicit(0, &der::integer(2)),
        der::integer(serial),
        pss_sha384(),
        name(issuer),
        der::sequence(&[der::time(from), der::time(until)]),
        name(subject),
        spki.to_vec(),
        der::explicit(3, &der::sequence(&extensions)),
    ]);
    signed(issuer_key, &tbs)
}

fn signed(key: &RsaKeyPair, tbs: &[u8]) -> Result<Vec<u8>, Error> {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PSS_SHA384, &SystemRandom::new(), tbs, &mut signature)
        .map_err(|_| Error::Crypto("sign a certificate"))?;
    Ok(der::sequence(&[
        tbs.to_vec(),
        pss_sha384(),
        der::bits(&signature),
    ]))
}
