//! Whether an order can be run: the one place that decides it, for the bridge
//! before an object is made and for the operator before a pod is.

use crate::record::{Admission, Admitted};
use crate::{Ending, ImageRef, Offer, OfferId, Order, PublicKey, Subject, Terms, Timestamp};

/// Longest life of an order. A replayed order after its job was deleted would be
/// run again; after this it is not.
const MAX_LIFE_SECS: u64 = 7 * 86_400;

/// How far a customer's clock may be ahead of ours.
const CLOCK_SKEW_SECS: u64 = 600;

/// What the provider makes of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    /// O.
    pub provider: PublicKey,
    /// Image of the agent.
    pub agent: ImageRef,
    /// Every service that is offered.
    pub services: Vec<Service>,
}

/// A service as it is offered now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its current offer.
    pub offer: Offer,
    /// Offers that are no longer current.
    pub previous: Vec<OfferId>,
    /// Seconds from the first attempt until something must run.
    pub start_within_secs: u64,
}

/// Decides whether `order` can be run at `now`.
pub fn admit(order: &Order, catalogue: &Catalogue, now: Timestamp) -> Admission {
    match check(order, catalogue, now) {
        Ok(service) => Admission::Admitted(Box::new(Admitted {
            order: order.clone(),
            service: service.offer.service.clone(),
            terms: service.offer.content.cdvm.clone(),
            agent: catalogue.agent.clone(),
            start_within_secs: service.start_within_secs,
        })),
        Err((ending, message)) => Admission::Rejected { ending, message },
    }
}

fn check<'c>(
    order: &Order,
    catalogue: &'c Catalogue,
    now: Timestamp,
) -> Result<&'c Service, (Ending, String)> {
    let refuse = |ending, message: String| Err((ending, message));
    if order.provider() != catalogue.provider {
        let message = format!(
            "the order is for the provider {}, and this is {}: order from this one",
            order.provider(),
            catalogue.provider
        );
        return refuse(Ending::BadOrder, message);
    }
    if order.expiration() <= now {
        let message = format!("the order expired at {}: order again", order.expiration());
        return refuse(Ending::Expired, message);
    }
    let late = order.created_at() > now.plus(CLOCK_SKEW_SECS);
    if late || order.expiration().since(order.created_at()) > MAX_LIFE_SECS {
        let message = "the order's times make no sense: it may live for 7 days, and must not \
                       come from the future; check the clock and order again";
        return refuse(Ending::BadOrder, message.to_owned());
    }
    let id = match order.subject() {
        Subject::Offer(id) => *id,
        Subject::Workload(_) => {
            let message = "this provider takes no workloads of the customer's own: order one \
                           of its offers";
            return refuse(Ending::NotAdmitted, message.to_owned());
        }
    };
    let services = &catalogue.services;
    let Some(service) = services.iter().find(|service| service.offer.id == id) else {
        let changed = services
            .iter()
            .find(|service| service.previous.contains(&id));
        return match changed {
            Some(service) => {
                let message = format!(
                    "the offer was changed since: the current one of {:?} is {}; read it and \
                     order again",
                    service.offer.service, service.offer.id
                );
                refuse(Ending::OfferChanged, message)
            }
            None => {
                let message = format!("no service here makes the offer {id}: see `cdvm offers`");
                refuse(Ending::NoSuchOffer, message)
            }
        };
    };
    if order.kind() != service.offer.kind {
        let message = format!(
            "the order has kind {}, and the offer is for kind {}",
            order.kind(),
            service.offer.kind
        );
        return refuse(Ending::BadOrder, message);
    }
    require_secrets(&service.offer.content.cdvm)?;
    Ok(service)
}

/// Until a broker is configured, a service with secrets cannot run.
fn require_secrets(terms: &Terms) -> Result<(), (Ending, String)> {
    if terms.secrets.is_empty() {
        return Ok(());
    }
    let message = "the service needs secrets, and no key broker is configured for this operator";
    Err((Ending::SecretsNotConfigured, message.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{Catalogue, Service, admit};
    use crate::{Admission, Ending, OfferId, PublicKey, Timestamp, examples};

    fn catalogue() -> Catalogue {
        Catalogue {
            provider: examples::offer().provider,
            agent: examples::agent(),
            services: vec![Service {
                offer: examples::offer(),
                previous: vec![OfferId::from_bytes([0x0e; 32])],
                start_within_secs: 120,
            }],
        }
    }

    fn ending(change: impl FnOnce(&mut Catalogue), now: u64) -> Option<(Ending, String)> {
        let mut catalogue = catalogue();
        change(&mut catalogue);
        match admit(&examples::order(), &catalogue, Timestamp::from_secs(now)) {
            Admission::Admitted(_) => None,
            Admission::Rejected { ending, message } => Some((ending, message)),
        }
    }

    #[test]
    fn an_order_for_a_current_offer_is_admitted() {
        assert_eq!(ending(|_| {}, examples::NOW), None);
    }

    #[test]
    fn every_rejection_says_what_to_do() {
        type Change = fn(&mut Catalogue);
        let expired = examples::order().expiration().as_secs();
        let cases: [(Ending, u64, &str, Change); 6] = [
            (Ending::Expired, expired, "order again", |_| {}),
            (Ending::BadOrder, examples::NOW - 601, "clock", |_| {}),
            (
                Ending::BadOrder,
                examples::NOW,
                "order from this one",
                |c| {
                    c.provider = PublicKey::from_bytes([9; 32]);
                },
            ),
            (Ending::NoSuchOffer, examples::NOW, "cdvm offers", |c| {
                c.services.clear()
            }),
            (Ending::OfferChanged, examples::NOW, "0e0e", |c| {
                c.services[0].previous = vec![c.services[0].offer.id];
                c.services[0].offer.id = OfferId::from_bytes([0x0e; 32]);
            }),
            (Ending::BadOrder, examples::NOW, "kind 5001", |c| {
                c.services[0].offer.kind = 5001
            }),
        ];
        for (wanted, now, word, change) in cases {
            let (seen, message) = ending(change, now).unwrap();
            assert_eq!(seen, wanted);
            assert!(message.contains(word), "{message}");
        }
    }
}
