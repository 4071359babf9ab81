//! What every round of reconciling shares.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crds::ConfidentialService;
use job::{JobId, Tried, Trust};
use kube::Client;
use kube::runtime::controller::Action;
use kube::runtime::events::{Recorder, Reporter};
use kube::runtime::reflector::Store;

use crate::fetches::Fetches;
use crate::inbox::Inbox;
use crate::settings::Settings;
use crate::validate::House;
use relay::Book;

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
    /// Services, from the cache.
    pub(crate) services: Store<ConfidentialService>,
    /// What the provider decided.
    pub(crate) settings: Settings,
    failures: Mutex<HashMap<String, u32>>,
    tried: Mutex<HashMap<String, Tried>>,
}

impl Context {
    /// A context.
    pub(crate) fn new(
        client: Client,
        relays: Book,
        inbox: Inbox,
        (trust, fetches): (Trust, Option<Fetches>),
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
            services,
            settings,
            failures: Mutex::default(),
            tried: Mutex::default(),
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
            plain: self.settings.plain(),
        }
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
