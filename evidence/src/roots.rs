//! Roots of trust: what AMD published, compiled in, and what a development
//! machine made up, marked as such for ever.

use core::fmt;

use crate::{
    Certificate, CertificateError, EndorsementKey, Generation, RevocationError, RevocationList,
};

/// Whose word a root is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootClass {
    /// The CPU vendor's, compiled in.
    Vendor,
    /// Made without hardware: evidence under it protects nothing.
    Simulated,
}

impl fmt::Display for RootClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vendor => "vendor",
            Self::Simulated => "SIMULATED",
        })
    }
}

/// A root (ARK) with the intermediates that sign endorsement keys.
///
/// # Guarantees
/// The root signed itself, its intermediates and the revocation list where there
/// is one, and each bears the name of its part and generation: a value of this
/// type is a checked vendor chain. Dates are checked with each piece of evidence,
/// because time passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    class: RootClass,
    generation: Generation,
    ark: Certificate,
    ask: Certificate,
    asvk: Option<Certificate>,
    known: Vec<Certificate>,
    revocation_list: Option<RevocationList>,
}

/// The vendor's parts in a chain (AMD 57230, 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// The root.
    Ark,
    /// Signs chip keys (VCEK).
    Ask,
    /// Signs providers' keys (VLEK).
    Asvk,
}

impl Authority {
    /// Common name of its certificates.
    fn common_name(self, generation: Generation) -> String {
        match self {
            Self::Ark => format!("ARK-{generation}"),
            Self::Ask => format!("SEV-{generation}"),
            Self::Asvk => format!("SEV-VLEK-{generation}"),
        }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ark => "root (ARK)",
            Self::Ask => "intermediate for chips (ASK)",
            Self::Asvk => "intermediate for providers (ASVK)",
        })
    }
}

