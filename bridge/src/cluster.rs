//! The port to Kubernetes: services are watched, jobs are created and cancelled.

use std::time::Duration;

use crds::{
    ConfidentialJob, ConfidentialJobSpec, ConfidentialService, HEARD_ANNOTATION, HEARD_PUBLIC,
    Request,
};
use dvm::order::order_from_event;
use futures_util::StreamExt as _;
use job::{JobId, Order, PublicKey, Service};
use kube::api::{Patch, PatchParams, PostParams};
use kube::runtime::reflector::{self, Store};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client};
use serde_json::json;

use crate::verdict::{Refusal, refusal};
use crate::waiting::Heard;

/// Longest wait for the first list of services.
const READY: Duration = Duration::from_mins(1);

/// Longest wait for one answer: webhooks may take 30 s of it.
const ANSWER: Duration = Duration::from_secs(35);

/// Jobs and services of one namespace.
pub(crate) struct Cluster {
    jobs: Api<ConfidentialJob>,
    services: Store<ConfidentialService>,
}

/// Why the cluster did not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClusterError {
    /// The API server.
    #[error("failed to {0}: {1}")]
    Api(&'static str, kube::Error),
    /// No answer. What was asked for may be done all the same.
    #[error("failed to {0}: no answer in time")]
    Silent(&'static str),
    /// An object of the order's name is there, and it is not the order's.
    #[error("{0} holds something else than the order that is to have this name: delete it")]
    Squatted(String),
    /// No list of services came.
    #[error("the services could not be listed in time")]
    NotReady,
}

impl ClusterError {
    /// Whether it will ever do it.
    pub(crate) fn refusal(&self) -> Refusal {
        match self {
            Self::Api(_, error) => refusal(error),
            // Somebody may delete what is in the way.
            Self::Silent(_) | Self::Squatted(_) | Self::NotReady => Refusal::Later,
        }
    }
}

/// Since when there is an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Created {
    /// It was made now.
    Now,
    /// It was there.
    Before,
}

impl Cluster {
    /// Watches the services of a namespace from now on.
    pub(crate) fn watch(client: Client, namespace: &str) -> Self {
        let (services, writer) = reflector::store();
        let api = Api::<ConfidentialService>::namespaced(client.clone(), namespace);
        let stream = watcher(api, watcher::Config::default())
            .default_backoff()
            .reflect(writer)
            .applied_objects();
        tokio::spawn(stream.for_each(|seen| async move {
            if let Err(error) = seen {
                tracing::warn!(%error, "failed to watch the services");
            }
        }));
        Self {
            jobs: Api::namespaced(client, namespace),
            services,
        }
    }

    /// Waits for the first list of services.
    pub(crate) async fn ready(&self) -> Result<(), ClusterError> {
        match tokio::time::timeout(READY, self.services.wait_until_ready()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(ClusterError::NotReady),
        }
    }

    /// What is offered now.
    pub(crate) fn services(&self, provider: PublicKey) -> Vec<Service> {
        let services = self.services.state();
        let offered = services
            .iter()
            .filter_map(|service| service.offered(provider));
        offered.collect()
    }

    /// Creates the job of an order, unless it is there.
    pub(crate) async fn create(
        &self,
        order: &Order,
        heard: Heard,
    ) -> Result<Created, ClusterError> {
        let spec = ConfidentialJobSpec {
            request: Request::from(order.event()),
            cancel: false,
            cancellation: None,
        };
        let mut object = ConfidentialJob::new(&order.object_name(), spec);
        if heard == Heard::Publicly {
            let heard = (HEARD_ANNOTATION.to_owned(), HEARD_PUBLIC.to_owned());
            object.metadata.annotations = Some([heard].into());
        }
        let params = PostParams::default();
        let created = answer("create the job", self.jobs.create(&params, &object)).await;
        match created {
            Ok(_) => Ok(Created::Now),
            // Not every 409: a quota that changed meanwhile is one too.
            Err(ClusterError::Api(_, kube::Error::Api(error))) if error.is_already_exists() => {
                self.is_there(order).await
            }
            Err(error) => Err(error),
        }
    }

