//! Services as they are offered: from the objects in the cluster to the values
//! that orders are held against.

use job::{Offer, OfferContent, PublicKey, Service, Terms};
use kube::ResourceExt as _;

use crate::{ConfidentialService, ConfidentialServiceSpec};

impl ConfidentialService {
    /// What the offer of this service says.
    ///
    /// # Errors
    /// A text that says what makes no sense.
    pub fn offer_content(&self) -> Result<OfferContent, String> {
        let cdvm = self.spec.terms.to_job()?;
        require_job_secrets(&self.spec, &cdvm)?;
        Ok(OfferContent {
            name: self.name_any(),
            about: self.spec.about.clone(),
            cdvm,
        })
    }

    /// This service with its recorded offer; `None` while it has none of this spec,
    /// or is being deleted.
    pub fn offered(&self, provider: PublicKey) -> Option<Service> {
        let status = self.status.as_ref()?;
        let recorded = status.offer.as_ref()?;
        if self.metadata.generation != Some(recorded.generation)
            || self.metadata.deletion_timestamp.is_some()
        {
            return None;
        }
        let previous = status.previous_offers.iter();
        Some(Service {
            offer: Offer {
                id: recorded.id.parse().ok()?,
                provider,
                service: self.name_any(),
                kind: self.spec.kind.try_into().ok()?,
                content: self.offer_content().ok()?,
            },
            previous: previous.filter_map(|id| id.parse().ok()).collect(),
            start_within_secs: self.spec.start_within_seconds.try_into().ok()?,
            job_secrets: names(&self.spec),
        })
    }
}

fn names(spec: &ConfidentialServiceSpec) -> Vec<String> {
    let secrets = spec.job_secrets.iter();
    secrets.map(|secret| secret.name.clone()).collect()
}

/// Each secret of single jobs has its place, once, and no place is without a secret.
fn require_job_secrets(spec: &ConfidentialServiceSpec, terms: &Terms) -> Result<(), String> {
    let of_job = terms.secrets.iter().filter(|secret| secret.is_of_job());
    let mut wanted: Vec<&str> = of_job.map(|secret| &*secret.name).collect();
    let given = names(spec);
    let mut given: Vec<&str> = given.iter().map(String::as_str).collect();
    wanted.sort_unstable();
    given.sort_unstable();
    if wanted == given {
        return Ok(());
    }
    Err(format!(
        "jobSecrets must say where each secret with the resource `job` is, once: the terms have {wanted:?}, and \
         jobSecrets {given:?}"
    ))
}
