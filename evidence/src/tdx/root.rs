//! The root of trust for TDX: Intel's, compiled in, or one that a development
//! machine made up, marked as such for ever.

use core::fmt;

use super::chain::Certificate;
use crate::RootClass;

/// "Intel SGX Root CA", DER, valid from 2018 to 2049: it signs for SGX and TDX
/// alike. Published by Intel as `Intel_SGX_Provisioning_Certification_RootCA.cer`
/// at `certificates.trustedservices.intel.com`; `roots/ORIGIN.md` says more.
const INTEL: &[u8] = include_bytes!("../../roots/intel.root.der");

/// A root certificate that signed itself.
///
/// # Guarantees
/// What [`RootClass::Vendor`] says is Intel's root, and nothing made elsewhere
/// can say it. Dates are checked with each piece of evidence.
#[derive(Clone, PartialEq, Eq)]
pub struct Root {
    class: RootClass,
    certificate: Certificate,
}

/// Why bytes are not a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootError {
    /// Not a certificate of a P-256 key.
    #[error("not a certificate of a P-256 key")]
    Form,
    /// It did not sign itself.
    #[error("not self-signed")]
    NotSelfSigned,
    /// The vendor's root is no simulated one.
    #[error("this is the vendor's root")]
    Vendor,
}

impl Root {
    /// Intel's root.
    ///
    /// # Errors
    /// Never: a test reads the compiled bytes.
    pub fn intel() -> Result<Self, RootError> {
        Self::new(RootClass::Vendor, INTEL)
    }

    /// A root made for development. Its class cannot be changed.
    ///
    /// # Errors
    /// When the bytes are no certificate of a P-256 key that signed itself, or are
    /// Intel's.
    pub fn simulated(der: &[u8]) -> Result<Self, RootError> {
        if der == INTEL {
            return Err(RootError::Vendor);
        }
        Self::new(RootClass::Simulated, der)
    }

    fn new(class: RootClass, der: &[u8]) -> Result<Self, RootError> {
        let certificate = Certificate::parse(der).ok_or(RootError::Form)?;
        if !certificate.is_signed_by(&certificate) {
            return Err(RootError::NotSelfSigned);
        }
        Ok(Self { class, certificate })
    }

    /// Whose word this root is.
    pub const fn class(&self) -> RootClass {
        self.class
    }

    pub(super) const fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Root({})", self.class)
    }
}
