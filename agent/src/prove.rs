//! Proving: a one-time key, and evidence that this guest speaks with it. The
//! agent checks its own evidence before it shows it to anybody.

use dvm::Keys;
use evidence::{Report, from_guest_components};
use job::{Attestation, Digest, Manifest, init_data, report_data};

use crate::guest::Guest;

/// Proof of what this guest is, and the key it speaks with from now on.
pub(crate) struct Proof {
    /// A; erased when dropped.
    pub(crate) keys: Keys,
    /// What is sent to the customer and to the provider.
    pub(crate) attestation: Attestation,
    /// Names the guest's own secrets at the broker.
    pub(crate) host_data: Digest,
}

/// Makes a key and evidence for it; `None` when the guest gives no evidence or
/// none that fits this job.
pub(crate) async fn prove(manifest: &Manifest, guest: &Guest) -> Option<Proof> {
    let keys = Keys::generate();
    let order = manifest.order();
    let bound = report_data(
        keys.public_key(),
        order.id(),
        order.customer(),
        order.provider(),
        order.challenge(),
        manifest.digest(),
    );
    let json = guest.evidence(bound).await?;
    let evidence = from_guest_components(&json).ok()?;
    let report = Report::parse(&evidence.report).ok()?;
    let host_data = init_data(manifest).ok()?.digest();
    let fits = report.host_data() == *host_data.as_bytes()
        && report.report_data() == *bound.as_bytes()
        && report.vmpl() == 0;
    fits.then(|| Proof {
        attestation: Attestation {
            author: keys.public_key(),
            recipient: order.customer(),
            job: order.id(),
            report: evidence.report,
            certificate: evidence.certificate,
            manifest: manifest.bytes().to_vec(),
        },
        keys,
        host_data,
    })
}
