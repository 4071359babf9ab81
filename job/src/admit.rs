//! Whether an order can be run: the one place that decides it, for the bridge
//! before an object is made and for the operator before a pod is.

use crate::{Ending, Offer, OfferId, Order, PublicKey, Subject, Timestamp};

/// Longest life of an order. A replayed order after its job was deleted would be
/// run again; after this it is not.
const MAX_LIFE_SECS: u64 = 7 * 86_400;

/// How far a customer's clock may be ahead of ours.
const CLOCK_SKEW_SECS: u64 = 600;

/// A service as it is offered now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its current offer.
    pub offer: Offer,
    /// Offers that are no longer current.
    pub previous: Vec<OfferId>,
    /// Seconds from the first attempt until something must run.
    pub start_within_secs: u64,
    /// Names of the secrets that its provider has for each single job.
    pub job_secrets: Vec<String>,
}

/// What becomes of secrets of a single job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// The operator puts them into a key broker.
    Put,
    /// It does not: such jobs cannot run.
    NotPut,
    /// The operator decides it, which is not who asks.
    AskedElsewhere,
}

/// An order that cannot be run, and never will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Why.
    pub ending: Ending,
    /// What it means and what to do.
    pub message: String,
}

/// Finds the service that runs `order` at `now`, among those `provider` offers.
///
/// # Errors
/// When none does, or the order makes no sense: with the reason and what to do.
pub fn admit<'s>(
    order: &Order,
    provider: PublicKey,
    services: &'s [Service],
    secrets: Secrets,
    now: Timestamp,
) -> Result<&'s Service, Rejected> {
    let refuse = |ending, message: String| Err(Rejected { ending, message });
    if order.provider() != provider {
        let message = format!(
            "the order is for the provider {}, and this is {provider}: order from this one",
            order.provider(),
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
    let Some(service) = services.iter().find(|service| service.offer.id == id) else {
        let changed = services
            .iter()
            .find(|service| service.previous.contains(&id));
        let Some(service) = changed else {
            let message = format!("no service here makes the offer {id}: see `cdvm offers`");
            return refuse(Ending::NoSuchOffer, message);
        };
        let message = format!(
            "the offer was changed since: the current one of {:?} is {}; read it and order again",
            service.offer.service, service.offer.id
        );
        return refuse(Ending::OfferChanged, message);
    };
    if order.kind() != service.offer.kind {
        let message = format!(
            "the order has kind {}, and the offer is for kind {}",
            order.kind(),
            service.offer.kind
        );
        return refuse(Ending::BadOrder, message);
    }
    require_secrets(service, secrets)?;
    Ok(service)
}

/// Owners' secrets are between their broker and the guest. One of a single job somebody
/// has to put there first.
fn require_secrets(service: &Service, secrets: Secrets) -> Result<(), Rejected> {
    let refuse = |message: String| {
        Err(Rejected {
            ending: Ending::SecretsNotConfigured,
            message,
        })
    };
    let terms = &service.offer.content.cdvm;
    for secret in terms.secrets.iter().filter(|secret| secret.is_of_job()) {
        let name = &secret.name;
        match secrets {
            Secrets::AskedElsewhere => {}
            Secrets::NotPut => {
                return refuse(format!(
                    "the service needs the secret {name:?} for each single job, and this operator puts none into a \
                     key broker: name an owner's (kbs:///owner/kind/name), or give the operator a broker"
                ));
            }
            Secrets::Put if service.job_secrets.contains(name) => {}
            Secrets::Put => {
                return refuse(format!(
                    "the service needs the secret {name:?} for each single job, and its jobSecrets do not say where \
                     that is"
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Rejected, Secrets, Service, admit};
    use crate::{Ending, OfferId, PublicKey, Timestamp, examples};

    fn service() -> Service {
        Service {
            offer: examples::offer(),
            previous: vec![OfferId::from_bytes([0x0e; 32])],
            start_within_secs: 120,
            job_secrets: Vec::new(),
        }
    }

    fn ask(provider: PublicKey, services: &[Service], now: u64) -> Result<(), Rejected> {
        let now = Timestamp::from_secs(now);
        admit(&examples::order(), provider, services, Secrets::Put, now).map(drop)
    }

    #[test]
    fn an_owners_secret_is_between_broker_and_guest_and_a_jobs_own_needs_somebody_to_put_it_there()
    {
        let provider = examples::offer().provider;
        let with = |resource: &str, provided: &[&str], secrets| {
            let mut terms = serde_json::to_value(examples::terms()).unwrap();
            terms["secrets"] = serde_json::json!([{"name": "model-key", "resource": resource}]);
            terms["kbs"] = serde_json::json!({"url": "https://kbs.example", "certificate": ""});
            let mut service = service();
            service.offer.content.cdvm = serde_json::from_value(terms).unwrap();
            service.job_secrets = provided.iter().map(ToString::to_string).collect();
            let now = Timestamp::from_secs(examples::NOW);
            let admitted = admit(&examples::order(), provider, &[service], secrets, now).map(drop);
            admitted.map_err(|Rejected { ending, message }| {
                assert_eq!(ending, Ending::SecretsNotConfigured);
                assert!(message.contains("model-key"), "{message}");
            })
        };
        for secrets in [Secrets::Put, Secrets::NotPut, Secrets::AskedElsewhere] {
            assert_eq!(with("kbs:///acme/models/score-1", &[], secrets), Ok(()));
        }
        assert_eq!(with("job", &["model-key"], Secrets::Put), Ok(()));
        assert_eq!(with("job", &["another"], Secrets::Put), Err(()));
        assert_eq!(with("job", &["model-key"], Secrets::NotPut), Err(()));
        assert_eq!(with("job", &[], Secrets::AskedElsewhere), Ok(()));
    }

    #[test]
    fn an_order_for_a_current_offer_is_admitted() {
        let provider = examples::offer().provider;
        assert_eq!(ask(provider, &[service()], examples::NOW), Ok(()));
    }

    #[test]
    fn every_rejection_says_what_to_do() {
        let ours = examples::offer().provider;
        let other = PublicKey::from_bytes([9; 32]);
        let expired = examples::order().expiration().as_secs();
        let mut changed = service();
        changed.previous = vec![changed.offer.id];
        changed.offer.id = OfferId::from_bytes([0x0e; 32]);
        let mut other_kind = service();
        other_kind.offer.kind = 5001;
        let now = examples::NOW;
        for (ending, word, asked) in [
            (
                Ending::Expired,
                "order again",
                ask(ours, &[service()], expired),
            ),
            (
                Ending::BadOrder,
                "clock",
                ask(ours, &[service()], now - 601),
            ),
            (
                Ending::BadOrder,
                "order from this one",
                ask(other, &[service()], now),
            ),
            (Ending::NoSuchOffer, "cdvm offers", ask(ours, &[], now)),
            (Ending::OfferChanged, "0e0e", ask(ours, &[changed], now)),
            (Ending::BadOrder, "kind 5001", ask(ours, &[other_kind], now)),
        ] {
            let rejected = asked.unwrap_err();
            assert_eq!(rejected.ending, ending);
            assert!(rejected.message.contains(word), "{}", rejected.message);
        }
    }
}
