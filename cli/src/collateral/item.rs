//! What AMD's key server has: names, addresses, bounds, and how each of it is
//! verified. Pure. Another vendor's collateral (Intel's, for TDX) is more variants
//! of [`Item`]: every match on it is without `_`, and nothing outside this file
//! knows an address or a format.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use evidence::{
    Evidence, Expected, Generation, REPORT_LEN, Reason, Report, Revocation, Tcb, TcbFloor,
};
use job::{Check, Digest, Size, Timestamp, Trust};

use crate::text::short_hex;

/// One thing that a verification needs and evidence may not bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// The certificate of a chip's key (VCEK) at a TCB.
    Key {
        generation: Generation,
        /// As the certificate names it: 64 bytes, on Turin 8.
        chip: Vec<u8>,
        tcb: Tcb,
    },
    /// The certificates of intermediate and root.
    Chain(Generation),
    /// What the root revoked, as published for this kind of key.
    List(Generation, Signer),
}

/// Kinds of keys that sign reports: the key server has a branch for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signer {
    /// The chip's own.
    Vcek,
    /// One the vendor lent to a cloud provider.
    Vlek,
}

/// Why bytes are not the item they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    /// Nothing vouches for this generation.
    #[error("there is no root for {0} in the trust file")]
    NoRoot(Generation),
    /// More than it can be.
    #[error("{0} bytes, more than any has")]
    TooLong(usize),
    /// Not signed by who should have, not valid, or not of the form.
    #[error("{0}")]
    Unverified(String),
}

impl Signer {
    /// As the key server's addresses have it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Vcek => "vcek",
            Self::Vlek => "vlek",
        }
    }
}

impl Item {
    /// The certificate that would verify this report.
    ///
    /// # Errors
    /// When nobody has it for asking: why.
    pub(crate) fn key_of(report: &Report, generation: Generation) -> Result<Self, &'static str> {
        if signer(report) == Signer::Vlek {
            return Err(
                "a provider's key (VLEK) signed, and only the provider has its certificate",
            );
        }
        let id = report.chip_id();
        let (chip, _) = id.split_at(chip_len(generation));
        if chip.iter().all(|byte| *byte == 0) {
            return Err("the report hides its chip, and the key server asks for it");
        }
        // Offset 0x180 is REPORTED_TCB: the TCB the key was derived from.
        let tcb = report.bytes().get(0x180..0x188).unwrap_or_default();
        let tcb = tcb.try_into().ok();
        let tcb = tcb.and_then(|bytes| Tcb::from_bytes(generation, bytes));
        Ok(Self::Key {
            generation,
            chip: chip.to_vec(),
            tcb: tcb.ok_or("the report names a TCB nobody knows")?,
        })
    }

    /// The revocation list for this report's kind of key.
    pub(crate) fn list_of(report: &Report, generation: Generation) -> Self {
        Self::List(generation, signer(report))
    }

    /// For which processors.
    pub(crate) const fn generation(&self) -> Generation {
        match self {
            Self::Key { generation, .. } | Self::Chain(generation) | Self::List(generation, _) => {
                *generation
            }
        }
    }

    /// Where it is on the key server, below its address (AMD 57230, 4).
    pub(crate) fn path(&self) -> String {
        match self {
            Self::Key {
                generation,
                chip,
                tcb,
            } => {
                let Tcb {
                    fmc,
                    bootloader,
                    tee,
                    snp,
                    microcode,
                } = tcb;
                let fmc = match generation {
                    Generation::Turin => format!("fmcSPL={fmc:02}&"),
                    Generation::Milan | Generation::Genoa => String::new(),
                };
                format!(
                    "vcek/v1/{generation}/{}?{fmc}blSPL={bootloader:02}&teeSPL={tee:02}\
                     &snpSPL={snp:02}&ucodeSPL={microcode:02}",
                    hex::encode(chip)
                )
            }
            Self::Chain(generation) => format!("vcek/v1/{generation}/cert_chain"),
            Self::List(generation, signer) => format!("{}/v1/{generation}/crl", signer.name()),
        }
    }

    /// Most bytes it may have. Real ones: 1.4 kB, 5 kB, 1 kB.
    pub(crate) const fn most(&self) -> usize {
        match self {
            Self::Key { .. } => 16 * 1024,
            Self::Chain(_) => 64 * 1024,
            Self::List(..) => 1024 * 1024,
        }
    }

    /// Verifies bytes that somebody says are this item: nothing that comes from a
    /// server, a file or our own disk is believed for where it comes from. Gives
    /// the date of a revocation list.
    ///
    /// Whether a key's certificate fits a report is seen with the report: [`fits`].
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn verify(
        &self,
        bytes: &[u8],
        trust: &Trust,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Unfit> {
        if bytes.len() > self.most() {
            return Err(Unfit::TooLong(bytes.len()));
        }
        let generation = self.generation();
        let root = trust.root(generation).ok_or(Unfit::NoRoot(generation))?;
        match self {
            Self::Key { chip, .. } => {
                if let Some((reason, seen)) = reached(trust, generation, bytes, now)
                    // Everything about the certificate held, and then the report
                    // that nobody signed did not.
                    && reason != Reason::Signature
                {
                    return Err(Unfit::Unverified(seen));
                }
                // Which chip it is for `evidence::verify` says with a report; here
                // it is enough that the vendor signed this chip's number.
                if chip.is_empty() || !bytes.windows(chip.len()).any(|part| part == chip) {
                    return Err(Unfit::Unverified("it is another chip's".to_owned()));
                }
                Ok(None)
            }
            Self::Chain(_) => {
                let own = [root.ask().der(), root.ark().der()];
                let seen = certificates(bytes);
                if seen.iter().map(Vec::as_slice).eq(own) {
                    return Ok(None);
                }
                let what = "not the intermediate and root that the trust file has";
                Err(Unfit::Unverified(what.to_owned()))
            }
            Self::List(..) => {
                let root = root.clone().with_revocation_list(bytes);
                let root = root.map_err(|error| Unfit::Unverified(chain(&error)))?;
                Ok(root
                    .revocation_list()
                    .map(evidence::RevocationList::made_at))
            }
        }
    }
}

