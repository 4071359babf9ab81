//! Cancellations that are remembered: those of orders that have no object yet.
//! A state machine without clock and effects; `memory.rs` keeps it over restarts.
//!
//! ```text
//! noted ──> asked of the cluster ──> applied: the object was told, or there is none
//!   └─────> saved: it outlives the bridge
//! ```
//!
//! A cancellation is *known* when the order it is about was heard and is by the
//! same key. Keys cost nothing, so what strangers write may push out what
//! strangers wrote, and never a known one.

use std::collections::BTreeMap;
use std::sync::Arc;

use dvm::cancel::Cancellation;
use job::{JobId, PublicKey, Timestamp};

/// Cancellations remembered: 4,000 of 150 bytes fit a ConfigMap (1 MiB) well.
const MAX: usize = 4_000;

/// Of one key: more than a customer has orders that wait.
const MAX_OF_ONE: usize = 64;

/// How long an order may live (`job::admit`): a cancellation is of no use longer.
const LIFE_SECS: u64 = 7 * 86_400;

/// First wait after the cluster did not take a cancellation; it doubles.
const FIRST_WAIT_SECS: u64 = 1;

/// Longest wait between two tries: a customer waits for this.
const MAX_WAIT_SECS: u64 = 15;

/// How long one that was saved waits for its signed words, which relays say again: with
/// them the job ends as the customer's wish.
const WORDS_WAIT_SECS: u64 = 15;

/// Which order, by whom.
pub(crate) type Key = (JobId, PublicKey);

/// What is remembered of one, as it is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// After this the order has expired.
    pub(crate) until: Timestamp,
    /// Whether the order was heard and is by the same key.
    pub(crate) known: bool,
}

/// Whether the cluster was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Applied {
    /// Not yet; from this time on, after waiting so long.
    Due(Timestamp, u64),
    /// Somebody is at it; the wait before.
    Busy(u64),
    /// There is no object, or it is cancelled.
    Done,
}

#[derive(Clone, Debug)]
struct Entry {
    kept: Kept,
    applied: Applied,
    /// The signed event, for the object; never saved, relays have it.
    words: Option<Arc<str>>,
}

/// The cancellations.
#[derive(Debug, Default)]
pub(crate) struct Cancelled {
    entries: BTreeMap<Key, Entry>,
    /// What differs from what is saved: to be written, or (`None`) erased.
    unsaved: BTreeMap<Key, Option<Kept>>,
}

impl Cancelled {
    /// Whether this order of this customer is cancelled.
    pub(crate) fn has(&self, key: &Key) -> bool {
        self.entries.contains_key(key)
    }

    /// Remembers a cancellation; whether there was a place for it. `order_ends` is
    /// when its order expires, once that was heard.
    pub(crate) fn note(
        &mut self,
        cancellation: Cancellation,
        order_ends: Option<Timestamp>,
        now: Timestamp,
    ) -> bool {
        let Cancellation { by, job, at } = cancellation;
        let until = order_ends.unwrap_or_else(|| at.min(now).plus(LIFE_SECS));
        let kept = Kept {
            until,
            known: order_ends.is_some(),
        };
        if until <= now {
            return true;
        }
        self.insert((job, by), kept, Applied::Due(now, FIRST_WAIT_SECS))
    }

    /// Takes what was saved before a restart.
    pub(crate) fn restore(&mut self, key: Key, kept: Kept, now: Timestamp) {
        if kept.until <= now {
            self.unsaved.insert(key, None);
        } else if self.insert(
            key,
            kept,
            Applied::Due(now.plus(WORDS_WAIT_SECS), FIRST_WAIT_SECS),
        ) {
            self.unsaved.remove(&key);
        }
    }

    /// Keeps the signed event of one that is remembered.
    pub(crate) fn keep(&mut self, key: &Key, words: &Arc<str>, now: Timestamp) {
        if let Some(entry) = self.entries.get_mut(key)
            && entry.words.is_none()
        {
            entry.words = Some(words.clone());
            if let Applied::Due(at, wait) = entry.applied {
                entry.applied = Applied::Due(at.min(now), wait);
            }
        }
    }

    /// The signed event of one, if it was kept.
    pub(crate) fn words(&self, key: &Key) -> Option<Arc<str>> {
        self.entries.get(key)?.words.clone()
    }

    /// The order of a cancellation was heard: nobody pushes it out any more.
    pub(crate) fn know(&mut self, key: Key, until: Timestamp) {
        if let Some(entry) = self.entries.get_mut(&key)
            && !entry.kept.known
        {
            entry.kept = Kept { until, known: true };
            self.unsaved.insert(key, Some(entry.kept));
        }
    }