    /// Whether what has the order's name is the order's.
    async fn is_there(&self, order: &Order) -> Result<Created, ClusterError> {
        let name = order.object_name();
        let what = "read the job";
        match answer(what, self.jobs.get(&name)).await? {
            found if holds(&found, order) => Ok(Created::Before),
            _ => Err(ClusterError::Squatted(name)),
        }
    }

    /// Cancels the job of an order, if it is there and `by` is its customer;
    /// whether it was. `words` is the customer's signed event.
    pub(crate) async fn cancel(
        &self,
        job: JobId,
        by: PublicKey,
        words: Option<&str>,
    ) -> Result<bool, ClusterError> {
        let name = job.object_name();
        let what = "cancel the job";
        let Some(object) = answer(what, self.jobs.get_opt(&name)).await? else {
            return Ok(false);
        };
        let request = &object.spec.request;
        if request.id != job.to_string() || request.pubkey != by.to_string() {
            return Ok(false);
        }
        // Cancelled before, it is over: another word changes nothing.
        let spec = match words {
            Some(words) => json!({"cancel": true, "cancellation": words}),
            None => json!({"cancel": true}),
        };
        let patch = Patch::Merge(json!({ "spec": spec }));
        let params = PatchParams::default();
        answer(what, self.jobs.patch(&name, &params, &patch)).await?;
        Ok(true)
    }
}

/// Whether an object holds this order: with a signature of the customer's, not
/// necessarily the one that was heard.
fn holds(object: &ConfidentialJob, order: &Order) -> bool {
    let event = object.spec.request.to_event();
    let found = event.and_then(|event| order_from_event(event).ok());
    found.is_some_and(|found| found.id() == order.id())
}

/// The API server's answer, if it comes in time.
async fn answer<T>(
    what: &'static str,
    asked: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, ClusterError> {
    match tokio::time::timeout(ANSWER, asked).await {
        Ok(answer) => answer.map_err(|error| ClusterError::Api(what, error)),
        Err(_) => Err(ClusterError::Silent(what)),
    }
}

#[cfg(test)]
mod tests {
    use crds::{ConfidentialJob, ConfidentialJobSpec, Request};
    use dvm::Keys;
    use dvm::order::{NewOrder, sign_order};
    use job::{OfferId, Order, Timestamp};

    use super::{ClusterError, holds};
    use crate::verdict::Refusal;

    fn order(customer: &Keys) -> Order {
        let now = Timestamp::from_secs(1_790_000_000);
        let new = NewOrder {
            kind: 5999,
            provider: Keys::generate().public_key(),
            offer: OfferId::from_bytes([7; 32]),
            relays: vec!["wss://relay.example".to_owned()],
            expiration: now.plus(600),
            params: Vec::new(),
        };
        sign_order(customer, new, now).unwrap()
    }

    fn object(name: &str, order: &Order) -> ConfidentialJob {
        let spec = ConfidentialJobSpec {
            request: Request::from(order.event()),
            cancel: false,
            cancellation: None,
        };
        ConfidentialJob::new(name, spec)
    }

    #[test]
    fn what_has_an_orders_name_is_the_orders_only_when_it_holds_it() {
        let customer = Keys::generate();
        let own = order(&customer);
        let name = own.object_name();
        assert!(holds(&object(&name, &own), &own));
        // Another order, also of the same customer; and the same without a signature.
        assert!(!holds(&object(&name, &order(&customer)), &own));
        let mut forged = object(&name, &own);
        forged.spec.request.sig = "0".repeat(128);
        assert!(!holds(&forged, &own));
        let mut changed = object(&name, &own);
        changed.spec.request.content = "x".to_owned();
        assert!(!holds(&changed, &own));
    }

    #[test]
    fn what_is_in_the_way_may_go() {
        let error = ClusterError::Squatted("j-1".to_owned());
        assert_eq!(error.refusal(), Refusal::Later);
    }
}
