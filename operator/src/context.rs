//! What every round of reconciling shares.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crds::ConfidentialService;
use job::{Catalogue, Timestamp, Trust};
use kube::Client;
use kube::runtime::events::{Recorder, Reporter};
use kube::runtime::reflector::Store;

use crate::inbox::Inbox;
use crate::relays::RelayBook;
use crate::settings::Settings;
use crate::validate;

/// Longest wait before a failed round is tried again.
const MAX_BACKOFF_SECS: u64 = 60;

/// Clients, trust and settings.
pub struct Context {
    /// Kubernetes.
    pub client: Client,
    /// Kubernetes events.
    pub recorder: Recorder,
    /// Relays.
    pub relays: RelayBook,
    /// What guests said.
    pub inbox: Inbox,
    /// What evidence is held against.
    pub trust: Trust,
    /// Services, from the cache.
    pub services: Store<ConfidentialService>,
    /// What the provider decided.
    pub settings: Settings,
    failures: Mutex<HashMap<String, u32>>,
}

impl Context {
    /// A context.
    pub fn new(
        client: Client,
        relays: RelayBook,
        inbox: Inbox,
        trust: Trust,
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
            services,
            settings,
            failures: Mutex::default(),
        }
    }

    /// What is offered now.
    pub fn catalogue(&self) -> Catalogue {
        let services = self.services.state();
        validate::catalogue(
            services.into_iter().map(ArcService),
            self.relays.keys().public_key(),
            self.settings.agent_image.clone(),
        )
    }

    /// Notes a failed round: how long to wait before the next.
    pub fn back_off(&self, name: &str) -> Duration {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(name.to_owned()).or_default();
        *count = count.saturating_add(1);
        let secs = 1_u64
            .checked_shl(count.saturating_sub(1))
            .unwrap_or(MAX_BACKOFF_SECS);
        Duration::from_secs(secs.min(MAX_BACKOFF_SECS))
    }

    /// Notes a round that did not fail.
    pub fn succeeded(&self, name: &str) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.remove(name);
    }
}

struct ArcService(Arc<ConfidentialService>);

impl AsRef<ConfidentialService> for ArcService {
    fn as_ref(&self) -> &ConfidentialService {
        &self.0
    }
}

/// The time, read in one place.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp::from_secs(since.map_or(0, |since| since.as_secs()))
}
