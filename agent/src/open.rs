//! Opening the manifest: the one value the agent takes from its environment,
//! already measured by the guest, checked once more here.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use job::Manifest;

use crate::clock;

/// The job, when the manifest and the customer's signature on the order in it
/// are right and it is not over yet.
pub(crate) fn open(environment: Option<String>) -> Option<Manifest> {
    let bytes = BASE64.decode(environment?).ok()?;
    let manifest = Manifest::parse(&bytes, dvm::verify).ok()?;
    let ours = manifest.policy() == job::policy_digest();
    (ours && clock::now() < manifest.deployment().not_after).then_some(manifest)
}
