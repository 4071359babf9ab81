//! Sealing to one reader (NIP-59): an unsigned rumor inside a seal signed by its
//! author, inside a gift wrap signed by a key that is used once.
//!
//! The library's own functions are not used: they verify too little on the way
//! in. Nothing below is skipped, and everything is bounded before it is decrypted.

use job::{Event, JobId, PublicKey, Timestamp};
use nostr::nips::nip44;
use serde::{Deserialize, Serialize};

use crate::event::{self, EventError, MAX_EVENT, Unsigned, event_id};
use crate::{Keys, keys, kind, sign};

/// Longest serialised rumor: above it the gift wrap would pass the 64 KiB that
/// relays take. What is longer goes as a blob.
pub const MAX_RUMOR: usize = 28_000;

/// Seal and wrap are dated up to two days back (NIP-59), each on its own, so
/// that their times say nothing.
const BACKDATE_SECS: u64 = 2 * 86_400;

/// An unsigned event whose author the seal vouches for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rumor {
    /// Its id, as if it were signed.
    pub id: JobId,
    /// Its author.
    pub pubkey: PublicKey,
    /// When it says it was written.
    pub created_at: u64,
    /// Kind.
    pub kind: u16,
    /// Tags.
    pub tags: Vec<Vec<String>>,
    /// Content.
    pub content: String,
}

/// Why a message cannot be sealed.
#[derive(Debug, thiserror::Error)]
pub enum WrapError {
    /// Too long.
    #[error("the message has {0} bytes and may have {MAX_RUMOR}: send it as a blob")]
    TooLong(usize),
    /// The reader's key is no point on the curve.
    #[error("failed to encrypt to {0}")]
    Encrypt(PublicKey),
}

