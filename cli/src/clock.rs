//! The two clocks: the wall's for what is signed and verified, and the time
//! since the start for what people watch.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use job::Timestamp;
use tokio::time::Instant;

/// Now.
pub(crate) fn now() -> Timestamp {
    // A clock before 1970 makes every certificate invalid: refused, not accepted.
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::from_secs(since.unwrap_or_default().as_secs())
}

/// When a wait ends: after `timeout` seconds if given, and otherwise when the
/// order expires, after which nobody answers it. What relays hold already comes
/// within seconds, also later.
pub(crate) fn deadline(timeout: Option<u64>, expiration: Timestamp) -> Instant {
    // A day more than any order lives keeps the sum within any clock.
    const LONGEST_SECS: u64 = 366 * 86_400;
    const LEAST_SECS: u64 = 10;
    let seconds = timeout.unwrap_or_else(|| expiration.since(now()).max(LEAST_SECS));
    Instant::now() + Duration::from_secs(seconds.min(LONGEST_SECS))
}
