//! Services as they are offered: from the objects in the cluster to the values
//! that orders are held against.

use job::{Offer, OfferContent, PublicKey, Service};
use kube::ResourceExt as _;

use crate::ConfidentialService;

impl ConfidentialService {
    /// What the offer of this service says.
    ///
    /// # Errors
    /// A text that says what makes no sense.
    pub fn offer_content(&self) -> Result<OfferContent, String> {
        Ok(OfferContent {
            name: self.name_any(),
            about: self.spec.about.clone(),
            cdvm: self.spec.terms.to_job()?,
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
        })
    }
}
