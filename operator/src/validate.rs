//! Validating what a user applied: an object becomes a [`job::Job`]. A bad one is
//! an ending with a reason, not an error.

use crds::{ConfidentialJob, ConfidentialService, JOB_FINALIZER};
use job::{
    Admission, Catalogue, Ending, ImageRef, Job, Offer, OfferContent, Order, PublicKey, Record,
    Service, Timestamp, Wish, admit,
};
use kube::ResourceExt as _;
use relay::Plain;

/// The order in an object, if it is one.
pub fn order(object: &ConfidentialJob) -> Result<Order, String> {
    let event = object.spec.request.to_event();
    let event =
        event.ok_or("spec.request is not a Nostr event: write it with `cdvm request --yaml`")?;
    dvm::order::order_from_event(event).map_err(|error| error.to_string())
}

/// The object as the planner sees it.
pub fn job(
    object: &ConfidentialJob,
    record: Record,
    catalogue: &Catalogue,
    plain: Plain,
    now: Timestamp,
) -> Job {
    let deleting = object.metadata.deletion_timestamp.is_some();
    Job {
        admission: admission(object, catalogue, plain, now),
        wish: match (deleting, object.spec.cancel) {
            (true, _) => Wish::Delete,
            (false, true) => Wish::Cancel,
            (false, false) => Wish::Run,
        },
        finalizer: object.finalizers().iter().any(|name| name == JOB_FINALIZER),
        record,
    }
}

fn admission(
    object: &ConfidentialJob,
    catalogue: &Catalogue,
    plain: Plain,
    now: Timestamp,
) -> Admission {
    let reject = |ending, message| Admission::Rejected { ending, message };
    let order = match order(object) {
        Ok(order) => order,
        Err(message) => return reject(Ending::BadOrder, message),
    };
    let right = order.object_name();
    if object.name_any() != right {
        let message = format!("an object with this order must be named {right}");
        return reject(Ending::NameMismatch, message);
    }
    for url in order.relays() {
        if let Err(error) = plain.relay(url) {
            let message = format!("the order's relay cannot be used: {error}");
            return reject(Ending::BadOrder, message);
        }
    }
    admit(&order, catalogue, now)
}

/// What is offered, from the services as they stand.
pub fn catalogue(
    services: impl Iterator<Item = impl AsRef<ConfidentialService>>,
    provider: PublicKey,
    agent: ImageRef,
) -> Catalogue {
    Catalogue {
        provider,
        agent,
        services: services
            .filter_map(|service| offered(service.as_ref(), provider))
            .collect(),
    }
}

/// A service with its recorded offer; `None` while it has none of this spec.
fn offered(service: &ConfidentialService, provider: PublicKey) -> Option<Service> {
    let status = service.status.as_ref()?;
    let recorded = status.offer.as_ref()?;
    if service.metadata.generation != Some(recorded.generation)
        || service.metadata.deletion_timestamp.is_some()
    {
        return None;
    }
    Some(Service {
        offer: Offer {
            id: recorded.id.parse().ok()?,
            provider,
            service: service.name_any(),
            kind: service.spec.kind.try_into().ok()?,
            content: offer_content(service).ok()?,
        },
        previous: status
            .previous_offers
            .iter()
            .filter_map(|id| id.parse().ok())
            .collect(),
        start_within_secs: service.spec.start_within_seconds.try_into().ok()?,
    })
}

/// What the offer of a service says.
///
/// # Errors
/// A text that says what makes no sense.
pub fn offer_content(service: &ConfidentialService) -> Result<OfferContent, String> {
    Ok(OfferContent {
        name: service.name_any(),
        about: service.spec.about.clone(),
        cdvm: service.spec.terms.to_job()?,
    })
}
