//! Doing what was heard: a bounded number of workers takes orders and
//! cancellations out of the state that hearing puts them into. What fails goes
//! back with a time before which nobody tries it again, so it holds no worker.

use std::sync::Arc;
use std::time::Duration;

use job::Timestamp;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::clock::now;
use crate::cluster::{ClusterError, Created};
use crate::memory::Memory;
use crate::orders::Orders;
use crate::verdict::Refusal;
use crate::waiting::{Next, Placed, Put};

/// Orders written down at once.
const WRITERS: usize = 16;

/// Cancellations taken to the cluster at once, beside orders.
const CANCELLERS: usize = 4;

/// How often is looked for what has become due.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Changes of the memory in one patch: 40 kB.
const SAVED_AT_ONCE: usize = 256;

/// Longest wait between two tries to save.
const MAX_SAVE_WAIT: Duration = Duration::from_secs(15);

/// Shortest time between two hearings of everything: relays hold a lot.
const AGAIN_EVERY_SECS: u64 = 60;

/// Starts the workers.
pub(crate) fn start(orders: &Arc<Orders>, memory: Memory, tasks: &mut JoinSet<()>) {
    for _ in 0..WRITERS {
        tasks.spawn(write_orders(orders.clone()));
    }
    for _ in 0..CANCELLERS {
        tasks.spawn(cancel_orders(orders.clone()));
    }
    tasks.spawn(remember(orders.clone(), memory));
    tasks.spawn(hear_again(orders.clone()));
}

/// Waits until there may be something to do.
async fn something(orders: &Orders) {
    // Late is as good as told: what is due by time is nobody's news.
    drop(timeout(LOOK_EVERY, orders.work.notified()).await);
}

async fn write_orders(orders: Arc<Orders>) {
    loop {
        let next = orders.waiting().next(now());
        match next {
            Some(Next::Write(placed)) => write(&orders, &placed).await,
            Some(Next::Expired(placed)) => {
                tracing::info!(job = %placed.order.id(), "an order expired before it was created");
                orders.end_expired(&placed);
            }
            None => something(&orders).await,
        }
    }
}

async fn write(orders: &Orders, placed: &Placed) {
    let job = placed.order.id();
    let created = orders.cluster.create(&placed.order, placed.heard).await;
    let refused = match created {
        Ok(created) => {
            let text = match created {
                Created::Now => "created",
                Created::Before => "exists",
            };
            tracing::info!(%job, object = placed.order.object_name(), "{text}");
            orders.waiting().written(placed, now());
            // It may have been cancelled meanwhile.
            orders.work.notify_one();
            return;
        }
        Err(refused) => refused,
    };
    match refused.refusal() {
        Refusal::Never(never) => {
            tracing::warn!(%job, error = %refused, "the cluster does not take an order");
            if orders.waiting().never(placed) {
                orders.end_cancelled(placed);
            } else {
                orders.end(placed, never.ending(), never.text());
            }
        }
        Refusal::Later => {
            tracing::warn!(%job, error = %refused, "failed to create the job; trying again");
            let put = orders.waiting().later(placed, now());
            match put {
                Put::Waits => orders.say_it_waits(placed, &refused),
                Put::WaitsStill => {}
                Put::Cancelled => orders.end_cancelled(placed),
            }
        }
    }
}

async fn cancel_orders(orders: Arc<Orders>) {
    loop {
        let next = orders.waiting().cancelled.next(now());
        let Some((job, by)) = next else {
            something(&orders).await;
            continue;
        };
        let words = orders.waiting().cancelled.words(&(job, by));
        match orders.cluster.cancel(job, by, words.as_deref()).await {
            Ok(cancelled) => {
                if cancelled {
                    tracing::info!(%job, "cancelled by its customer");
                }
                orders.waiting().cancelled.applied(&(job, by));
            }
            Err(error) => {
                tracing::warn!(%job, %error, "failed to cancel; trying again");
                orders.waiting().cancelled.failed(&(job, by), now());
            }
        }
    }
}

/// Saves cancellations, so that they outlive this process.
async fn remember(orders: Arc<Orders>, memory: Memory) {
    let mut wait = LOOK_EVERY;
    loop {
        let changes = {
            let mut waiting = orders.waiting();
            waiting.cancelled.forget_old(now());
            waiting.cancelled.unsaved(SAVED_AT_ONCE)
        };
        if changes.is_empty() {
            tokio::time::sleep(LOOK_EVERY).await;
            continue;
        }
        match memory.save(&changes).await {
            Ok(()) => {
                orders.waiting().cancelled.saved(&changes);
                wait = LOOK_EVERY;
            }
            Err(error) => {
                let error = ClusterError::Api("save the cancellations", error);
                tracing::warn!(%error, ?wait, "cancellations are remembered in memory only");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(MAX_SAVE_WAIT);
            }
        }
    }
}

/// Asks relays for what found no place, when there is one.
async fn hear_again(orders: Arc<Orders>) {
    let mut last = Timestamp::from_secs(0);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if now().since(last) >= AGAIN_EVERY_SECS && orders.waiting().hear_again() {
            tracing::info!("there is room again for orders that found no place");
            last = now();
            orders.again.notify_waiters();
        }
    }
}
