//! Hearing: sealed messages to the provider's key, and public ones that name it.
//! Each is noted down at once or answered; hearing never waits for doing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use dvm::cancel::{Cancellation, MAX_WORD};
use dvm::event::to_json;
use dvm::order::{open_private_order, order_from_event};
use dvm::{Keys, kind, open};
use job::Event;
use kube::Client;
use relay::{Book, Filter, Relays};
use tokio::task::JoinSet;

use crate::clock::now;
use crate::cluster::Cluster;
use crate::memory::Memory;
use crate::orders::Orders;
use crate::settings::Settings;
use crate::tell::Teller;
use crate::waiting::Heard;
use crate::work;

/// How often the kinds of public orders are compared with the services.
const KINDS_EVERY: Duration = Duration::from_secs(15);

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
    let memory = Memory::new(client.clone(), &settings.namespace, &settings.memory);
    let remembered = memory
        .load()
        .await
        .context("failed to read the remembered cancellations")?;
    let cluster = Cluster::watch(client, &settings.namespace);
    // An order judged before the services are known would be refused wrongly.
    cluster
        .ready()
        .await
        .context("failed to list the services")?;
    let (relays, plain) = (book.own().clone(), settings.plain());
    let mut tasks = JoinSet::new();
    let teller = Teller::start(&book, plain, &mut tasks);
    let orders = Orders::new(keys.clone(), relays.urls(), plain, cluster, teller);
    for (key, kept) in remembered {
        orders.waiting().cancelled.restore(key, kept, now());
    }
    let orders = Arc::new(orders);
    work::start(&orders, memory, &mut tasks);
    tracing::info!(provider = %keys.public_key(), namespace = settings.namespace, "started");
    tokio::select! {
        () = sealed(&relays, &keys, &orders) => {}
        () = public(&relays, &keys, &orders) => {}
        () = told_to_stop() => {}
        // They never end; one that does has a defect, and a new process has none.
        ended = tasks.join_next() => anyhow::bail!("a worker ended: {ended:?}"),
    }
    Ok(())
}

/// Gift wraps: private orders, cancellations and direct messages.
async fn sealed(relays: &Relays, keys: &Keys, orders: &Orders) {
    loop {
        let again = orders.again.notified();
        let mut inbox = relays.inbox(Filter::sealed_to(keys.public_key())).await;
        tokio::select! {
            () = again => {}
            () = async {
                while let Some(event) = inbox.next().await {
                    hear_sealed(&event, keys, orders);
                }
            } => return,
        }
    }
}

fn hear_sealed(event: &Event, keys: &Keys, orders: &Orders) {
    let rumor = match open(event, keys) {
        Ok(rumor) => rumor,
        Err(error) => {
            tracing::debug!(%error, "dropped a gift wrap");
            return;
        }
    };
    match rumor.kind {
        kind::PRIVATE_ORDER => match open_private_order(&rumor) {
            Ok(order) => orders.place(order, Heard::Privately),
            Err(error) => orders.refuse_unreadable(&rumor, &error),
        },
        kind::DELETION => cancel(event, Cancellation::from_rumor(&rumor), orders),
        kind::CHAT | 5000..=5999 => orders.answer_sealed(&rumor),
        // Evidence and notes are the operator's; results and feedback of others
        // are answers, and an answer is not answered.
        _ => {}
    }
}

/// Public orders, cancellations, requests and old direct messages that name the
/// provider.
async fn public(relays: &Relays, keys: &Keys, orders: &Orders) {
    loop {
        let kinds = orders.kinds();
        let others = [kind::DELETION, kind::OLD_CHAT];
        let filter = Filter {
            kinds: kinds.iter().copied().chain(others).collect(),
            recipients: vec![keys.public_key()],
            ..Filter::default()
        };
        let again = orders.again.notified();
        let mut inbox = relays.inbox(filter).await;
        tokio::select! {
            () = again => {}
            () = kinds_change(orders, &kinds) => {}
            () = async {
                while let Some(event) = inbox.next().await {
                    hear_public(&event, orders);
                }
            } => return,
        }
    }
}

fn hear_public(event: &Event, orders: &Orders) {
    match event.kind {
        kind::DELETION => cancel(event, Cancellation::from_event(event), orders),
        kind::OLD_CHAT => orders.answer_old_message(event),
        _ => match order_from_event(event.clone()) {
            Ok(order) => orders.place(order, Heard::Publicly),
            Err(error) => orders.answer_request(event, &error),
        },
    }
}

/// Cancels what a signed event says, and keeps that event for the objects: the operator
/// reads in it that it was the customer.
fn cancel(event: &Event, cancellations: Vec<Cancellation>, orders: &Orders) {
    let words: Arc<str> = to_json(event).into();
    let words = (words.len() <= MAX_WORD).then_some(&words);
    for cancellation in cancellations {
        orders.cancel(cancellation, words);
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