impl std::fmt::Display for Item {
    /// For people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key {
                generation,
                chip,
                tcb,
            } => {
                let chip = short_hex(&hex::encode(chip));
                write!(f, "key certificate of {generation} chip {chip}, {tcb}")
            }
            Self::Chain(generation) => write!(f, "certificates above the keys of {generation}"),
            Self::List(generation, Signer::Vcek) => write!(f, "revocation list of {generation}"),
            Self::List(generation, Signer::Vlek) => {
                write!(f, "revocation list of {generation} (VLEK)")
            }
        }
    }
}

/// Whether this certificate is the one of the key that signed this report: the
/// vendor's, valid, of this chip and TCB, and the signature fits.
pub(crate) fn fits(report: &[u8], certificate: &[u8], trust: &Trust, now: Timestamp) -> bool {
    // Last of the checks that tie a certificate to a report (`evidence::verify`).
    const LAST: &str = "signing key's TCB";
    let evidence = Evidence {
        report: report.to_vec(),
        certificate: certificate.to_vec(),
    };
    match evidence::verify(&evidence, &anything(trust, now), now) {
        Ok(_) => true,
        Err(rejection) => {
            let (_, passed) = rejection.checks.split_last().unzip();
            let passed: &[Check] = passed.unwrap_or_default();
            passed.iter().any(|check| check.name == LAST)
        }
    }
}

/// Who this report says signed it: bits 4:2 of KEY_INFO, at offset 0x48.
fn signer(report: &Report) -> Signer {
    match report.bytes().get(0x48).map(|info| info >> 2 & 0b111) {
        Some(1) => Signer::Vlek,
        _ => Signer::Vcek,
    }
}

const fn chip_len(generation: Generation) -> usize {
    match generation {
        Generation::Milan | Generation::Genoa => 64,
        Generation::Turin => 8,
    }
}

/// The first check that does not hold under this certificate for a report that
/// nobody signed, if nothing is asked of revocation and TCB.
fn reached(
    trust: &Trust,
    generation: Generation,
    certificate: &[u8],
    now: Timestamp,
) -> Option<(Reason, String)> {
    let evidence = Evidence {
        report: blank_report(generation),
        certificate: certificate.to_vec(),
    };
    let rejection = evidence::verify(&evidence, &anything(trust, now), now).err()?;
    let seen = rejection.checks.last().map(ToString::to_string);
    Some((rejection.reason, seen.unwrap_or_default()))
}

