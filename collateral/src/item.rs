//! What AMD's key server has: names, addresses, bounds, and how each of it is
//! verified. Pure. What Intel's service has is in `intel.rs`. Which items a report
//! needs says `subject.rs`.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use evidence::{Certificate, Generation, Report, RevocationList, Root, Tcb};
use job::{Timestamp, Trust};

use crate::answer::Answer;
#[cfg(feature = "tdx")]
use crate::intel::{self, Intels};

/// One thing that a verification needs and evidence may not bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// The certificate of a chip's key (VCEK) at a TCB.
    Key {
        /// Of which processors.
        generation: Generation,
        /// As the certificate names it: 64 bytes, on Turin 8.
        chip: Vec<u8>,
        /// At which versions.
        tcb: Tcb,
    },
    /// The certificates of the intermediate for this kind of key, and of the root.
    Chain(Generation, Signer),
    /// What the root revoked, as published for this kind of key.
    List(Generation, Signer),
    /// A part of Intel's collateral for TDX.
    #[cfg(feature = "tdx")]
    Intel(Intels),
}

/// Kinds of keys that sign reports: the key server has a branch for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// The chip's own.
    Vcek,
    /// One the vendor lent to a cloud provider.
    Vlek,
}

/// Why bytes are not the item they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
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
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Vcek, Self::Vlek];

    /// Who this report says signed it; nothing of it is verified. It says so of the
    /// chip's key unless it names the other.
    pub fn of(report: &Report) -> Self {
        use evidence::Signer::{Nobody, Unknown, Vcek, Vlek};
        match report.key_info().signer() {
            Vlek => Self::Vlek,
            Vcek | Nobody | Unknown(_) => Self::Vcek,
        }
    }

    /// As the key server's addresses have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vcek => "vcek",
            Self::Vlek => "vlek",
        }
    }
}

impl Item {
    /// For which of AMD's processors.
    pub const fn generation(&self) -> Option<Generation> {
        match self {
            Self::Key { generation, .. }
            | Self::Chain(generation, _)
            | Self::List(generation, _) => Some(*generation),
            #[cfg(feature = "tdx")]
            Self::Intel(_) => None,
        }
    }

    /// Where it is on its vendor's server, below the address (AMD 57230, 4).
    pub fn path(&self) -> String {
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
            Self::Chain(generation, signer) => {
                format!("{}/v1/{generation}/cert_chain", signer.name())
            }
            Self::List(generation, signer) => format!("{}/v1/{generation}/crl", signer.name()),
            #[cfg(feature = "tdx")]
            Self::Intel(part) => part.path(),
        }
    }

    /// The bytes it is kept as, from an answer for it.
    pub(crate) fn of_answer(&self, answer: Answer) -> Vec<u8> {
        match self {
            Self::Key { .. } | Self::Chain(..) | Self::List(..) => answer.body,
            #[cfg(feature = "tdx")]
            Self::Intel(part) => part.of_answer(answer),
        }
    }

    /// Header of an answer that belongs to the item.
    pub(crate) const fn chain_header(&self) -> Option<&'static str> {
        match self {
            Self::Key { .. } | Self::Chain(..) | Self::List(..) => None,
            #[cfg(feature = "tdx")]
            Self::Intel(part) => part.chain_header(),
        }
    }

    /// Whether it is made anew now and then, and older ones are kept beside it: for
    /// what is verified later as on its day.
    pub(crate) const fn is_dated(&self) -> bool {
        match self {
            Self::Key { .. } | Self::Chain(..) => false,
            Self::List(..) => true,
            #[cfg(feature = "tdx")]
            Self::Intel(_) => true,
        }
    }

    /// Most bytes it may have. Real ones: 1.4 kB, 5 kB, 1 kB.
    pub const fn most(&self) -> usize {
        match self {
            Self::Key { .. } => 16 * 1024,
            Self::Chain(..) => 64 * 1024,
            Self::List(..) => 1024 * 1024,
            #[cfg(feature = "tdx")]
            Self::Intel(_) => intel::MOST,
        }
    }

    /// Verifies bytes that somebody says are this item: nothing that comes from a
    /// server, a file or our own disk is believed for where it comes from. Gives
    /// the date of what is made anew now and then.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn verify(
        &self,
        bytes: &[u8],
        trust: &Trust,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Unfit> {
        if bytes.len() > self.most() {
            return Err(Unfit::TooLong(bytes.len()));
        }
        match self {
            Self::Key {
                generation,
                chip,
                tcb,
            } => verify_key(bytes, root(trust, *generation)?, chip, *tcb, now).map(|()| None),
            Self::Chain(generation, signer) => {
                verify_chain(bytes, root(trust, *generation)?, *signer, now).map(|()| None)
            }
            Self::List(generation, _) => {
                let root = root(trust, *generation)?.clone();
                let root = root.with_revocation_list(bytes).map_err(unverified)?;
                Ok(root.revocation_list().map(RevocationList::made_at))
            }
            #[cfg(feature = "tdx")]
            Self::Intel(part) => {
                let claims = part.verify(bytes, now).map_err(Unfit::Unverified)?;
                Ok(Some(claims.made_at))
            }
        }
    }

    /// Whether bytes are this item and were made after `before`.
    pub(crate) fn is_newer(
        &self,
        bytes: &[u8],
        before: Option<Timestamp>,
        trust: &Trust,
        now: Timestamp,
    ) -> bool {
        let made_at = self.verify(bytes, trust, now);
        made_at.is_ok_and(|made_at| made_at > before)
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
                let chip = short(&hex::encode(chip));
                write!(f, "key certificate of {generation} chip {chip}, {tcb}")
            }
            Self::Chain(generation, Signer::Vcek) => {
                write!(f, "certificates above the keys of {generation}")
            }
            Self::Chain(generation, Signer::Vlek) => {
                write!(f, "certificates above the keys of {generation} (VLEK)")
            }
            Self::List(generation, Signer::Vcek) => write!(f, "revocation list of {generation}"),
            Self::List(generation, Signer::Vlek) => {
                write!(f, "revocation list of {generation} (VLEK)")
            }
            #[cfg(feature = "tdx")]
            Self::Intel(part) => part.fmt(f),
        }
    }
}

