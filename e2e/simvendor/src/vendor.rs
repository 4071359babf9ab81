//! The simulated vendor's keys and what they sign: root (ARK), intermediates
//! (ASK, ASVK), endorsement keys and revocation lists.

use std::fs;
use std::path::Path;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::signature::RsaKeyPair;

use crate::x509;
use crate::{Chip, ChipSpec, Error, Generation, RevocationSpec, Subject};

/// A simulated vendor for one generation.
pub struct Vendor {
    generation: Generation,
    ark: RsaKeyPair,
    ask: RsaKeyPair,
    ark_der: Vec<u8>,
    ask_der: Vec<u8>,
}

/// Serial numbers of root and intermediates.
const ARK_SERIAL: u64 = 0x51_0000;
const ASK_SERIAL: u64 = 0x51_0001;
const ASVK_SERIAL: u64 = 0x51_0101;

impl Vendor {
    /// A new vendor with fresh keys, whose certificates are valid from a day
    /// before `now` (Unix seconds) for 20 years.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate(generation: Generation, now: u64) -> Result<Self, Error> {
        let (ark, ask) = (x509::rsa_key()?, x509::rsa_key()?);
        let root = Subject::authority(format!("ARK-{}", generation.name()), ARK_SERIAL, now);
        let intermediate = Subject::authority(generation.ask_name(), ASK_SERIAL, now);
        Ok(Self {
            ark_der: root.certify(&root.common_name, &ark, &x509::rsa_spki(&ark))?,
            ask_der: intermediate.certify(&root.common_name, &ark, &x509::rsa_spki(&ask))?,
            generation,
            ark,
            ask,
        })
    }

    /// A fresh intermediate for providers' keys, valid as the vendor's others.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn provider(&self, now: u64) -> Result<Provider, Error> {
        let asvk = x509::rsa_key()?;
        let subject = Subject::authority(self.generation.asvk_name(), ASVK_SERIAL, now);
        Ok(Provider {
            asvk_der: subject.certify(&self.ark_name(), &self.ark, &x509::rsa_spki(&asvk))?,
            generation: self.generation,
            asvk,
        })
    }

    /// The same root and intermediate with other first and last seconds of
    /// validity, in DER.
    ///
    /// # Errors
    /// When signing fails.
    pub fn valid(&self, ark: (u64, u64), ask: (u64, u64)) -> Result<[Vec<u8>; 2], Error> {
        let root = Subject {
            validity: ark,
            ..Subject::authority(self.ark_name(), ARK_SERIAL, ark.0 + x509::DAY)
        };
        let intermediate = Subject {
            validity: ask,
            ..Subject::authority(self.generation.ask_name(), ASK_SERIAL, ask.0 + x509::DAY)
        };
        Ok([
            root.certify(&self.ark_name(), &self.ark, &x509::rsa_spki(&self.ark))?,
            intermediate.certify(&self.ark_name(), &self.ark, &x509::rsa_spki(&self.ask))?,
        ])
    }

    /// Anything else the root may be made to certify, with its own key in it.
    ///
    /// # Errors
    /// When signing fails.
    pub fn certify(&self, subject: &Subject) -> Result<Vec<u8>, Error> {
        subject.certify(&self.ark_name(), &self.ark, &x509::rsa_spki(&self.ask))
    }

    fn ark_name(&self) -> String {
        format!("ARK-{}", self.generation.name())
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
        self.sign_list(&RevocationSpec {
            revoked: revoked.to_vec(),
            ..RevocationSpec::new(now)
        })
    }

    /// A revocation list of any form.
    ///
    /// # Errors
    /// When signing fails.
    pub fn sign_list(&self, spec: &RevocationSpec) -> Result<Vec<u8>, Error> {
        spec.sign(&self.ark_name(), &self.ark)
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
        Chip::new(
            self.generation,
            spec,
            &self.generation.ask_name(),
            &self.ask,
        )
    }

    /// Writes keys and certificates into `dir`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(&self, dir: &Path) -> Result<(), Error> {
        fs::create_dir_all(dir)?;
        save_key(dir, "ark.key", &self.ark)?;
        save_key(dir, "ask.key", &self.ask)?;
        fs::write(dir.join("ark.der"), &self.ark_der)?;
        fs::write(dir.join("ask.der"), &self.ask_der)?;
        Ok(())
    }

    /// Reads what [`Vendor::save`] wrote.
    ///
    /// # Errors
    /// When a file is missing or is no key.
    pub fn load(generation: Generation, dir: &Path) -> Result<Self, Error> {
        Ok(Self {
            generation,
            ark: load_key(dir, "ark.key")?,
            ask: load_key(dir, "ask.key")?,
            ark_der: fs::read(dir.join("ark.der"))?,
            ask_der: fs::read(dir.join("ask.der"))?,
        })
    }
}

/// A simulated intermediate for providers' keys (ASVK).
pub struct Provider {
    generation: Generation,
    asvk: RsaKeyPair,
    asvk_der: Vec<u8>,
}

impl Provider {
    /// DER of its certificate.
    pub fn asvk(&self) -> &[u8] {
        &self.asvk_der
    }

    /// Its serial number, to revoke it.
    pub const fn asvk_serial(&self) -> u64 {
        ASVK_SERIAL
    }

    /// Writes key and certificate into `dir`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(&self, dir: &Path) -> Result<(), Error> {
        fs::create_dir_all(dir)?;
        save_key(dir, "asvk.key", &self.asvk)?;
        fs::write(dir.join("asvk.der"), &self.asvk_der)?;
        Ok(())
    }

    /// Reads what [`Provider::save`] wrote.
    ///
    /// # Errors
    /// When a file is missing or is no key.
    pub fn load(generation: Generation, dir: &Path) -> Result<Self, Error> {
        Ok(Self {
            generation,
            asvk: load_key(dir, "asvk.key")?,
            asvk_der: fs::read(dir.join("asvk.der"))?,
        })
    }

    /// A provider's fresh key for these machines, lent to a chip.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn vlek(&self, spec: &ChipSpec) -> Result<Chip, Error> {
        Chip::new(
            self.generation,
            spec,
            &self.generation.asvk_name(),
            &self.asvk,
        )
    }
}

fn save_key(dir: &Path, name: &str, key: &RsaKeyPair) -> Result<(), Error> {
    let pkcs8: Pkcs8V1Der<'_> = key.as_der().map_err(|_| Error::Crypto("write a key"))?;
    fs::write(dir.join(name), pkcs8.as_ref())?;
    Ok(())
}

fn load_key(dir: &Path, name: &str) -> Result<RsaKeyPair, Error> {
    RsaKeyPair::from_pkcs8(&fs::read(dir.join(name))?).map_err(|_| Error::Crypto("read an RSA key"))
}