/// Why a gift wrap was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Not a gift wrap.
    #[error("kind {0} is not a gift wrap")]
    Kind(u16),
    /// Wrap or seal is not what it says.
    #[error("failed to verify the {0}")]
    Event(&'static str, #[source] EventError),
    /// Not for this key, or damaged.
    #[error("failed to decrypt the {0}")]
    Decrypt(&'static str),
    /// The seal has tags or is of another kind.
    #[error("the seal is not a seal: kind 13, no tags but `expiration`")]
    Seal,
    /// The rumor is not one.
    #[error("the rumor is not an unsigned event")]
    Form(#[source] serde_json::Error),
    /// The rumor is by somebody else than the seal.
    #[error("the rumor's author is not the seal's")]
    Author,
    /// The rumor's id is not its content's.
    #[error("the rumor's id does not fit its content")]
    Id,
    /// Too long.
    #[error("the rumor has {0} bytes and may have {MAX_RUMOR}")]
    TooLong(usize),
}

impl Rumor {
    /// A message by `author`.
    pub fn new(author: PublicKey, message: Unsigned) -> Self {
        let Unsigned {
            kind,
            created_at,
            tags,
            content,
        } = message;
        Self {
            id: event_id(author, created_at, kind, &tags, &content),
            pubkey: author,
            created_at: created_at.as_secs(),
            kind,
            tags,
            content,
        }
    }

    /// Its length as JSON, which [`MAX_RUMOR`] bounds.
    pub fn json_len(&self) -> usize {
        serde_json::to_string(self).map_or(usize::MAX, |json| json.len())
    }
}

/// Seals a rumor of `author` to `reader`, with fresh randomness each time: the
/// same rumor twice gives two wraps that nobody else can tell apart.
///
/// # Errors
/// When the rumor is too long, or the reader's key is no key.
pub fn wrap(
    rumor: &Rumor,
    author: &Keys,
    reader: PublicKey,
    now: Timestamp,
) -> Result<Event, WrapError> {
    let json = serde_json::to_string(rumor).map_err(|_| WrapError::TooLong(usize::MAX))?;
    if json.len() > MAX_RUMOR {
        return Err(WrapError::TooLong(json.len()));
    }
    let seal = Unsigned {
        kind: kind::SEAL,
        created_at: backdated(now),
        tags: Vec::new(),
        content: encrypt(author, reader, &json)?,
    };
    let seal = event::to_json(&sign(author, seal));
    let once = Keys::generate();
    let wrap = Unsigned {
        kind: kind::GIFT_WRAP,
        created_at: backdated(now),
        tags: vec![vec!["p".to_owned(), reader.to_string()]],
        content: encrypt(&once, reader, &seal)?,
    };
    Ok(sign(&once, wrap))
}

/// Opens a gift wrap: verifies wrap, seal, author and rumor id, in this order.
///
/// # Errors
/// When any of them does not hold, or it is not for this key.
pub fn open(wrap: &Event, reader: &Keys) -> Result<Rumor, OpenError> {
    if wrap.kind != kind::GIFT_WRAP {
        return Err(OpenError::Kind(wrap.kind));
    }
    if !event::verify(wrap) {
        return Err(OpenError::Event("gift wrap", EventError::Signature));
    }
    let seal = decrypt(reader, wrap.pubkey, &wrap.content, "gift wrap")?;
    let seal = event::parse_event(&seal).map_err(|error| OpenError::Event("seal", error))?;
    let only_expiration = |tag: &Vec<String>| tag.first().is_some_and(|name| name == "expiration");
    if seal.kind != kind::SEAL || !seal.tags.iter().all(only_expiration) {
        return Err(OpenError::Seal);
    }
    let json = decrypt(reader, seal.pubkey, &seal.content, "seal")?;
    if json.len() > MAX_RUMOR {
        return Err(OpenError::TooLong(json.len()));
    }
    let rumor: Rumor = serde_json::from_str(&json).map_err(OpenError::Form)?;
    if rumor.pubkey != seal.pubkey {
        return Err(OpenError::Author);
    }
    let created_at = Timestamp::from_secs(rumor.created_at);
    let empty = rumor.tags.iter().any(Vec::is_empty);
    let id = event_id(
        rumor.pubkey,
        created_at,
        rumor.kind,
        &rumor.tags,
        &rumor.content,
    );
    if empty || id != rumor.id {
        return Err(OpenError::Id);
    }
    Ok(rumor)
}

fn encrypt(from: &Keys, to: PublicKey, text: &str) -> Result<String, WrapError> {
    let reader = nostr::key::PublicKey::from_byte_array(*to.as_bytes());
    nip44::encrypt(from.inner().secret_key(), &reader, text, nip44::Version::V2)
        .map_err(|_| WrapError::Encrypt(to))
}

fn decrypt(
    reader: &Keys,
    author: PublicKey,
    payload: &str,
    what: &'static str,
) -> Result<String, OpenError> {
    // An event is bounded when it is parsed; this bounds what was built in memory.
    if payload.len() > MAX_EVENT {
        return Err(OpenError::Decrypt(what));
    }
    let author = nostr::key::PublicKey::from_byte_array(*author.as_bytes());
    nip44::decrypt(reader.inner().secret_key(), &author, payload)
        .map_err(|_| OpenError::Decrypt(what))
}

/// A time up to two days before `now`, from fresh randomness.
fn backdated(now: Timestamp) -> Timestamp {
    let random = keys::random_bytes();
    let number = random
        .iter()
        .take(8)
        .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    now.minus(number % BACKDATE_SECS)
}

#[cfg(test)]
mod tests {
    use super::{MAX_RUMOR, OpenError, Rumor, WrapError, encrypt, open, wrap};
    use crate::event::{MAX_EVENT, to_json};
    use crate::{Keys, Unsigned, kind, sign};
    use job::{JobId, Timestamp};

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn message(content: &str) -> Unsigned {
        Unsigned {
            kind: 23792,
            created_at: NOW,
            tags: vec![vec!["e".to_owned(), "00".repeat(32)]],
            content: content.to_owned(),
        }
    }

    /// A wrap of our own making, to put in what an honest sender never would.
    fn forge(author: &Keys, reader: &Keys, seal: Unsigned, by: &Keys) -> job::Event {
        let seal = to_json(&sign(author, seal));
        let wrap = Unsigned {
            kind: kind::GIFT_WRAP,
            created_at: NOW,
            tags: vec![vec!["p".to_owned(), reader.public_key().to_string()]],
            content: encrypt(by, reader.public_key(), &seal).unwrap(),
        };
        sign(by, wrap)
    }

    fn seal_of(author: &Keys, reader: &Keys, rumor: &Rumor) -> Unsigned {
        let json = serde_json::to_string(rumor).unwrap();
        Unsigned {
            kind: kind::SEAL,
            created_at: NOW,
            tags: Vec::new(),
            content: encrypt(author, reader.public_key(), &json).unwrap(),
        }
    }

    #[test]
    fn only_the_reader_opens_what_was_sealed() {
        let (author, reader) = (Keys::generate(), Keys::generate());
        let rumor = Rumor::new(author.public_key(), message("secret"));
        let first = wrap(&rumor, &author, reader.public_key(), NOW).unwrap();
        let second = wrap(&rumor, &author, reader.public_key(), NOW).unwrap();
        assert_eq!(open(&first, &reader).unwrap(), rumor);
        assert_eq!(open(&second, &reader).unwrap().id, rumor.id);
        assert_ne!(first.id, second.id);
        assert_ne!(first.pubkey, second.pubkey);
        assert!(!to_json(&first).contains("secret"));
        let stranger = Keys::generate();
        assert!(matches!(
            open(&first, &stranger),
            Err(OpenError::Decrypt(_))
        ));
    }

    #[test]
    fn times_say_nothing() {
        let (author, reader) = (Keys::generate(), Keys::generate());
        let rumor = Rumor::new(author.public_key(), message(""));
        for _ in 0..20 {
            let wrap = wrap(&rumor, &author, reader.public_key(), NOW).unwrap();
            let age = NOW.since(Timestamp::from_secs(wrap.created_at));
            assert!(wrap.created_at <= NOW.as_secs() && age < 2 * 86_400);
        }
    }

    #[test]
    fn the_longest_rumor_fits_an_event_and_one_byte_more_is_refused() {
        let (author, reader) = (Keys::generate(), Keys::generate());
        let empty = Rumor::new(author.public_key(), message("")).json_len();
        let longest = Rumor::new(author.public_key(), message(&"x".repeat(MAX_RUMOR - empty)));
        let wrapped = wrap(&longest, &author, reader.public_key(), NOW).unwrap();
        assert!(to_json(&wrapped).len() <= MAX_EVENT);
        assert_eq!(open(&wrapped, &reader).unwrap(), longest);
        let longer = Rumor::new(
            author.public_key(),
            message(&"x".repeat(MAX_RUMOR - empty + 1)),
        );
        let refused = wrap(&longer, &author, reader.public_key(), NOW);
        assert!(matches!(refused, Err(WrapError::TooLong(_))));
    }

    #[test]
    fn whoever_did_not_sign_the_seal_is_not_the_author() {
        let (author, reader, liar) = (Keys::generate(), Keys::generate(), Keys::generate());
        let rumor = Rumor::new(author.public_key(), message("pay me"));
        let forged = forge(&liar, &reader, seal_of(&liar, &reader, &rumor), &liar);
        assert!(matches!(open(&forged, &reader), Err(OpenError::Author)));
    }

    #[test]
    fn a_seal_with_tags_or_of_another_kind_is_refused() {
        let (author, reader) = (Keys::generate(), Keys::generate());
        let rumor = Rumor::new(author.public_key(), message("x"));
        let good = seal_of(&author, &reader, &rumor);
        let expiring = Unsigned {
            tags: vec![vec!["expiration".to_owned(), "1".to_owned()]],
            ..good.clone()
        };
        let opened = open(&forge(&author, &reader, expiring, &author), &reader);
        assert_eq!(opened.unwrap(), rumor);
        let tagged = Unsigned {
            tags: vec![vec!["p".to_owned(), "1".to_owned()]],
            ..good.clone()
        };
        let other_kind = Unsigned {
            kind: 1,
            ..good.clone()
        };
        for seal in [tagged, other_kind] {
            let opened = open(&forge(&author, &reader, seal, &author), &reader);
            assert!(matches!(opened, Err(OpenError::Seal)));
        }
    }

    #[test]
    fn a_rumor_with_another_id_or_an_empty_tag_is_refused() {
        let (author, reader) = (Keys::generate(), Keys::generate());
        let good = Rumor::new(author.public_key(), message("x"));
        let mut renamed = good.clone();
        renamed.id = JobId::from_bytes([7; 32]);
        let mut tagged = good.clone();
        tagged.tags.push(Vec::new());
        for rumor in [renamed, tagged] {
            let seal = seal_of(&author, &reader, &rumor);
            let opened = open(&forge(&author, &reader, seal, &author), &reader);
            assert!(matches!(opened, Err(OpenError::Id)));
        }
    }

    #[test]
    fn a_changed_wrap_is_refused_before_it_is_decrypted() {
        let (author, reader) = (Keys::generate(), Keys::generate());
        let rumor = Rumor::new(author.public_key(), message("x"));
        let good = wrap(&rumor, &author, reader.public_key(), NOW).unwrap();
        let mut changed = good.clone();
        changed.tags[0][1] = "00".repeat(32);
        assert!(matches!(open(&changed, &reader), Err(OpenError::Event(..))));
        let mut ephemeral = good;
        ephemeral.kind = 21059;
        assert!(matches!(
            open(&ephemeral, &reader),
            Err(OpenError::Kind(21059))
        ));
    }
}
