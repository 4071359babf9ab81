//! Hearing: sealed messages to the provider's key, and public orders that name
//! it. Each message becomes what it asks for; what it is not, is dropped.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use dvm::cancel::Cancellation;
use dvm::order::{open_private_order, order_from_event};
use dvm::{Keys, kind, open};
use job::Event;
use kube::Client;
use relay::{Book, Filter, Relays};
use tokio::sync::Semaphore;

use crate::cluster::Cluster;
use crate::orders::{Heard, Orders};
use crate::settings::Settings;

/// How often the kinds of public orders are compared with the services.
const KINDS_EVERY: Duration = Duration::from_secs(15);

/// Orders worked on at the same time; more wait in the inbox.
const AT_ONCE: usize = 32;

/// Hears until told to stop.
///
/// # Errors
/// When something needed from the start is missing.
pub(crate) async fn run(settings: Settings) -> anyhow::Result<()> {
    let key = std::fs::read_to_string(&settings.key_file)
        .with_context(|| format!("failed to read {}", settings.key_file.display()))?;
    let keys: Keys = key.parse().context("failed to read the provider's key")?;
    let client = Client::try_default()
        .await
        .context("failed to find the Kubernetes API server")?;
    let book = Book::connect(keys.clone(), &settings.relays, settings.plain())
        .await
        .context("failed to use the provider's relays")?;
    let cluster = Cluster::watch(client, &settings.namespace);
    // An order judged before the services are known would be refused wrongly.
    cluster
        .ready()
        .await
        .context("failed to list the services")?;
    let relays = book.own().clone();
    let orders = Arc::new(Orders::new(book, cluster, settings.plain()));
    tracing::info!(provider = %keys.public_key(), namespace = settings.namespace, "started");
    tokio::select! {
        () = sealed(&relays, &keys, orders.clone()) => {}
        () = public(&relays, &keys, orders.clone()) => {}
        () = told_to_stop() => {}
    }
    Ok(())
}

/// Gift wraps: private orders and cancellations.
async fn sealed(relays: &Relays, keys: &Keys, orders: Arc<Orders>) {
    let mut inbox = relays.inbox(Filter::sealed_to(keys.public_key())).await;
    let at_once = Arc::new(Semaphore::new(AT_ONCE));
    while let Some(event) = inbox.next().await {
        let (orders, keys) = (orders.clone(), keys.clone());
        let Ok(permit) = at_once.clone().acquire_owned().await else {
            return;
        };
        tokio::spawn(async move {
            hear_sealed(&event, &keys, &orders).await;
            drop(permit);
        });
    }
}

async fn hear_sealed(event: &Event, keys: &Keys, orders: &Orders) {
    let rumor = match open(event, keys) {
        Ok(rumor) => rumor,
        Err(error) => {
            tracing::debug!(%error, "dropped a gift wrap");
            return;
        }
    };
    match rumor.kind {
        kind::PRIVATE_ORDER => match open_private_order(&rumor) {
            Ok(order) => orders.place(order, Heard::Privately).await,
            Err(error) => orders.refuse_unreadable(&rumor, &error).await,
        },
        kind::DELETION => cancel(Cancellation::from_rumor(&rumor), orders).await,
        // Evidence and notes are the operator's.
        _ => {}
    }
}

/// Public orders and cancellations that name the provider.
async fn public(relays: &Relays, keys: &Keys, orders: Arc<Orders>) {
    loop {
        let kinds = orders.kinds();
        let filter = Filter {
            kinds: kinds.iter().copied().chain([kind::DELETION]).collect(),
            recipients: vec![keys.public_key()],
            ..Filter::default()
        };
        let mut inbox = relays.inbox(filter).await;
        tokio::select! {
            () = kinds_change(&orders, &kinds) => {}
            () = async {
                while let Some(event) = inbox.next().await {
                    hear_public(event, &orders).await;
                }
            } => return,
        }
    }
}

async fn hear_public(event: Event, orders: &Orders) {
    if event.kind == kind::DELETION {
        cancel(Cancellation::from_event(&event), orders).await;
        return;
    }
    match order_from_event(event) {
        Ok(order) => orders.place(order, Heard::Publicly).await,
        Err(error) => tracing::info!(%error, "dropped a public request that is no order"),
    }
}

async fn cancel(cancellations: Vec<Cancellation>, orders: &Orders) {
    for cancellation in cancellations {
        orders.cancel(cancellation).await;
    }
}

async fn kinds_change(orders: &Orders, now: &BTreeSet<u16>) {
    while orders.kinds() == *now {
        tokio::time::sleep(KINDS_EVERY).await;
    }
}

/// SIGTERM, or Ctrl-C by hand.
async fn told_to_stop() {
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
