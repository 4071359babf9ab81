//! The port to the key broker, for secrets of single jobs. None is administered in this
//! version, so a service that needs one is rejected before anything starts, and nothing
//! here claims to have granted or revoked. Owners' secrets do not pass here: guests ask
//! for them themselves.

use job::Manifest;

/// Why the broker did not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BrokerError {
    /// There is none.
    #[error("no key broker is configured")]
    NotConfigured,
}

/// Lets the broker release the manifest's secrets to its guest.
///
/// # Errors
/// Always, while no broker is configured.
pub(crate) const fn grant(_manifest: &Manifest) -> Result<(), BrokerError> {
    Err(BrokerError::NotConfigured)
}

/// Takes the job's grants back.
///
/// # Errors
/// Always, while no broker is configured.
pub(crate) const fn revoke() -> Result<(), BrokerError> {
    Err(BrokerError::NotConfigured)
}
