//! One key's connections to relays: its own, and those of each order, opened when
//! they are needed and shared between orders that name the same ones.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::relays::{PublishError, RelaysError};
use crate::{Plain, Relays};
use dvm::{Keys, Rumor, wrap};
use job::{Event, PublicKey, Timestamp};

/// Sets of relays that stay connected. Each costs a few tasks and sockets; the
/// oldest goes when there are more.
const MAX_SETS: usize = 64;

/// Why nobody was told.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// No relay to tell.
    #[error("failed to connect to relays")]
    Connect(#[source] RelaysError),
    /// The message cannot be sealed.
    #[error("failed to seal a message")]
    Seal(#[source] dvm::WrapError),
    /// No quorum.
    #[error("failed to publish")]
    Publish(#[source] PublishError),
}

/// The connections of one key.
#[derive(Clone)]
pub struct Book {
    keys: Keys,
    plain: Plain,
    own: Relays,
    sets: Arc<Mutex<BTreeMap<Vec<String>, Relays>>>,
}

impl Book {
    /// Connects to the key's own relays.
    ///
    /// # Errors
    /// When one of them is not to be used.
    pub async fn connect(keys: Keys, own: &[String], plain: Plain) -> Result<Self, TellError> {
        let own = Relays::connect(own, plain)
            .await
            .map_err(TellError::Connect)?;
        Ok(Self {
            keys,
            plain,
            own,
            sets: Arc::default(),
        })
    }

    /// The key.
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Its own relays.
    pub const fn own(&self) -> &Relays {
        &self.own
    }

    /// Connections to these relays; whether they are new.
    ///
    /// # Errors
    /// When one of them is not to be used.
    pub async fn of(&self, urls: &[String]) -> Result<(Relays, bool), TellError> {
        let mut key = urls.to_vec();
        key.sort();
        if let Some(relays) = self.lock().get(&key) {
            return Ok((relays.clone(), false));
        }
        let relays = Relays::connect(urls, self.plain)
            .await
            .map_err(TellError::Connect)?;
        let mut sets = self.lock();
        if sets.len() >= MAX_SETS {
            sets.pop_first();
        }
        sets.insert(key, relays.clone());
        Ok((relays, true))
    }

    /// Seals a rumor of ours to one reader on these relays.
    ///
    /// # Errors
    /// When no quorum took it.
    pub async fn tell(
        &self,
        urls: &[String],
        rumor: &Rumor,
        reader: PublicKey,
        now: Timestamp,
    ) -> Result<(), TellError> {
        let event = wrap(rumor, &self.keys, reader, now).map_err(TellError::Seal)?;
        self.publish(urls, &event).await
    }

    /// Publishes an event on these relays.
    ///
    /// # Errors
    /// When no quorum took it.
    pub async fn publish(&self, urls: &[String], event: &Event) -> Result<(), TellError> {
        let (relays, _) = self.of(urls).await?;
        relays
            .publish(event)
            .await
            .map(drop)
            .map_err(TellError::Publish)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Vec<String>, Relays>> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
