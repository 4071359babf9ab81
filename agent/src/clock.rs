//! The guest's clock. The host sets it: it is used for courtesy (when to give
//! up, what to write into a message), never for a decision about trust.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use job::Timestamp;

/// The time, as far as anybody here knows.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::from_secs(since.map_or(0, |since| since.as_secs()))
}

/// How long it is until `then`; zero when it is over.
pub(crate) fn until(then: Timestamp) -> Duration {
    Duration::from_secs(then.since(now()))
}
