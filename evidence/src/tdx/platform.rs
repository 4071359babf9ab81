//! What collateral is asked for by: the kind of platform and the authority that
//! signed its key, as the certificates in a quote say.

use super::chain::{self, Certificate};
use super::{Quote, vendor};

/// Which platform's collateral a quote needs. Nothing about it is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform {
    /// Kind of the platform.
    pub fmspc: [u8; 6],
    /// Whose revocation list its key could stand on.
    pub authority: PckAuthority,
}

/// Who signs keys of platforms (Intel SGX PCK Certificate and Certificate
/// Revocation List Profile Specification).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PckAuthority {
    /// For platforms of one package.
    Processor,
    /// For platforms that register with Intel: of several packages, and all with TDX.
    Platform,
}

impl PckAuthority {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Processor, Self::Platform];

    /// As Intel's service has it in addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Processor => "processor",
            Self::Platform => "platform",
        }
    }

    /// The one with this certificate.
    pub(super) fn of(certificate: &Certificate) -> Option<Self> {
        let name = certificate.common_name()?;
        let mut known = Self::ALL.into_iter();
        known.find(|known| known.common_name() == name)
    }

    /// Common name of its certificate.
    const fn common_name(self) -> &'static str {
        match self {
            Self::Processor => "Intel SGX PCK Processor CA",
            Self::Platform => "Intel SGX PCK Platform CA",
        }
    }
}

impl Quote {
    /// The platform its certificates name; none if they cannot be read, or are
    /// signed by somebody else than these two.
    pub fn platform(&self) -> Option<Platform> {
        let [pck, issuer, _] = chain::pck_chain(&self.signature_data().pck_chain)?;
        Some(Platform {
            fmspc: vendor::platform(pck.der())?.fmspc,
            authority: PckAuthority::of(&issuer)?,
        })
    }
}
