//! Going. A restart changes nothing for jobs, so this process then just ends; when its
//! namespace is being deleted nobody comes after it, and it ends what runs and tells the
//! customers with the rights and the time it still has.

use std::sync::Arc;
use std::time::Duration;

use crds::ConfidentialJob;
use job::Removal;
use kube::runtime::reflector::Store;
use tokio::time::{Instant, sleep};

use crate::clock::now;
use crate::context::Context;
use crate::left::left;
use crate::{services, validate};

/// Time for that: the kubelet kills the pod 30 s after SIGTERM
/// (`terminationGracePeriodSeconds` in the chart).
const LIMIT: Duration = Duration::from_secs(22);

/// Time for farewells that have begun, when another process comes after this one.
const FAREWELLS: Duration = Duration::from_secs(8);

/// How often is looked at what is left.
const EVERY: Duration = Duration::from_millis(200);

/// Waits until told to stop, and until this process may go.
pub(crate) async fn until_it_may_go(context: Arc<Context>, jobs: Store<ConfidentialJob>) {
    told_to_stop().await;
    if !context.namespace_ends().await {
        let deadline = Instant::now() + FAREWELLS;
        while context.farewells() > 0 && Instant::now() < deadline {
            sleep(EVERY).await;
        }
        return;
    }
    tracing::info!("the namespace is being deleted: ending every job");
    context.remove(Removal::Now);
    let deadline = Instant::now() + LIMIT;
    let jobs = async {
        while is_anything_left(&context, &jobs) && Instant::now() < deadline {
            sleep(EVERY).await;
        }
    };
    let offers = tokio::time::timeout(LIMIT, services::say_goodbye(&context));
    let _ = tokio::join!(jobs, offers);
}

fn is_anything_left(context: &Context, jobs: &Store<ConfidentialJob>) -> bool {
    let provider = context.relays.keys().public_key();
    let jobs = jobs.state();
    let mut jobs = jobs.iter();
    let left = |job: &Arc<ConfidentialJob>| left(job, validate::whose(job, provider), now());
    context.farewells() > 0 || jobs.any(|job| left(job).is_some())
}

/// SIGTERM, or Ctrl-C by hand.
pub(crate) async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signals) => {
            tokio::select! {
                _ = signals.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}