/// Why bytes are not a root, or not its intermediate or revocation list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootError {
    /// A certificate cannot be read.
    #[error("failed to read the certificate of the {0}")]
    Certificate(Authority, #[source] CertificateError),
    /// A certificate is for another part or another generation.
    #[error("the certificate of the {0} bears another name than that of this generation")]
    Name(Authority),
    /// A certificate that may not sign others.
    #[error("the certificate of the {0} is not that of an authority")]
    NotAuthority(Authority),
    /// The root did not sign it; the root itself: it is not self-signed.
    #[error("the root (ARK) did not sign the {0}")]
    NotSignedByRoot(Authority),
    /// An endorsement key's certificate cannot be read.
    #[error("failed to read the certificate of an endorsement key")]
    EndorsementKey(#[source] CertificateError),
    /// An endorsement key's certificate is no intermediate's of this root.
    #[error("no intermediate (ASK, ASVK) of this root signed the endorsement key")]
    NotSignedByIntermediate,
    /// The revocation list cannot be read.
    #[error("failed to read the revocation list")]
    RevocationList(#[source] RevocationError),
    /// The revocation list is someone else's.
    #[error("the root (ARK) did not sign the revocation list")]
    RevocationListNotByRoot,
}

impl Root {
    /// A root made for development. Its class cannot be changed.
    ///
    /// # Errors
    /// When a certificate cannot be read, is for another part or generation, or a
    /// signature does not fit.
    pub fn simulated(generation: Generation, ark: &[u8], ask: &[u8]) -> Result<Self, RootError> {
        Self::new(RootClass::Simulated, generation, ark, ask)
    }

    fn new(
        class: RootClass,
        generation: Generation,
        ark: &[u8],
        ask: &[u8],
    ) -> Result<Self, RootError> {
        let ark = authority(Authority::Ark, generation, ark)?;
        let ask = authority(Authority::Ask, generation, ask)?;
        for (part, certificate) in [(Authority::Ark, &ark), (Authority::Ask, &ask)] {
            if !certificate.is_signed_by(&ark) {
                return Err(RootError::NotSignedByRoot(part));
            }
        }
        Ok(Self {
            class,
            generation,
            ark,
            ask,
            asvk: None,
            known: Vec::new(),
            revocation_list: None,
        })
    }

    /// This root with the intermediate for providers' keys (ASVK) `der`, which the
    /// vendor publishes as `vlek/v1/{generation}/cert_chain`. Without one, evidence
    /// signed by a VLEK is refused.
    ///
    /// # Errors
    /// When it cannot be read, is for another part or generation, or this root
    /// did not sign it.
    pub fn with_asvk(self, der: &[u8]) -> Result<Self, RootError> {
        let asvk = authority(Authority::Asvk, self.generation, der)?;
        if !asvk.is_signed_by(&self.ark) {
            return Err(RootError::NotSignedByRoot(Authority::Asvk));
        }
        let mut known = self.known;
        // They were checked against the intermediate this one replaces.
        known.retain(|key| key.endorsement_key() != Some(EndorsementKey::Vlek));
        Ok(Self {
            asvk: Some(asvk),
            known,
            ..self
        })
    }

    /// This root, which has already checked that an intermediate of its own signed
    /// the endorsement key's certificate `der`. Evidence with exactly these bytes
    /// is spared that one signature; all else is checked as ever.
    ///
    /// # Errors
    /// When it is not the certificate of a VCEK or VLEK, or the intermediate did
    /// not sign it.
    pub fn with_endorsement_key(self, der: &[u8]) -> Result<Self, RootError> {
        let certificate = Certificate::parse(der).map_err(RootError::EndorsementKey)?;
        let kind = certificate.endorsement_key();
        let intermediate = kind.and_then(|kind| self.intermediate(kind));
        if !intermediate.is_some_and(|issuer| certificate.is_signed_by(issuer)) {
            return Err(RootError::NotSignedByIntermediate);
        }
        let mut known = self.known;
        known.push(certificate);
        Ok(Self { known, ..self })
    }

    /// This root with the revocation list `der` in place of any it had. A root has
    /// one list, for both kinds of intermediates.
    ///
    /// # Errors
    /// When the list cannot be read or this root did not sign it.
    pub fn with_revocation_list(self, der: &[u8]) -> Result<Self, RootError> {
        let list = RevocationList::parse(der).map_err(RootError::RevocationList)?;
        if !list.is_signed_by(&self.ark) {
            return Err(RootError::RevocationListNotByRoot);
        }
        Ok(Self {
            revocation_list: Some(list),
            ..self
        })
    }

    /// Whose word it is.
    pub const fn class(&self) -> RootClass {
        self.class
    }

    /// For which chips.
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// The root's certificate.
    pub const fn ark(&self) -> &Certificate {
        &self.ark
    }

    /// The certificate of the intermediate for chips.
    pub const fn ask(&self) -> &Certificate {
        &self.ask
    }

    /// The certificate of the intermediate for providers, if one was given.
    pub const fn asvk(&self) -> Option<&Certificate> {
        self.asvk.as_ref()
    }

    /// The certificate of the intermediate that signs keys of this kind.
    pub(crate) const fn intermediate(&self, key: EndorsementKey) -> Option<&Certificate> {
        match key {
            EndorsementKey::Vcek => Some(self.ask()),
            EndorsementKey::Vlek => self.asvk(),
        }
    }

    /// The endorsement key's certificate with these bytes, if it was checked.
    pub(crate) fn known(&self, der: &[u8]) -> Option<&Certificate> {
        self.known.iter().find(|known| known.der() == der)
    }

    /// The list of what this root revoked, if one was given.
    pub const fn revocation_list(&self) -> Option<&RevocationList> {
        self.revocation_list.as_ref()
    }
}

/// A certificate that says it is this authority's.
fn authority(
    part: Authority,
    generation: Generation,
    der: &[u8],
) -> Result<Certificate, RootError> {
    let certificate =
        Certificate::parse(der).map_err(|error| RootError::Certificate(part, error))?;
    if certificate.common_name() != Some(part.common_name(generation).as_str()) {
        return Err(RootError::Name(part));
    }
    if !certificate.is_authority() {
        return Err(RootError::NotAuthority(part));
    }
    Ok(certificate)
}

/// AMD's roots as its key server published them (`roots/ORIGIN.md`); a test
/// holds that all three are there.
pub fn built_in_roots() -> Vec<Root> {
    let certificates: [(Generation, &[u8], &[u8]); 3] = [
        (
            Generation::Milan,
            include_bytes!("../roots/milan.ark.der"),
            include_bytes!("../roots/milan.ask.der"),
        ),
        (
            Generation::Genoa,
            include_bytes!("../roots/genoa.ark.der"),
            include_bytes!("../roots/genoa.ask.der"),
        ),
        (
            Generation::Turin,
            include_bytes!("../roots/turin.ark.der"),
            include_bytes!("../roots/turin.ask.der"),
        ),
    ];
    certificates
        .into_iter()
        .filter_map(|(generation, ark, ask)| {
            Root::new(RootClass::Vendor, generation, ark, ask).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Authority, RootClass, RootError, built_in_roots};
    use crate::{Generation, Timestamp};

    #[test]
    fn every_built_in_root_is_read_and_valid() {
        let roots = built_in_roots();
        let generations: Vec<_> = roots.iter().map(super::Root::generation).collect();
        assert_eq!(generations, Generation::ALL);
        let now = Timestamp::from_secs(1_790_000_000);
        for root in roots {
            let name = root.generation().name();
            assert_eq!(root.ark().common_name().unwrap(), format!("ARK-{name}"));
            assert_eq!(root.ask().common_name().unwrap(), format!("SEV-{name}"));
            assert!(root.ark().is_valid_at(now) && root.ask().is_valid_at(now));
        }
    }

    #[test]
    fn a_root_knows_the_keys_it_checked() {
        let vcek = include_bytes!("../tests/vectors/milan-vcek.der");
        let root = built_in_roots().remove(0);
        assert!(root.known(vcek).is_none());
        let root = root.with_endorsement_key(vcek).unwrap();
        assert_eq!(root.known(vcek).unwrap().der(), vcek);
        assert!(root.known(root.ask().der()).is_none());
    }

    #[test]
    fn parts_of_a_root_are_called_by_their_names() {
        let error = RootError::NotSignedByRoot(Authority::Asvk).to_string();
        let text = "the root (ARK) did not sign the intermediate for providers (ASVK)";
        assert_eq!(error, text);
        assert_eq!(Authority::Ark.to_string(), "root (ARK)");
        assert_eq!(RootClass::Vendor.to_string(), "vendor");
        assert_eq!(RootClass::Simulated.to_string(), "SIMULATED");
    }
}
