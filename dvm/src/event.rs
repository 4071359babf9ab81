//! Signing and verifying events (NIP-01).

use job::{Event, JobId, Timestamp};
use nostr::event::{EventId, Kind, Tag, Tags};

use crate::Keys;

/// Longest event we read, in bytes of JSON: the largest gift wrap of a rumor of
/// 28,000 bytes has 55 kB (NIP-44 padding and base64 twice).
pub const MAX_EVENT: usize = 64 * 1024;

/// Most tags of an event we read.
const MAX_TAGS: usize = 256;

/// An event before it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsigned {
    /// Kind.
    pub kind: u16,
    /// When it says it was written.
    pub created_at: Timestamp,
    /// Tags; none is empty.
    pub tags: Vec<Vec<String>>,
    /// Content.
    pub content: String,
}

/// Why bytes are not an event.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Too long.
    #[error("the event has {0} bytes and may have {MAX_EVENT}")]
    TooLong(usize),
    /// Not JSON of the seven fields.
    #[error("not a Nostr event")]
    Form(#[source] serde_json::Error),
    /// Too many tags.
    #[error("the event has {0} tags and may have {MAX_TAGS}")]
    TooManyTags(usize),
    /// Id or signature do not fit.
    #[error("the event's id or signature does not fit its content")]
    Signature,
}

/// Signs an event as `keys`.
pub fn sign(keys: &Keys, unsigned: Unsigned) -> Event {
    let Unsigned {
        kind,
        created_at,
        tags,
        content,
    } = unsigned;
    let author = keys.public_key();
    let id = event_id(author, created_at, kind, &tags, &content);
    let signature = keys.inner().sign_schnorr(id.as_bytes());
    Event {
        id,
        pubkey: author,
        created_at: created_at.as_secs(),
        kind,
        tags,
        content,
        sig: signature.to_hex(),
    }
}

/// Reads an event and verifies id and signature.
///
/// # Errors
/// When it is too long, is none, or was not signed so.
pub fn parse_event(json: &str) -> Result<Event, EventError> {
    if json.len() > MAX_EVENT {
        return Err(EventError::TooLong(json.len()));
    }
    let event: Event = serde_json::from_str(json).map_err(EventError::Form)?;
    if event.tags.len() > MAX_TAGS {
        return Err(EventError::TooManyTags(event.tags.len()));
    }
    if !verify(&event) {
        return Err(EventError::Signature);
    }
    Ok(event)
}

/// The event as JSON text, as it crosses to the transport.
pub fn to_json(event: &Event) -> String {
    // Strings and numbers always are JSON.
    serde_json::to_string(event).unwrap_or_default()
}

/// Whether id and signature of an event fit its content (NIP-01).
pub fn verify(event: &Event) -> bool {
    // The library has no empty tag, so none would enter the id.
    if event.tags.iter().any(Vec::is_empty) {
        return false;
    }
    let created_at = Timestamp::from_secs(event.created_at);
    let id = event_id(
        event.pubkey,
        created_at,
        event.kind,
        &event.tags,
        &event.content,
    );
    let Ok(signature) = nostr::event::Signature::from_hex(&event.sig) else {
        return false;
    };
    if id != event.id {
        return false;
    }
    // Id and signature are all that is left to check; the content is the id's.
    nostr::event::Event::new(
        EventId::from_byte_array(*id.as_bytes()),
        nostr::key::PublicKey::from_byte_array(*event.pubkey.as_bytes()),
        nostr::types::time::Timestamp::from_secs(event.created_at),
        Kind::from(event.kind),
        Vec::<Tag>::new(),
        "",
        signature,
    )
    .verify_signature()
}

/// SHA-256 of `[0,pubkey,created_at,kind,tags,content]`, by the Nostr library.
/// No tag is empty.
pub(crate) fn event_id(
    author: job::PublicKey,
    created_at: Timestamp,
    kind: u16,
    tags: &[Vec<String>],
    content: &str,
) -> JobId {
    let tags: Vec<Tag> = tags.iter().filter_map(|tag| Tag::parse(tag).ok()).collect();
    let id = EventId::compute(
        &nostr::key::PublicKey::from_byte_array(*author.as_bytes()),
        &nostr::types::time::Timestamp::from_secs(created_at.as_secs()),
        &Kind::from(kind),
        &Tags::from_list(tags),
        content,
    );
    JobId::from_bytes(id.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::{Unsigned, parse_event, sign, to_json, verify};
    use crate::Keys;
    use job::Timestamp;

    fn event() -> job::Event {
        let unsigned = Unsigned {
            kind: 1,
            created_at: Timestamp::from_secs(1_790_000_000),
            tags: vec![vec!["t".to_owned(), "\u{e9}\n\"\\".to_owned()]],
            content: "hello \u{1f600}".to_owned(),
        };
        sign(&Keys::generate(), unsigned)
    }

    #[test]
    fn a_signed_event_is_read_back() {
        let event = event();
        assert_eq!(parse_event(&to_json(&event)).unwrap(), event);
    }

    #[test]
    fn a_changed_event_is_refused() {
        let good = event();
        let changes: [fn(&mut job::Event); 7] = [
            |e| e.content.push('x'),
            |e| e.kind += 1,
            |e| e.created_at += 1,
            |e| e.tags[0][1].push('x'),
            |e| e.tags.push(Vec::new()),
            |e| e.id = job::JobId::from_bytes([7; 32]),
            |e| e.sig = "00".repeat(64),
        ];
        for change in changes {
            let mut event = good.clone();
            change(&mut event);
            assert!(!verify(&event));
            assert!(parse_event(&to_json(&event)).is_err());
        }
        let mut other = good.clone();
        other.pubkey = Keys::generate().public_key();
        assert!(!verify(&other));
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for text in ["", "{}", "[]", "null", "{\"id\":1}"] {
            assert!(parse_event(text).is_err());
        }
        let long = format!("\"{}\"", "x".repeat(70_000));
        assert!(parse_event(&long).is_err());
    }
}
