//! Waiting for a condition with a deadline; what was seen last is in the error.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, sleep};

/// How often a condition is looked at.
const EVERY: Duration = Duration::from_millis(100);

/// Looks until `holds`, at most for `limit`; the value for which it held.
pub async fn until<T: Debug, F: Future<Output = anyhow::Result<T>>>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> F,
    holds: impl Fn(&T) -> bool,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        let seen = look().await;
        match seen {
            Ok(value) if holds(&value) => return Ok(value),
            seen if Instant::now() > deadline => {
                bail!("{what} did not happen within {limit:?}; last seen: {seen:#?}")
            }
            _ => sleep(EVERY).await,
        }
    }
}
