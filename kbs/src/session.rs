//! Sessions of guests. Before a guest is attested nothing is kept of it: its nonce is a
//! function of its session's name and a key of this process, so that a million callers
//! cost no memory. After that a bounded number of sessions are remembered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use job::Timestamp;

use crate::guest::Guest;

/// Name of the cookie, as guests keep it.
pub const COOKIE: &str = "kbs-session-id";

/// Seconds a challenge can be answered, and an attested guest may ask; Trustee's own.
pub const LIFETIME_SECS: u64 = 300;

/// Most attested guests remembered at a time, of some 10 kB each: the oldest is
/// forgotten first, and attests again.
const MOST: usize = 1024;

/// Name of a session: its time (5 bytes, big-endian seconds) and 11 random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// Reads 32 lower-case hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        (hex::encode(bytes) == text).then_some(Self(bytes))
    }

    fn made_at(self) -> Timestamp {
        let (time, _) = self.0.split_at(5);
        let secs = time
            .iter()
            .fold(0, |secs, byte| secs << 8 | u64::from(*byte));
        Timestamp::from_secs(secs)
    }

    fn is_alive(self, now: Timestamp) -> bool {
        let made = self.made_at();
        made <= now && now < made.plus(LIFETIME_SECS)
    }
}

impl core::fmt::Display for SessionId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// All sessions.
pub struct Sessions {
    key: hmac::Key,
    attested: Mutex<Attested>,
}

#[derive(Default)]
struct Attested {
    guests: BTreeMap<SessionId, Arc<Guest>>,
    order: VecDeque<SessionId>,
}

impl Sessions {
    /// None yet, under a fresh key.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn new() -> Result<Self, Unspecified> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())?;
        Ok(Self {
            key,
            attested: Mutex::default(),
        })
    }

    /// A new session and its nonce, base64.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn open(&self, now: Timestamp) -> Result<(SessionId, String), Unspecified> {
        let mut id = [0; 16];
        SystemRandom::new().fill(&mut id)?;
        let time = now.as_secs().to_be_bytes();
        for (to, from) in id.iter_mut().zip(time.into_iter().skip(3)) {
            *to = from;
        }
        let id = SessionId(id);
        Ok((id, self.nonce(id)))
    }

    /// The nonce of a session that is not over.
    pub fn challenge(&self, id: SessionId, now: Timestamp) -> Option<String> {
        id.is_alive(now).then(|| self.nonce(id))
    }

    fn nonce(&self, id: SessionId) -> String {
        BASE64.encode(hmac::sign(&self.key, &id.0))
    }

    /// Remembers an attested guest. The first one of a session stays.
    pub fn attest(&self, id: SessionId, guest: Guest) -> Arc<Guest> {
        // A poisoned lock holds maps that are whole: each step leaves them so.
        let mut attested = self.attested.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(guest) = attested.guests.get(&id) {
            return guest.clone();
        }
        let guest = Arc::new(guest);
        attested.guests.insert(id, guest.clone());
        attested.order.push_back(id);
        while attested.order.len() > MOST {
            if let Some(oldest) = attested.order.pop_front() {
                attested.guests.remove(&oldest);
            }
        }
        guest
    }

    /// The guest of a session that is not over.
    pub fn guest(&self, id: SessionId, now: Timestamp) -> Option<Arc<Guest>> {
        let mut attested = self.attested.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(oldest) = attested.order.front().copied() {
            if oldest.is_alive(now) {
                break;
            }
            attested.order.pop_front();
            attested.guests.remove(&oldest);
        }
        let guest = attested.guests.get(&id)?;
        id.is_alive(now).then(|| guest.clone())
    }
}

#[cfg(test)]
mod tests {
    use job::Timestamp;

    use super::{LIFETIME_SECS, MOST, SessionId, Sessions};
    use crate::guest::Guest;

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    #[test]
    fn a_nonce_is_its_sessions_own_and_ends_with_it() {
        let sessions = Sessions::new().unwrap();
        let (a, nonce) = sessions.open(NOW).unwrap();
        let (b, other) = sessions.open(NOW).unwrap();
        assert_ne!((a, &nonce), (b, &other));
        assert_eq!(nonce.len(), 44);
        assert_eq!(sessions.challenge(a, NOW).as_ref(), Some(&nonce));
        let last = NOW.plus(LIFETIME_SECS - 1);
        assert_eq!(sessions.challenge(a, last).as_ref(), Some(&nonce));
        assert_eq!(sessions.challenge(a, NOW.plus(LIFETIME_SECS)), None);
        // Another process has another key; a name from the future has no time yet.
        let elsewhere = Sessions::new().unwrap();
        assert_ne!(elsewhere.challenge(a, NOW), Some(nonce));
        let (later, _) = sessions.open(NOW.plus(1)).unwrap();
        assert_eq!(sessions.challenge(later, NOW), None);
    }

    #[test]
    fn a_session_has_one_spelling() {
        let sessions = Sessions::new().unwrap();
        let text = sessions.open(NOW).unwrap().0.to_string();
        assert_eq!(SessionId::parse(&text).unwrap().to_string(), text);
        for wrong in [
            "",
            "00",
            &text.to_uppercase().replace('0', "A"),
            &format!("{text}00"),
        ] {
            assert_eq!(SessionId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn attested_guests_are_forgotten_after_their_time_or_when_there_are_too_many() {
        let sessions = Sessions::new().unwrap();
        let (first, _) = sessions.open(NOW).unwrap();
        sessions.attest(first, Guest::example("first"));
        sessions.attest(first, Guest::example("second"));
        let guest = sessions.guest(first, NOW).unwrap();
        assert_eq!(guest.instance, "first");
        for _ in 0..MOST {
            let (id, _) = sessions.open(NOW.plus(1)).unwrap();
            sessions.attest(id, Guest::example("more"));
        }
        assert!(sessions.guest(first, NOW).is_none());
        let (last, _) = sessions.open(NOW.plus(1)).unwrap();
        sessions.attest(last, Guest::example("last"));
        assert!(sessions.guest(last, NOW.plus(LIFETIME_SECS)).is_some());
        assert!(sessions.guest(last, NOW.plus(LIFETIME_SECS + 1)).is_none());
        assert!(sessions.attested.lock().unwrap().guests.is_empty());
    }
}
