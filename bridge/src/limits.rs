//! How often strangers are answered. An answer costs the provider a few relays'
//! time, and two programs that answer each other never end: so each message is
//! answered once, each key a few times an hour, and all of them a bounded number
//! of times.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use job::{JobId, PublicKey, Timestamp};

/// Answers to one key in an hour: somebody who tries the wrong way three times
/// has read the answer.
const TO_ONE: u32 = 3;

/// Answers to all keys in a minute.
const TO_ALL: u32 = 30;

/// A message is answered while its author may still listen.
const FRESH_SECS: u64 = 600;

/// Answered messages remembered: more than are answered while they are fresh.
const REMEMBERED: usize = 1_024;

/// Who was answered.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    minute: u64,
    in_minute: u32,
    hour: u64,
    in_hour: BTreeMap<PublicKey, u32>,
    answered: BTreeSet<JobId>,
    order: VecDeque<JobId>,
}

impl Limits {
    /// Whether to answer `message`, written at `written` by `author`; counts it.
    pub(crate) fn allow(
        &mut self,
        author: PublicKey,
        message: JobId,
        written: Timestamp,
        now: Timestamp,
    ) -> bool {
        let fresh = now.since(written) < FRESH_SECS && written <= now.plus(FRESH_SECS);
        if !fresh || self.answered.contains(&message) {
            return false;
        }
        let (minute, hour) = (now.as_secs() / 60, now.as_secs() / 3600);
        if minute != self.minute {
            (self.minute, self.in_minute) = (minute, 0);
        }
        if hour != self.hour {
            self.hour = hour;
            self.in_hour.clear();
        }
        let of_author = self.in_hour.get(&author).copied().unwrap_or_default();
        if self.in_minute >= TO_ALL || of_author >= TO_ONE {
            return false;
        }
        self.in_minute += 1;
        // At most an hour's answers: the map is bounded by them.
        self.in_hour.insert(author, of_author + 1);
        self.answered.insert(message);
        self.order.push_back(message);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.answered.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{FRESH_SECS, Limits, TO_ALL, TO_ONE};
    use job::{JobId, PublicKey, Timestamp};

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn ask(limits: &mut Limits, author: u8, message: u8, at: Timestamp) -> bool {
        let message = JobId::from_bytes([message; 32]);
        limits.allow(PublicKey::from_bytes([author; 32]), message, at, at)
    }

    #[test]
    fn a_message_is_answered_once() {
        let mut limits = Limits::default();
        assert!(ask(&mut limits, 1, 1, NOW));
        assert!(!ask(&mut limits, 1, 1, NOW.plus(1)));
        assert!(ask(&mut limits, 1, 2, NOW));
    }

    #[test]
    fn two_programs_that_answer_each_other_come_to_an_end() {
        let mut limits = Limits::default();
        let answers = (0..200).filter(|n| ask(&mut limits, 1, *n, NOW));
        assert_eq!(answers.count(), TO_ONE as usize);
        assert!(ask(&mut limits, 2, 201, NOW), "another one is answered");
        assert!(ask(&mut limits, 1, 202, NOW.plus(3600)), "an hour later");
    }

    #[test]
    fn many_keys_do_not_make_us_shout() {
        let mut limits = Limits::default();
        let answers = (0..200).filter(|n| ask(&mut limits, *n, *n, NOW));
        assert_eq!(answers.count(), TO_ALL as usize);
        assert!(ask(&mut limits, 201, 201, NOW.plus(60)));
    }

    #[test]
    fn what_is_old_or_from_the_future_is_not_answered() {
        let mut limits = Limits::default();
        let key = PublicKey::from_bytes([1; 32]);
        let message = JobId::from_bytes([1; 32]);
        for written in [NOW.minus(FRESH_SECS), NOW.plus(FRESH_SECS + 1)] {
            assert!(!limits.allow(key, message, written, NOW));
        }
        assert!(limits.allow(key, message, NOW.minus(FRESH_SECS - 1), NOW));
    }
}