    /// The next one to tell the cluster.
    pub(crate) fn next(&mut self, now: Timestamp) -> Option<Key> {
        let due = |entry: &Entry| match entry.applied {
            Applied::Due(at, wait) if at <= now => Some((at, wait)),
            Applied::Due(..) | Applied::Busy(_) | Applied::Done => None,
        };
        let waiting = self.entries.iter();
        let waiting = waiting.filter_map(|(key, entry)| Some((due(entry)?, *key)));
        let ((_, wait), key) = waiting.min()?;
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.applied = Applied::Busy(wait);
        }
        Some(key)
    }

    /// The object was cancelled, or there is none.
    pub(crate) fn applied(&mut self, key: &Key) {
        if let Some(entry) = self.entries.get_mut(key)
            // Asked for again meanwhile: there may be an object now.
            && matches!(entry.applied, Applied::Busy(_))
        {
            entry.applied = Applied::Done;
        }
    }

    /// The cluster did not answer; tried again later.
    pub(crate) fn failed(&mut self, key: &Key, now: Timestamp) {
        if let Some(entry) = self.entries.get_mut(key)
            && let Applied::Busy(wait) = entry.applied
        {
            entry.applied = Applied::Due(now.plus(wait), (wait * 2).min(MAX_WAIT_SECS));
        }
    }

    /// An object was created, or may have been: it has to be told.
    pub(crate) fn again(&mut self, key: &Key, now: Timestamp) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.applied = Applied::Due(now, FIRST_WAIT_SECS);
        }
    }

    /// Forgets those whose orders have expired.
    pub(crate) fn forget_old(&mut self, now: Timestamp) {
        let old = self.entries.iter().filter(|(_, e)| e.kept.until <= now);
        let old: Vec<Key> = old.map(|(key, _)| *key).collect();
        for key in old {
            self.remove(key);
        }
    }

    /// What has to be saved, at most `most`.
    pub(crate) fn unsaved(&self, most: usize) -> Vec<(Key, Option<Kept>)> {
        let unsaved = self.unsaved.iter().take(most);
        unsaved.map(|(key, kept)| (*key, *kept)).collect()
    }

    /// That was saved.
    pub(crate) fn saved(&mut self, written: &[(Key, Option<Kept>)]) {
        for (key, kept) in written {
            // Changed meanwhile: it is saved once more.
            if self.unsaved.get(key) == Some(kept) {
                self.unsaved.remove(key);
            }
        }
    }

    fn insert(&mut self, key: Key, kept: Kept, applied: Applied) -> bool {
        if let Some(before) = self.entries.get_mut(&key) {
            if kept.known && !before.kept.known {
                before.kept = kept;
                self.unsaved.insert(key, Some(kept));
            }
            return true;
        }
        if !self.make_place(key.1, kept.known) {
            return false;
        }
        let words = None;
        self.entries.insert(
            key,
            Entry {
                kept,
                applied,
                words,
            },
        );
        self.unsaved.insert(key, Some(kept));
        true
    }

    /// Removes an entry when there are too many; whether there is a place now.
    fn make_place(&mut self, by: PublicKey, known: bool) -> bool {
        let own = self.entries.keys().filter(|(_, key)| *key == by).count();
        let victim = if own >= MAX_OF_ONE {
            // Nobody pays for this key but this key.
            self.oldest(known, |_, key| key == by)
        } else if self.entries.len() >= MAX {
            let greedy = self.greediest(known);
            greedy.and_then(|greedy| self.oldest(known, |_, key| key == greedy))
        } else {
            return true;
        };
        let Some(victim) = victim else {
            return false;
        };
        self.remove(victim);
        true
    }

    /// The one to give way: early ones before known ones, and known ones only to
    /// known ones; of these, whose order expires first.
    fn oldest(&self, known: bool, of: impl Fn(JobId, PublicKey) -> bool) -> Option<Key> {
        let entries = self.entries.iter();
        let entries =
            entries.filter(|((job, key), entry)| of(*job, *key) && (known || !entry.kept.known));
        let first = entries.min_by_key(|(_, entry)| (entry.kept.known, entry.kept.until));
        first.map(|(key, _)| *key)
    }

    /// The key with the most that may give way.
    fn greediest(&self, known: bool) -> Option<PublicKey> {
        let early = self.entries.values().any(|entry| !entry.kept.known);
        if !early && !known {
            return None;
        }
        let mut counts: BTreeMap<PublicKey, usize> = BTreeMap::new();
        for ((_, key), entry) in &self.entries {
            if !early || !entry.kept.known {
                *counts.entry(*key).or_default() += 1;
            }
        }
        counts
            .into_iter()
            .max_by_key(|(_, n)| *n)
            .map(|(key, _)| key)
    }

    fn remove(&mut self, key: Key) {
        self.entries.remove(&key);
        self.unsaved.insert(key, None);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Cancelled, Kept, Key, MAX, MAX_OF_ONE, WORDS_WAIT_SECS};
    use dvm::cancel::Cancellation;
    use job::{JobId, PublicKey, Timestamp};

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn key(job: usize, by: usize) -> Key {
        let bytes = |n: usize| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&n.to_be_bytes());
            bytes
        };
        (
            JobId::from_bytes(bytes(job)),
            PublicKey::from_bytes(bytes(by)),
        )
    }

    fn early(cancelled: &mut Cancelled, (job, by): Key) -> bool {
        cancelled.note(Cancellation { by, job, at: NOW }, None, NOW)
    }

    fn known(cancelled: &mut Cancelled, (job, by): Key) -> bool {
        let ends = Some(NOW.plus(600));
        cancelled.note(Cancellation { by, job, at: NOW }, ends, NOW)
    }

    #[test]
    fn strangers_cannot_crowd_out_the_cancellation_of_an_order_that_was_heard() {
        let mut cancelled = Cancelled::default();
        assert!(known(&mut cancelled, key(1, 1)));
        // One key with many, and more keys with one than there are places.
        for n in 0..2 * MAX_OF_ONE {
            early(&mut cancelled, key(n, 2));
        }
        for n in 0..MAX + 50 {
            early(&mut cancelled, key(n, 10 + n));
        }
        assert!(cancelled.has(&key(1, 1)));
        assert!(cancelled.entries.len() <= MAX);
        let of_two = cancelled.entries.keys().filter(|k| k.1 == key(0, 2).1);
        assert!(of_two.count() <= MAX_OF_ONE);
    }

    #[test]
    fn a_greedy_key_pays_before_a_modest_one() {
        let mut cancelled = Cancelled::default();
        assert!(early(&mut cancelled, key(1, 1)));
        for greedy in 2..70 {
            for n in 0..MAX_OF_ONE {
                assert!(early(&mut cancelled, key(n, greedy)));
            }
        }
        assert!(cancelled.has(&key(1, 1)));
        // A known one always finds a place among early ones.
        assert!(known(&mut cancelled, key(2, 1)));
    }

    #[test]
    fn when_all_are_known_an_early_one_finds_no_place() {
        let mut cancelled = Cancelled::default();
        for n in 0..MAX {
            assert!(known(&mut cancelled, key(n, n)));
        }
        assert!(!early(&mut cancelled, key(1, 9_999)));
        assert!(known(&mut cancelled, key(1, 9_999)));
    }

    #[test]
    fn what_is_saved_is_there_after_a_restart_and_is_asked_of_the_cluster_again() {
        let mut before = Cancelled::default();
        assert!(known(&mut before, key(1, 1)));
        let saved = before.unsaved(10);
        before.saved(&saved);
        assert!(before.unsaved(10).is_empty());
        let mut after = Cancelled::default();
        for (key, kept) in saved {
            after.restore(key, kept.unwrap(), NOW);
        }
        assert!(after.has(&key(1, 1)));
        assert!(after.unsaved(10).is_empty());
        assert_eq!(after.next(NOW), None);
        assert_eq!(after.next(NOW.plus(WORDS_WAIT_SECS)), Some(key(1, 1)));
    }

    #[test]
    fn one_from_before_a_restart_waits_for_its_words_and_no_longer() {
        let kept = Kept {
            until: NOW.plus(600),
            known: true,
        };
        let mut cancelled = Cancelled::default();
        cancelled.restore(key(1, 1), kept, NOW);
        assert_eq!(cancelled.next(NOW.plus(2)), None);
        let words: Arc<str> = "signed".into();
        cancelled.keep(&key(1, 1), &words, NOW.plus(3));
        cancelled.keep(&key(2, 2), &words, NOW.plus(3));
        assert_eq!(cancelled.next(NOW.plus(3)), Some(key(1, 1)));
        assert_eq!(cancelled.words(&key(1, 1)), Some(words));
        assert_eq!(cancelled.words(&key(2, 2)), None);
    }

    #[test]
    fn what_has_expired_is_forgotten_and_erased() {
        let mut cancelled = Cancelled::default();
        assert!(known(&mut cancelled, key(1, 1)));
        cancelled.forget_old(NOW.plus(599));
        assert!(cancelled.has(&key(1, 1)));
        cancelled.forget_old(NOW.plus(600));
        assert!(!cancelled.has(&key(1, 1)));
        assert_eq!(cancelled.unsaved(10), [(key(1, 1), None)]);
        let old = Kept {
            until: NOW,
            known: true,
        };
        cancelled.restore(key(2, 2), old, NOW);
        assert!(!cancelled.has(&key(2, 2)));
        assert!(cancelled.unsaved(10).contains(&(key(2, 2), None)));
    }

    #[test]
    fn a_cancellation_is_tried_until_the_cluster_answers() {
        let mut cancelled = Cancelled::default();
        let it = key(1, 1);
        assert!(early(&mut cancelled, it));
        assert_eq!(cancelled.next(NOW), Some(it));
        assert_eq!(cancelled.next(NOW), None);
        cancelled.failed(&it, NOW);
        assert_eq!(cancelled.next(NOW), None);
        assert_eq!(cancelled.next(NOW.plus(1)), Some(it));
        // An object appears while it was asked for: that answer is too old.
        cancelled.again(&it, NOW.plus(1));
        cancelled.applied(&it);
        assert_eq!(cancelled.next(NOW.plus(1)), Some(it));
        cancelled.applied(&it);
        assert_eq!(cancelled.next(NOW.plus(99)), None);
        assert!(cancelled.has(&it));
    }
}