/// The certificate of a chip's key: signed by the vendor's intermediate, valid,
/// and about this chip at this TCB.
fn verify_key(der: &[u8], root: &Root, chip: &[u8], tcb: Tcb, now: Timestamp) -> Result<(), Unfit> {
    let generation = root.generation();
    root.clone().with_endorsement_key(der).map_err(unverified)?;
    let certificate = Certificate::parse(der).map_err(unverified)?;
    let wrong = if !certificate.is_valid_at(now) {
        format!("it is not valid on {now}")
    } else if !certificate.is_for(generation) {
        format!("it is another product's than {generation}'s")
    } else if certificate.chip_id() != Some(chip) {
        "it is another chip's".to_owned()
    } else if certificate.tcb(generation) != Some(tcb) {
        "it is for another TCB".to_owned()
    } else {
        return Ok(());
    };
    Err(Unfit::Unverified(wrong))
}

/// The compiled-in chain, to the byte; above providers' keys, where no
/// intermediate is compiled in, one that the root signed.
fn verify_chain(pem: &[u8], root: &Root, signer: Signer, now: Timestamp) -> Result<(), Unfit> {
    let wrong = |what: &str| Err(Unfit::Unverified(what.to_owned()));
    match (signer, certificates(pem).as_slice()) {
        (Signer::Vcek, [ask, ark]) if ask == root.ask().der() && ark == root.ark().der() => Ok(()),
        (Signer::Vcek, _) => wrong("not the intermediate and root that the trust file has"),
        (Signer::Vlek, [asvk, ark]) if ark == root.ark().der() => {
            let root = root.clone().with_asvk(asvk).map_err(unverified)?;
            match root.asvk() {
                Some(asvk) if asvk.is_valid_at(now) => Ok(()),
                Some(_) | None => wrong(&format!("it is not valid on {now}")),
            }
        }
        (Signer::Vlek, _) => wrong("not an intermediate and the root that the trust file has"),
    }
}

/// DER of the intermediate in a chain that was verified.
pub(crate) fn intermediate(chain: &[u8]) -> Vec<u8> {
    certificates(chain).into_iter().next().unwrap_or_default()
}

fn root(trust: &Trust, generation: Generation) -> Result<&Root, Unfit> {
    trust.root(generation).ok_or(Unfit::NoRoot(generation))
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

fn unverified(error: impl std::error::Error) -> Unfit {
    Unfit::Unverified(causes(&error))
}

/// The first eight digits of a chip's number, for people.
fn short(digits: &str) -> String {
    match digits.get(..8) {
        Some(first) if digits.len() > 9 => format!("{first}…"),
        Some(_) | None => digits.to_owned(),
    }
}

/// An error with its causes.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
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
    use evidence::{Certificate, Generation, Tcb};
    use job::{Simulated, Timestamp, Trust};

    use super::{Item, Signer};

    const MILAN: &[u8] = include_bytes!("../../evidence/tests/vectors/milan-vcek.der");
    const TURIN: &[u8] = include_bytes!("../../evidence/tests/vectors/turin-vcek.der");

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

    /// What this certificate is, by its own word.
    fn named(generation: Generation, der: &[u8]) -> Item {
        let certificate = Certificate::parse(der).unwrap();
        Item::Key {
            generation,
            chip: certificate.chip_id().unwrap().to_vec(),
            tcb: certificate.tcb(generation).unwrap(),
        }
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
        let chain = |signer| Item::Chain(Generation::Milan, signer).path();
        assert_eq!(chain(Signer::Vcek), "vcek/v1/Milan/cert_chain");
        assert_eq!(chain(Signer::Vlek), "vlek/v1/Milan/cert_chain");
        let list = |signer| Item::List(Generation::Milan, signer).path();
        assert_eq!(list(Signer::Vcek), "vcek/v1/Milan/crl");
        assert_eq!(list(Signer::Vlek), "vlek/v1/Milan/crl");
    }

    #[test]
    fn real_certificates_verify_under_the_vendors_roots_and_no_others_do() {
        let trust = Trust::built_in().unwrap();
        let now = Timestamp::from_secs(1_700_000_000);
        let milan = named(Generation::Milan, MILAN);
        assert_eq!(milan.verify(MILAN, &trust, now), Ok(None));
        let turin = named(Generation::Turin, TURIN);
        let recent = Timestamp::from_secs(1_780_000_000);
        assert_eq!(turin.verify(TURIN, &trust, recent), Ok(None));
        let other = key(Generation::Milan, 64).verify(MILAN, &trust, now);
        assert!(other.unwrap_err().to_string().contains("another chip"));
        let mut other = milan.clone();
        if let Item::Key { tcb, .. } = &mut other {
            tcb.microcode += 1;
        }
        let other = other.verify(MILAN, &trust, now);
        assert!(other.unwrap_err().to_string().contains("another TCB"));
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
    fn the_chain_above_chips_is_the_compiled_in_one_to_the_byte() {
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
        let chain = Item::Chain(Generation::Genoa, Signer::Vcek);
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
        // Nor is it one above providers' keys.
        for other in [
            Item::Chain(Generation::Milan, Signer::Vcek),
            Item::Chain(Generation::Genoa, Signer::Vlek),
        ] {
            assert!(other.verify(&pem(&[ask, ark]), &trust, now).is_err());
        }
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