/// Expectations that ask nothing of revocation and TCB: what is verified with
/// them is the certificate alone, never a machine.
fn anything(trust: &Trust, now: Timestamp) -> Expected {
    let lowest = Tcb {
        fmc: 0,
        bootloader: 0,
        tee: 0,
        snp: 0,
        microcode: 0,
    };
    let floors = Generation::ALL.map(|generation| TcbFloor { generation, lowest });
    Expected {
        revocation: Revocation::NotChecked,
        tcb_floors: floors.to_vec(),
        ..trust.expected_of_machine(Size::Any, Digest::from_bytes([0; 32]), [0; 64], now)
    }
}

/// A report of this generation that nobody signed: under it the checks of
/// `evidence::verify` go as far as the certificate holds, and end at the signature.
fn blank_report(generation: Generation) -> Vec<u8> {
    let (family, model) = match generation {
        Generation::Milan => (0x19, 0x01),
        Generation::Genoa => (0x19, 0x11),
        Generation::Turin => (0x1a, 0x02),
    };
    // Version 3; policy bit 17, which is always one; ECDSA P-384 with SHA-384;
    // CPUID family and model (offsets of AMD 56860, table "ATTESTATION_REPORT").
    let fields = [
        (0x000, 3),
        (0x00a, 2),
        (0x034, 1),
        (0x188, family),
        (0x189, model),
    ];
    let value = |at: usize| fields.iter().find(|(offset, _)| *offset == at);
    (0..REPORT_LEN)
        .map(|at| value(at).map_or(0, |(_, value)| *value))
        .collect()
}

/// The DER in a PEM file (RFC 7468), one certificate after the other; what is no
/// certificate makes the list another one.
fn certificates(pem: &[u8]) -> Vec<Vec<u8>> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let text = std::str::from_utf8(pem).unwrap_or_default();
    text.split(BEGIN)
        .skip(1)
        .map(|part| {
            let body = part.split(END).next().unwrap_or_default();
            let body: String = body.split_ascii_whitespace().collect();
            BASE64.decode(body).unwrap_or_default()
        })
        .collect()
}

