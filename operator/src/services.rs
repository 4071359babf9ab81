//! Services become offers: each spec is recorded as one offer, and the offer is
//! published until a quorum of relays has it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crds::{ConfidentialService, ConfidentialServiceStatus, Offered};
use dvm::offer::{Shown, sign_offer};
use dvm::{Unsigned, kind, sign};
use futures_util::StreamExt as _;
use job::{Event, OfferContent, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::PostParams;
use kube::runtime::controller::{Action, Controller};
use kube::{Api, ResourceExt as _};
use tokio::sync::watch;

use crate::clock::now;
use crate::context::Context;
use crate::status::{from_time, to_time};

/// Offers remembered, so that late orders are told the current one.
const MAX_PREVIOUS: usize = 16;

/// How often an offer is published again: relays forget.
const REPUBLISH: Duration = Duration::from_hours(1);

/// How often it is looked for services that are gone.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Why a round failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The API server.
    #[error("failed to {0}")]
    Cluster(&'static str, #[source] kube::Error),
    /// The relays.
    #[error("failed to publish the offer")]
    Publish(#[source] relay::PublishError),
}

/// Runs the controller of services until told to stop.
pub(crate) async fn run(
    controller: Controller<ConfidentialService>,
    context: Arc<Context>,
    mut stopped: watch::Receiver<bool>,
) {
    let watching = context.clone();
    let courtesy = tokio::spawn(async move { withdraw_gone(&watching).await });
    controller
        .graceful_shutdown_on(async move {
            drop(stopped.wait_for(|stopped| *stopped).await);
        })
        .run(
            reconcile,
            |service, error, context| context.retry(&service.name_any(), error),
            context,
        )
        .for_each(|_| async {})
        .await;
    courtesy.abort();
}

async fn reconcile(
    object: Arc<ConfidentialService>,
    context: Arc<Context>,
) -> Result<Action, Error> {
    let object = Arc::unwrap_or_clone(object);
    let name = object.name_any();
    if object.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let action = offer(&context, object).await?;
    context.succeeded(&name);
    Ok(action)
}

/// Records the offer of this spec, then publishes it.
async fn offer(context: &Context, object: ConfidentialService) -> Result<Action, Error> {
    let content = match object
        .offer_content()
        .and_then(|content| usable(context, content))
    {
        Ok(content) => content,
        Err(message) => {
            // Waits for a change of the spec; orders find no offer meanwhile.
            let invalid = condition(
                "Valid",
                false,
                "BadTerms",
                &message,
                object.metadata.generation,
            );
            let mut status = object.status.clone().unwrap_or_default();
            status.offer = None;
            write(context, object, status, vec![invalid]).await?;
            return Ok(Action::await_change());
        }
    };
    let generation = object.metadata.generation;
    let mut status = object.status.clone().unwrap_or_default();
    let event = event(context, &object, &content, &mut status);
    let valid = condition("Valid", true, "TermsMakeSense", "", generation);
    let object = write(context, object, status.clone(), vec![valid.clone()]).await?;
    let published = context.relays.own().publish(&event).await;
    let offered = match &published {
        Ok(_) => condition("Offered", true, "RelaysAccepted", "", generation),
        Err(error) => condition("Offered", false, "NoQuorum", &error.to_string(), generation),
    };
    write(context, object, status, vec![valid, offered]).await?;
    published.map_err(Error::Publish)?;
    Ok(Action::requeue(REPUBLISH))
}

/// Terms the provider's own settings allow.
fn usable(context: &Context, content: OfferContent) -> Result<OfferContent, String> {
    for server in &content.cdvm.blob_servers {
        let plain = context.settings.plain();
        plain.blob(server).map_err(|error| error.to_string())?;
    }
    Ok(content)
}

/// The signed offer. The recorded one when it says the same; else a new one,
/// recorded in `status` before anybody sees it.
fn event(
    context: &Context,
    object: &ConfidentialService,
    content: &OfferContent,
    status: &mut ConfidentialServiceStatus,
) -> Event {
    let keys = context.relays.keys();
    // The schema bounds it to 5000 to 5999.
    let kind = u16::try_from(object.spec.kind).unwrap_or_default();
    let shown = Shown {
        picture: object.spec.picture.as_deref(),
        topics: &object.spec.topics,
    };
    let sign = |at| sign_offer(keys, &object.name_any(), kind, content, &shown, at);
    let generation = object.metadata.generation.unwrap_or_default();
    if let Some(recorded) = &mut status.offer {
        let event = sign(from_time(&recorded.recorded_at));
        if event.id.to_string() == recorded.id {
            recorded.generation = generation;
            return event;
        }
        status.previous_offers.insert(0, recorded.id.clone());
        status.previous_offers.truncate(MAX_PREVIOUS);
    }
    let at = newer(status, now());
    let event = sign(at);
    status.offer = Some(Offered {
        id: event.id.to_string(),
        recorded_at: to_time(at),
        generation,
    });
    event
}

/// Relays keep the newest event of a name: a new offer is never as old as the one
/// before, whatever the clock says.
fn newer(status: &ConfidentialServiceStatus, now: Timestamp) -> Timestamp {
    let before = status
        .offer
        .as_ref()
        .map(|offer| from_time(&offer.recorded_at));
    before.map_or(now, |before| now.max(before.plus(1)))
}

/// Tells relays that offers end (NIP-09) when their services are gone. A courtesy:
/// orders for them are refused anyway, so it holds up no deletion and is not made
/// up for after a restart.
async fn withdraw_gone(context: &Context) {
    let mut offered = BTreeSet::new();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let services = context.services.state();
        let now_offered: BTreeSet<String> = services
            .iter()
            .filter(|service| service.status.as_ref().is_some_and(|s| s.offer.is_some()))
            .map(|service| service.name_any())
            .collect();
        for name in offered.difference(&now_offered) {
            let published = context.relays.own().publish(&goodbye(context, name)).await;
            if let Err(error) = published {
                tracing::warn!(name, %error, "relays did not hear that the offer ends");
            }
        }
        offered = now_offered;
    }
}

/// Tells relays that every offer ends, because the provider goes; the services they did
/// not hear it of.
pub(crate) async fn say_goodbye(context: &Context) -> Vec<String> {
    let mut unheard = Vec::new();
    for service in context.services.state() {
        let offered = service.status.as_ref().is_some_and(|s| s.offer.is_some());
        let name = service.name_any();
        if offered && let Err(error) = context.relays.own().publish(&goodbye(context, &name)).await
        {
            tracing::warn!(name, %error, "relays did not hear that the offer ends");
            unheard.push(name);
        }
    }
    unheard
}

/// Notes that an offer has ended, so that a provider who comes back makes a new one:
/// relays never show again what was taken back.
pub(crate) async fn forget_offer(
    context: &Context,
    object: ConfidentialService,
) -> Result<(), Error> {
    let mut status = object.status.clone().unwrap_or_default();
    let Some(offer) = status.offer.take() else {
        return Ok(());
    };
    status.previous_offers.insert(0, offer.id);
    status.previous_offers.truncate(MAX_PREVIOUS);
    let generation = object.metadata.generation;
    let withdrawn = condition("Offered", false, "Withdrawn", "", generation);
    write(context, object, status, vec![withdrawn])
        .await
        .map(drop)
}

fn goodbye(context: &Context, service: &str) -> Event {
    let keys = context.relays.keys();
    let coordinate = format!("{}:{}:{service}", kind::OFFER, keys.public_key());
    let message = Unsigned {
        kind: kind::DELETION,
        created_at: now(),
        tags: vec![
            vec!["a".to_owned(), coordinate],
            vec!["k".to_owned(), kind::OFFER.to_string()],
        ],
        content: String::new(),
    };
    sign(keys, message)
}

/// Writes the status when it differs from what is there.
async fn write(
    context: &Context,
    mut object: ConfidentialService,
    mut status: ConfidentialServiceStatus,
    conditions: Vec<Condition>,
) -> Result<ConfidentialService, Error> {
    let old = object.status.clone().unwrap_or_default();
    status.observed_generation = object.metadata.generation;
    for condition in conditions {
        let before = old.conditions.iter().find(|c| c.type_ == condition.type_);
        let condition = match before {
            Some(before) if same(before, &condition) => before.clone(),
            _ => condition,
        };
        status.conditions.retain(|c| c.type_ != condition.type_);
        status.conditions.push(condition);
    }
    status.conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    if object.status.as_ref() == Some(&status) {
        return Ok(object);
    }
    object.status = Some(status);
    api(context)
        .replace_status(&object.name_any(), &PostParams::default(), &object)
        .await
        .map_err(|error| Error::Cluster("write the status", error))
}

fn same(a: &Condition, b: &Condition) -> bool {
    a.status == b.status && a.reason == b.reason && a.observed_generation == b.observed_generation
}

fn condition(
    kind: &str,
    holds: bool,
    reason: &str,
    message: &str,
    generation: Option<i64>,
) -> Condition {
    Condition {
        type_: kind.to_owned(),
        status: if holds { "True" } else { "False" }.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        last_transition_time: to_time(now()),
        observed_generation: generation,
    }
}

fn api(context: &Context) -> Api<ConfidentialService> {
    Api::namespaced(context.client.clone(), &context.settings.namespace)
}
