//! What every round of reconciling shares.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crds::ConfidentialService;
use futures_util::{Stream, stream};
use job::{JobId, Removal, Secrets, Tried, Trust};
use k8s_openapi::api::core::v1::Namespace;
use kube::runtime::controller::Action;
use kube::runtime::events::{Recorder, Reporter};
use kube::runtime::reflector::Store;
use kube::{Api, Client};
use tokio::sync::watch;

use crate::execute::broker::Broker;
use crate::fetches::Fetches;
use crate::inbox::Inbox;
use crate::settings::Settings;
use crate::validate::House;
use relay::Book;

/// Longest wait for what is asked in passing.
const ANSWER: Duration = Duration::from_secs(5);

/// Longest wait before a failed round is tried again.
const MAX_BACKOFF_SECS: u64 = 60;

/// Clients, trust and settings.
pub(crate) struct Context {
    /// Kubernetes.
    pub(crate) client: Client,
    /// Kubernetes events.
    pub(crate) recorder: Recorder,
    /// Relays.
    pub(crate) relays: Book,
    /// What guests said.
    pub(crate) inbox: Inbox,
    /// What evidence is held against.
    pub(crate) trust: Trust,
    /// Fetches what evidence does not bring, if the provider wants that.
    pub(crate) fetches: Option<Fetches>,
    /// Takes secrets of single jobs, if the provider has one.
    pub(crate) broker: Option<Broker>,
    /// Services, from the cache.
    pub(crate) services: Store<ConfidentialService>,
    /// What the provider decided.
    pub(crate) settings: Settings,
    failures: Mutex<HashMap<String, u32>>,
    tried: Mutex<HashMap<String, Tried>>,
    removal: watch::Sender<Removal>,
    farewells: AtomicUsize,
}

impl Context {
    /// A context.
    pub(crate) fn new(
        client: Client,
        relays: Book,
        inbox: Inbox,
        (trust, fetches, broker): (Trust, Option<Fetches>, Option<Broker>),
        services: Store<ConfidentialService>,
        settings: Settings,
    ) -> Self {
        let reporter = Reporter {
            controller: "confidential-dvm".to_owned(),
            instance: None,
        };
        Self {
            recorder: Recorder::new(client.clone(), reporter),
            client,
            relays,
            inbox,
            trust,
            fetches,
            broker,
            services,
            settings,
            failures: Mutex::default(),
            tried: Mutex::default(),
            removal: watch::Sender::new(Removal::No),
            farewells: AtomicUsize::new(0),
        }
    }

    /// What this provider runs now.
    pub(crate) fn house(&self) -> House {
        let keys = self.relays.keys().clone();
        let provider = keys.public_key();
        let services = self.services.state();
        House {
            keys,
            agent: self.settings.agent_image.clone(),
            services: services
                .iter()
                .filter_map(|service| service.offered(provider))
                .collect(),
            secrets: match self.broker {
                Some(_) => Secrets::Put,
                None => Secrets::NotPut,
            },
            plain: self.settings.plain(),
        }
    }

    /// Whether this provider was told that it is being removed.
    pub(crate) fn removal(&self) -> Removal {
        *self.removal.borrow()
    }

    /// Tells it.
    pub(crate) fn remove(&self, removal: Removal) {
        self.removal.send_replace(removal);
    }

    /// One item each time it is told: every job has to be looked at then.
    pub(crate) fn removals(&self) -> impl Stream<Item = ()> + Send + use<> {
        stream::unfold(self.removal.subscribe(), |mut told| async {
            told.changed().await.ok()?;
            Some(((), told))
        })
    }

    /// Whether the namespace is being deleted. Without an answer it is not.
    pub(crate) async fn namespace_ends(&self) -> bool {
        let api: Api<Namespace> = Api::all(self.client.clone());
        let asked = api.get(&self.settings.namespace);
        match tokio::time::timeout(ANSWER, asked).await {
            Ok(Ok(namespace)) => namespace.metadata.deletion_timestamp.is_some(),
            Ok(Err(error)) => {
                tracing::warn!(%error, "failed to see whether the namespace is being deleted");
                false
            }
            Err(_) => false,
        }
    }

    /// Counts a farewell, which this process does not leave in the middle.
    pub(crate) fn farewell_begins(&self) {
        self.farewells.fetch_add(1, Ordering::Relaxed);
    }

    /// One less.
    pub(crate) fn farewell_ends(&self) {
        self.farewells.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many there are.
    pub(crate) fn farewells(&self) -> usize {
        self.farewells.load(Ordering::Relaxed)
    }

    /// Notes a failed round: when the next is tried.
    pub(crate) fn retry(&self, name: &str, error: &(dyn std::error::Error + 'static)) -> Action {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(name.to_owned()).or_default();
        *count = count.saturating_add(1);
        let secs = 1_u64
            .checked_shl(count.saturating_sub(1))
            .unwrap_or(MAX_BACKOFF_SECS);
        let wait = Duration::from_secs(secs.min(MAX_BACKOFF_SECS));
        let causes = anyhow::Chain::new(error).map(ToString::to_string);
        let text = causes.collect::<Vec<_>>().join(": ");
        tracing::warn!(name, ?wait, "{text}");
        Action::requeue(wait)
    }

    /// What came of the last try to create a job's pod, when that was no pod. Kept in
    /// memory alone, on purpose: after a crash nobody may trust it.
    pub(crate) fn tried(&self, name: &str) -> Option<Tried> {
        let tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        tried.get(name).cloned()
    }

    /// Notes such a try, or that there is nothing to remember any more.
    pub(crate) fn note_tried(&self, name: &str, outcome: Option<Tried>) {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Some(outcome) => tried.insert(name.to_owned(), outcome),
            None => tried.remove(name),
        };
    }

    /// Nothing is fetched any more for a job that is over.
    pub(crate) fn forget_fetches(&self, job: JobId) {
        if let Some(fetches) = &self.fetches {
            fetches.forget(job);
        }
    }

    /// Notes a round that did not fail.
    pub(crate) fn succeeded(&self, name: &str) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.remove(name);
    }
}
