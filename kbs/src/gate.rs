//! How many refusals the log takes: anybody can be refused, and a disk is finite.

use std::sync::{Mutex, PoisonError};

use job::Timestamp;

/// Refusals that are logged at once, and then in an hour: more than an owner reads, and
/// some 10 MB a day at most.
const MOST: u64 = 600;
const WINDOW_SECS: u64 = 3600;

/// Lets so many through, and counts the rest.
pub(crate) struct Gate(Mutex<State>);

struct State {
    since: Timestamp,
    passed: u64,
    stopped: u64,
}

impl Gate {
    /// Nothing passed yet.
    pub(crate) const fn new(now: Timestamp) -> Self {
        Self(Mutex::new(State {
            since: now,
            passed: 0,
            stopped: 0,
        }))
    }

    /// Whether one more passes: then how many did not since the last that did.
    pub(crate) fn pass(&self, now: Timestamp) -> Option<u64> {
        // A poisoned lock holds numbers, each of which is whole.
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(state.since) >= WINDOW_SECS {
            state.since = now;
            state.passed = 0;
        }
        if state.passed >= MOST {
            state.stopped += 1;
            return None;
        }
        state.passed += 1;
        Some(core::mem::take(&mut state.stopped))
    }
}

#[cfg(test)]
mod tests {
    use job::Timestamp;

    use super::{Gate, MOST, WINDOW_SECS};

    #[test]
    fn what_does_not_pass_is_counted_and_told_with_the_next() {
        let now = Timestamp::from_secs(1_790_000_000);
        let gate = Gate::new(now);
        for _ in 0..MOST {
            assert_eq!(gate.pass(now), Some(0));
        }
        for _ in 0..3 {
            assert_eq!(gate.pass(now.plus(WINDOW_SECS - 1)), None);
        }
        assert_eq!(gate.pass(now.plus(WINDOW_SECS)), Some(3));
        assert_eq!(gate.pass(now.plus(WINDOW_SECS)), Some(0));
    }
}
