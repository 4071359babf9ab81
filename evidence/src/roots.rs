//! Roots of trust: what AMD published, compiled in, and what a development
//! machine made up, marked as such for ever.

use core::fmt;

use crate::{Certificate, CertificateError, Generation, RevocationError, RevocationList};

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

/// A root (ARK) with the intermediate (ASK) that signs chip keys.
///
/// # Guarantees
/// The root signed itself and the intermediate, and the revocation list where
/// there is one: a value of this type is a checked vendor chain. Dates are
/// checked with each piece of evidence, because time passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    class: RootClass,
    generation: Generation,
    ark: Certificate,
    ask: Certificate,
    revocation_list: Option<RevocationList>,
}

/// Why bytes are not a root, or not its revocation list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootError {
    /// The root's certificate cannot be read.
    #[error("failed to read the root's certificate (ARK)")]
    Ark(#[source] CertificateError),
    /// The intermediate's certificate cannot be read.
    #[error("failed to read the intermediate's certificate (ASK)")]
    Ask(#[source] CertificateError),
    /// The root does not sign itself.
    #[error("the root (ARK) is not self-signed")]
    NotSelfSigned,
    /// The root does not sign the intermediate.
    #[error("the root (ARK) did not sign the intermediate (ASK)")]
    NotSignedByRoot,
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
    /// When a certificate cannot be read or a signature does not fit.
    pub fn simulated(generation: Generation, ark: &[u8], ask: &[u8]) -> Result<Self, RootError> {
        Self::new(RootClass::Simulated, generation, ark, ask)
    }

    fn new(
        class: RootClass,
        generation: Generation,
        ark: &[u8],
        ask: &[u8],
    ) -> Result<Self, RootError> {
        let ark = Certificate::parse(ark).map_err(RootError::Ark)?;
        let ask = Certificate::parse(ask).map_err(RootError::Ask)?;
        if !ark.is_signed_by(&ark) {
            return Err(RootError::NotSelfSigned);
        }
        if !ask.is_signed_by(&ark) {
            return Err(RootError::NotSignedByRoot);
        }
        Ok(Self {
            class,
            generation,
            ark,
            ask,
            revocation_list: None,
        })
    }

    /// This root with the revocation list `der` in place of any it had.
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

    /// The intermediate's certificate.
    pub const fn ask(&self) -> &Certificate {
        &self.ask
    }

    /// The list of what this root revoked, if one was given.
    pub const fn revocation_list(&self) -> Option<&RevocationList> {
        self.revocation_list.as_ref()
    }
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
    use super::built_in_roots;
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
}
