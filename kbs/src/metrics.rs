//! Counts, for `/metrics`. Names of variants alone: no secret's name, no customer.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Everything that is counted.
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) challenges: Counter,
    pub(crate) attested: Counter,
    pub(crate) not_attested: Counter,
    pub(crate) released: Counter,
    pub(crate) refused: Counter,
    pub(crate) written: Counter,
    pub(crate) deleted: Counter,
    pub(crate) bad_grants: Counter,
    pub(crate) grants: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("cdvm_kbs");
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let challenges = counter("challenges", "Challenges given");
        let attested = counter("guests_attested", "Guests whose evidence held");
        let not_attested = counter("guests_refused", "Guests whose evidence was refused");
        let released = counter("secrets_released", "Secrets released");
        let refused = counter("secrets_refused", "Secrets refused to attested guests");
        let written = counter("secrets_written", "Secrets written over HTTP");
        let deleted = counter("secrets_deleted", "Secrets deleted over HTTP");
        let bad_grants = counter("grant_files_refused", "Files of grants that made no sense");
        let grants = Gauge::default();
        registry.register("grants", "Grants that count now", grants.clone());
        Self {
            registry,
            challenges,
            attested,
            not_attested,
            released,
            refused,
            written,
            deleted,
            bad_grants,
            grants,
        }
    }

    /// As Prometheus reads it.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a text does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
