//! What to ask a relay for.

use job::{Event, JobId, PublicKey};

/// A filter (NIP-01): every part that is not empty must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Kinds.
    pub kinds: Vec<u16>,
    /// Authors.
    pub authors: Vec<PublicKey>,
    /// Values of `p` tags.
    pub recipients: Vec<PublicKey>,
    /// Values of `e` tags.
    pub events: Vec<JobId>,
    /// Values of `d` tags: names of offers.
    pub identifiers: Vec<String>,
    /// Event ids.
    pub ids: Vec<JobId>,
    /// Earliest `created_at`, in Unix seconds. Never for wraps: they are backdated.
    pub since: Option<u64>,
}

impl Filter {
    /// Everything sealed to `reader`.
    pub fn sealed_to(reader: PublicKey) -> Self {
        Self {
            kinds: vec![dvm::kind::GIFT_WRAP],
            recipients: vec![reader],
            ..Self::default()
        }
    }

    /// Whether `event` is what was asked for: a relay may push anything.
    pub(crate) fn matches(&self, event: &Event) -> bool {
        let Self {
            kinds,
            authors,
            recipients,
            events,
            identifiers,
            ids,
            since,
        } = self;
        let tagged = |name: &str, wanted: &[String]| {
            wanted.is_empty()
                || event.tags.iter().any(|tag| match tag.as_slice() {
                    [first, value, ..] => first == name && wanted.contains(value),
                    _ => false,
                })
        };
        (kinds.is_empty() || kinds.contains(&event.kind))
            && (authors.is_empty() || authors.contains(&event.pubkey))
            && (ids.is_empty() || ids.contains(&event.id))
            && since.is_none_or(|since| event.created_at >= since)
            && tagged("p", &texts(recipients))
            && tagged("e", &texts(events))
            && tagged("d", identifiers)
    }

    /// In the pool's words. Every key and id is 32 bytes, so none is lost.
    pub(crate) fn to_pool(&self) -> nostr::Filter {
        let Self {
            kinds,
            authors,
            recipients,
            events,
            identifiers,
            ids,
            since,
        } = self;
        let mut filter = nostr::Filter::new();
        if !kinds.is_empty() {
            filter = filter.kinds(kinds.iter().map(|kind| nostr::Kind::from(*kind)));
        }
        if !authors.is_empty() {
            filter = filter.authors(authors.iter().map(pool_key));
        }
        if !recipients.is_empty() {
            filter = filter.pubkeys(recipients.iter().map(pool_key));
        }
        if !events.is_empty() {
            filter = filter.events(events.iter().map(pool_id));
        }
        if !identifiers.is_empty() {
            filter = filter.identifiers(identifiers);
        }
        if !ids.is_empty() {
            filter = filter.ids(ids.iter().map(pool_id));
        }
        if let Some(since) = since {
            filter = filter.since(nostr::Timestamp::from_secs(*since));
        }
        filter
    }
}

fn texts<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

fn pool_key(key: &PublicKey) -> nostr::PublicKey {
    nostr::PublicKey::from_byte_array(*key.as_bytes())
}

fn pool_id(id: &JobId) -> nostr::EventId {
    nostr::EventId::from_byte_array(*id.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::Filter;
    use job::{Event, JobId, PublicKey};

    fn offer(name: &str) -> Event {
        Event {
            id: JobId::from_bytes([1; 32]),
            pubkey: PublicKey::from_bytes([2; 32]),
            created_at: 0,
            kind: dvm::kind::OFFER,
            tags: vec![vec!["d".to_owned(), name.to_owned()]],
            content: String::new(),
            sig: String::new(),
        }
    }

    #[test]
    fn an_offer_is_found_by_its_name() {
        let filter = Filter {
            kinds: vec![dvm::kind::OFFER],
            identifiers: vec!["analyse".to_owned()],
            ..Filter::default()
        };
        assert!(filter.matches(&offer("analyse")));
        assert!(!filter.matches(&offer("redact")));
        let asked = serde_json::to_value(filter.to_pool()).unwrap();
        assert_eq!(asked["#d"], serde_json::json!(["analyse"]));
    }
}
