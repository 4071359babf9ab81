//! A relay for development, in this process: the library's relay with its rate
//! limit raised, which can list what it holds.

use std::net::IpAddr;

use anyhow::Context as _;
use job::{Event, PublicKey};
use nostr::{Filter, JsonUtil as _};
use nostr_database::{MemoryDatabase, MemoryDatabaseOptions, NostrDatabase as _};
use nostr_relay_builder::builder::RateLimit;
use nostr_relay_builder::{LocalRelay, RelayBuilder};

/// A running relay; it ends when this is dropped.
pub struct DevRelay {
    relay: LocalRelay,
    database: MemoryDatabase,
    url: String,
}

impl DevRelay {
    /// Starts a relay on an address; port 0 takes a free one.
    pub async fn start(address: IpAddr, port: u16) -> anyhow::Result<Self> {
        let database = MemoryDatabase::with_opts(MemoryDatabaseOptions {
            events: true,
            // More than any scenario makes; what is held is counted.
            max_events: Some(200_000),
        });
        let mut builder = RelayBuilder::default()
            .addr(address)
            .database(database.clone())
            .default_filter_limit(10_000)
            .rate_limit(RateLimit {
                max_reqs: 10_000,
                notes_per_minute: 1_000_000,
            });
        if port != 0 {
            builder = builder.port(port);
        }
        let relay = LocalRelay::new(builder);
        relay.run().await.context("failed to start the relay")?;
        let url = relay.url().await.to_string();
        Ok(Self {
            relay,
            database,
            url: url.trim_end_matches('/').to_owned(),
        })
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Everything it holds.
    pub async fn events(&self) -> Vec<Event> {
        self.query(Filter::new()).await
    }

    /// Everything it holds that is addressed to `reader`.
    pub async fn events_to(&self, reader: PublicKey) -> Vec<Event> {
        let reader = nostr::PublicKey::from_byte_array(*reader.as_bytes());
        self.query(Filter::new().pubkey(reader)).await
    }

    async fn query(&self, filter: Filter) -> Vec<Event> {
        // A database in memory has no errors.
        let events = self.database.query(filter).await.into_iter().flatten();
        events
            .filter_map(|event| dvm::parse_event(&event.as_json()).ok())
            .collect()
    }

    /// Ends it; its address is free again.
    pub fn stop(&self) {
        self.relay.shutdown();
    }
}

impl Drop for DevRelay {
    fn drop(&mut self) {
        self.relay.shutdown();
    }
}