/// An error with its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use evidence::{Generation, Tcb};
    use job::{Simulated, Timestamp, Trust};

    use super::{Item, Signer};

    const MILAN: &[u8] = include_bytes!("../../../evidence/tests/vectors/milan-vcek.der");
    const TURIN: &[u8] = include_bytes!("../../../evidence/tests/vectors/turin-vcek.der");

    const fn tcb() -> Tcb {
        Tcb {
            fmc: 1,
            bootloader: 4,
            tee: 0,
            snp: 22,
            microcode: 213,
        }
    }

    fn key(generation: Generation, chip: usize) -> Item {
        Item::Key {
            generation,
            chip: vec![0xa1; chip],
            tcb: tcb(),
        }
    }

    /// The bytes behind OID 1.3.6.1.4.1.3704.1.4 and the head of an OCTET STRING.
    fn chip_in(der: &[u8], len: usize) -> Vec<u8> {
        let oid = [0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01, 0x04];
        let at = der.windows(oid.len()).position(|part| part == oid).unwrap();
        der[at + oid.len() + 2..][..len].to_vec()
    }

    #[test]
    fn addresses_are_the_key_servers() {
        let chip = "a1".repeat(64);
        assert_eq!(
            key(Generation::Genoa, 64).path(),
            format!("vcek/v1/Genoa/{chip}?blSPL=04&teeSPL=00&snpSPL=22&ucodeSPL=213")
        );
        assert_eq!(
            key(Generation::Turin, 8).path(),
            "vcek/v1/Turin/a1a1a1a1a1a1a1a1?fmcSPL=01&blSPL=04&teeSPL=00&snpSPL=22&ucodeSPL=213"
        );
        assert_eq!(
            Item::Chain(Generation::Milan).path(),
            "vcek/v1/Milan/cert_chain"
        );
        let list = |signer| Item::List(Generation::Milan, signer).path();
        assert_eq!(list(Signer::Vcek), "vcek/v1/Milan/crl");
        assert_eq!(list(Signer::Vlek), "vlek/v1/Milan/crl");
    }

    #[test]
    fn real_certificates_verify_under_the_vendors_roots_and_no_others_do() {
        let trust = Trust::built_in().unwrap();
        let now = Timestamp::from_secs(1_700_000_000);
        let milan = Item::Key {
            generation: Generation::Milan,
            chip: chip_in(MILAN, 64),
            tcb: tcb(),
        };
        assert_eq!(milan.verify(MILAN, &trust, now), Ok(None));
        let turin = Item::Key {
            generation: Generation::Turin,
            chip: chip_in(TURIN, 8),
            tcb: tcb(),
        };
        let recent = Timestamp::from_secs(1_780_000_000);
        assert_eq!(turin.verify(TURIN, &trust, recent), Ok(None));
        let other = key(Generation::Milan, 64).verify(MILAN, &trust, now);
        assert!(other.unwrap_err().to_string().contains("another chip"));
        // Another generation's, a changed one, a part, nothing, and its own issuer.
        assert!(milan.verify(TURIN, &trust, recent).is_err());
        let mut changed = MILAN.to_vec();
        changed[700] ^= 1;
        assert!(milan.verify(&changed, &trust, now).is_err());
        assert!(milan.verify(&MILAN[..900], &trust, now).is_err());
        assert!(milan.verify(&[], &trust, now).is_err());
        let ask = trust.root(Generation::Milan).unwrap().ask().der().to_vec();
        assert!(milan.verify(&ask, &trust, now).is_err());
        // Before it was made.
        let early = Timestamp::from_secs(1_500_000_000);
        assert!(milan.verify(MILAN, &trust, early).is_err());
    }

    #[test]
    fn a_chain_is_the_compiled_in_one_to_the_byte() {
        let trust = Trust::built_in().unwrap();
        let now = Timestamp::from_secs(1_780_000_000);
        let root = trust.root(Generation::Genoa).unwrap();
        let pem = |ders: &[&[u8]]| {
            let pem = |der: &&[u8]| {
                let text = base64::Engine::encode(&super::BASE64, der);
                format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
            };
            ders.iter().map(pem).collect::<String>().into_bytes()
        };
        let (ask, ark) = (root.ask().der(), root.ark().der());
        let chain = Item::Chain(Generation::Genoa);
        assert_eq!(chain.verify(&pem(&[ask, ark]), &trust, now), Ok(None));
        for wrong in [
            pem(&[ark, ask]),
            pem(&[ask]),
            pem(&[ask, ark, ark]),
            pem(&[]),
            ask.to_vec(),
        ] {
            assert!(chain.verify(&wrong, &trust, now).is_err());
        }
        let other = Item::Chain(Generation::Milan);
        assert!(other.verify(&pem(&[ask, ark]), &trust, now).is_err());
    }

    #[test]
    fn nothing_is_taken_for_a_list_that_the_root_did_not_sign() {
        use simvendor::Vendor;
        let now = 1_780_000_000;
        let vendor = Vendor::generate(simvendor::Generation::Genoa, now).unwrap();
        let list = vendor.revocation_list(now, &[]).unwrap();
        let item = Item::List(Generation::Genoa, Signer::Vcek);
        let at = Timestamp::from_secs(now);
        assert!(item.verify(&list, &Trust::built_in().unwrap(), at).is_err());
        let encode = |der: &[u8]| base64::Engine::encode(&super::BASE64, der);
        let text = format!(
            "version = 1\nrevocation_max_age_days = 30\n[[roots]]\nclass = \"simulated\"\n\
             generation = \"genoa\"\nark = \"{}\"\nask = \"{}\"\nsource = \"test\"\n",
            encode(vendor.ark()),
            encode(vendor.ask()),
        );
        let trust = Trust::parse(&text, Simulated::Accepted).unwrap();
        assert_eq!(item.verify(&list, &trust, at), Ok(Some(at)));
        assert!(item.verify(&list[..list.len() / 2], &trust, at).is_err());
        assert!(item.verify(&vec![0; 1024 * 1024 + 1], &trust, at).is_err());
    }
}
