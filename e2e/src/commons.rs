//! One runtime for all scenarios, and one provider for those that change nothing
//! about it.

use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use crate::provider::Provider;

/// Runs a scenario. The runtime outlives it: relays of the commons live on it.
pub fn run<T>(scenario: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| Runtime::new().expect("a runtime starts"));
    runtime.block_on(scenario)
}

/// The provider that scenarios share. Each uses keys and orders of its own.
pub async fn commons() -> anyhow::Result<&'static Provider> {
    static COMMONS: OnceCell<Provider> = OnceCell::const_new();
    COMMONS.get_or_try_init(|| Provider::start("commons")).await
}
