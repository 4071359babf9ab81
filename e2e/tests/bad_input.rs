//! Input that makes no sense is refused with a message that says what to do;
//! nothing is created, and nothing else suffers.

use std::time::Duration;

use anyhow::Context as _;
use dvm::feedback::Feedback;
use dvm::{Keys, Rumor, Unsigned, kind, sign, wrap};
use e2e::bare::{Ears, HandCustomer, now};
use e2e::commons::{commons, run};
use e2e::customer::Customer;
use e2e::provider::Provider;
use job::{Event, Offer, OfferId};
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};

const SOON: Duration = Duration::from_mins(1);

// --- by kubectl: the API server refuses ---

/// A changed example is refused by `kubectl apply`, which says `word`.
fn service_refused(from: &str, to: &str, word: &str) -> anyhow::Result<()> {
    run(async {
        let provider = commons().await?;
        let path = provider
            .world
            .root
            .join("target/examples/redact/service.yaml");
        let text = std::fs::read_to_string(path)?;
        assert!(text.contains(from), "the example has no {from}");
        let text = text
            .replace(from, to)
            .replace("name: redact", "name: refused");
        let applied = provider.apply_text(&text)?;
        assert!(!applied.status.success());
        let said = String::from_utf8_lossy(&applied.stderr).into_owned();
        assert!(said.contains(word), "{said}");
        assert!(provider.services().get_opt("refused").await?.is_none());
        Ok(())
    })
}

#[test]
fn a_tag_instead_of_a_digest() -> anyhow::Result<()> {
    let image = run(async { Ok(commons().await?.world.image("redact")?.to_owned()) })?;
    let (repository, _) = image.split_once('@').context("no digest")?;
    let word = "a tag can be moved after the customer looked";
    service_refused(&image, &format!("{repository}:latest"), word)
}

#[test]
fn an_image_that_was_not_built() -> anyhow::Result<()> {
    let image = run(async { Ok(commons().await?.world.image("redact")?.to_owned()) })?;
    let (repository, _) = image.split_once('@').context("no digest")?;
    let placeholder = format!("{repository}@sha256:{}", "0".repeat(64));
    service_refused(&image, &placeholder, "build it: make images")
}

#[test]
fn an_unknown_field() -> anyhow::Result<()> {
    service_refused("params:", "parms: []\n    params:", "unknown field")
}

#[test]
fn a_negative_timeout() -> anyhow::Result<()> {
    let word = "should be greater than or equal to 1";
    service_refused("timeoutSeconds: 900", "timeoutSeconds: -1", word)
}

// --- orders ---

/// An order event, whatever it says.
fn order(provider: &Provider, customer: &Keys, offer: OfferId, more: &[&[&str]]) -> Event {
    let text = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut relays = text(&["relays"]);
    relays.extend(provider.servers.relays.clone());
    let mut tags = vec![
        text(&["p", &provider.keys.public_key().to_string()]),
        text(&["challenge", &"c5".repeat(32)]),
        relays,
        text(&["expiration", &now().plus(600).as_secs().to_string()]),
        text(&["offer", &offer.to_string()]),
    ];
    tags.extend(more.iter().map(|words| text(words)));
    let unsigned = Unsigned {
        kind: 5998,
        created_at: now(),
        tags,
        content: String::new(),
    };
    sign(customer, unsigned)
}

fn object(event: &Event, name: &str) -> String {
    let request = dvm::event::to_json(event);
    format!(
        "apiVersion: cdvm.dev/v1alpha1\nkind: ConfidentialJob\nmetadata: {{ name: {name} }}\nspec: {{ request: {request} }}\n"
    )
}

fn name_of(event: &Event) -> String {
    event.id.object_name()
}

/// `kubectl apply` refuses an order's object, and says `word`.
async fn object_refused(event: &Event, word: &str) -> anyhow::Result<()> {
    let provider = commons().await?;
    let name = name_of(event);
    let applied = provider.apply_text(&object(event, &name))?;
    assert!(!applied.status.success());
    let said = String::from_utf8_lossy(&applied.stderr).into_owned();
    assert!(
        said.contains(word),
        "{}",
        said.chars().take(2000).collect::<String>()
    );
    assert!(provider.jobs().get_opt(&name).await?.is_none());
    Ok(())
}

/// An object that is applied ends as `Rejected`, says `word`, and starts nothing.
async fn object_rejected(
    event: &Event,
    name: &str,
    ending: &str,
    word: &str,
) -> anyhow::Result<()> {
    let provider = commons().await?;
    let applied = provider.apply_text(&object(event, name))?;
    assert!(applied.status.success(), "{applied:?}");
    let status = provider.ended(name, SOON).await?.status.unwrap();
    assert_eq!(status.phase.as_deref(), Some("Rejected"));
    assert_eq!(status.ending.as_deref(), Some(ending));
    let message = status.message.unwrap();
    assert!(message.contains(word), "{message}");
    assert!(provider.pods_created(name)?.is_empty());
    Ok(())
}

/// An order that is sent, sealed, is answered with an error that says `words`, and
/// no object is made of it.
async fn message_refused(event: &Event, customer: &Keys, words: &[&str]) -> anyhow::Result<()> {
    let provider = commons().await?;
    let mut ears = Ears::new(provider, customer).await?;
    let content = dvm::event::to_json(event);
    let tags = vec![
        vec!["e".to_owned(), event.id.to_string()],
        vec!["p".to_owned(), provider.keys.public_key().to_string()],
    ];
    let message = Unsigned {
        kind: kind::PRIVATE_ORDER,
        created_at: now(),
        tags,
        content,
    };
    let rumor = Rumor::new(customer.public_key(), message);
    let sealed = wrap(&rumor, customer, provider.keys.public_key(), now())?;
    ears.relays.publish(&sealed).await?;
    let answer = ears.hear(kind::FEEDBACK, SOON).await?;
    let feedback = Feedback::parse(&answer.tags, &answer.content, event.id)?;
    for word in words {
        assert!(feedback.text.contains(word), "{}", feedback.text);
    }
    assert!(provider.jobs().get_opt(&name_of(event)).await?.is_none());
    Ok(())
}

async fn redact() -> anyhow::Result<Offer> {
    commons().await?.offered("redact").await
}

#[test]
fn an_order_with_data_in_it() -> anyhow::Result<()> {
    run(async {
        let (provider, keys) = (commons().await?, Keys::generate());
        let data: &[&str] = &["i", "a secret", "text"];
        let event = order(provider, &keys, redact().await?.id, &[data]);
        object_refused(&event, "data are sent later, sealed to the machine").await?;
        message_refused(&event, &keys, &["Rejected/BadOrder", "sealed"]).await
    })
}

#[test]
fn an_order_of_two_megabytes() -> anyhow::Result<()> {
    run(async {
        let (provider, keys) = (commons().await?, Keys::generate());
        // So large a request is not even read, and a smaller one is too large still.
        for (bytes, word) in [
            (2 * 1024 * 1024, "Request entity too large"),
            (50_000, "Too long: may not be more than 6144"),
        ] {
            let large = "x".repeat(bytes);
            let param: &[&str] = &["param", "summary", &large];
            let event = order(provider, &keys, redact().await?.id, &[param]);
            object_refused(&event, word).await?;
        }
        // The customer's own command would not sign it.
        let customer = Customer::new(provider, "large")?;
        let param = format!("summary={}", "x".repeat(100_000));
        let said = customer
            .cdvm(&["request", "redact", "--param", &param])
            .await?;
        assert_eq!(said.code, 2, "{}", said.stderr);
        assert!(
            !customer.state().exists() || std::fs::read_dir(customer.state())?.next().is_none()
        );
        Ok(())
    })
}

/// An order like any other, but the API server takes no more than 80 tags: it is
/// not tried for ever, and its customer is told.
#[test]
fn an_order_that_the_cluster_will_never_take() -> anyhow::Result<()> {
    run(async {
        let (provider, keys) = (commons().await?, Keys::generate());
        let names: Vec<String> = (0..80).map(|n| format!("p{n}")).collect();
        let params: Vec<[&str; 3]> = names.iter().map(|name| ["param", name, "1"]).collect();
        let params: Vec<&[&str]> = params.iter().map(|param| &param[..]).collect();
        let event = order(provider, &keys, redact().await?.id, &params);
        let words = ["Rejected/BadOrder", "does not take an order of this form"];
        message_refused(&event, &keys, &words).await
    })
}

#[test]
fn an_order_for_no_offer() -> anyhow::Result<()> {
    run(async {
        let (provider, keys) = (commons().await?, Keys::generate());
        let event = order(provider, &keys, OfferId::from_bytes([7; 32]), &[]);
        let name = name_of(&event);
        object_rejected(&event, &name, "NoSuchOffer", "see `cdvm offers`").await?;
        let keys = Keys::generate();
        let event = order(provider, &keys, OfferId::from_bytes([7; 32]), &[]);
        message_refused(&event, &keys, &["Rejected/NoSuchOffer", "cdvm offers"]).await
    })
}

/// The provider changed the service; the customer read the old offer.
#[test]
fn an_order_for_a_stale_offer() -> anyhow::Result<()> {
    run(async {
        let (provider, keys) = (commons().await?, Keys::generate());
        provider
            .apply(&provider.probe("changing", &["sleep", "1"])?)
            .await?;
        let stale = provider.offered("changing").await?;
        let services = provider.services();
        let patch = serde_json::json!({"spec": {"about": "something else"}});
        let patch = Patch::Merge(patch);
        services
            .patch("changing", &PatchParams::default(), &patch)
            .await?;
        let look = || async { Ok(provider.offered("changing").await?.id) };
        let new = |id: &OfferId| *id != stale.id;
        let current = e2e::wait::until("the new offer", SOON, look, new).await?;
        let current = current.to_string();
        let event = order(provider, &keys, stale.id, &[]);
        message_refused(&event, &keys, &["Rejected/OfferChanged", &current]).await?;
        let event = order(provider, &Keys::generate(), stale.id, &[]);
        object_rejected(&event, &name_of(&event), "OfferChanged", &current).await
    })
}

#[test]
fn an_order_with_a_wrong_signature() -> anyhow::Result<()> {
    run(async {
        let (provider, keys) = (commons().await?, Keys::generate());
        let mut event = order(provider, &keys, redact().await?.id, &[]);
        event.sig = event.sig.replace(|_: char| true, "0");
        object_rejected(&event, &name_of(&event), "BadOrder", "signature").await?;
        let keys = Keys::generate();
        let mut event = order(provider, &keys, redact().await?.id, &[]);
        event.sig = event.sig.replace(|_: char| true, "0");
        message_refused(&event, &keys, &["Rejected/BadOrder", "signature"]).await
    })
}

#[test]
fn an_object_with_another_name() -> anyhow::Result<()> {
    run(async {
        let (provider, keys) = (commons().await?, Keys::generate());
        let event = order(provider, &keys, redact().await?.id, &[]);
        object_rejected(&event, "my-job", "NameMismatch", &name_of(&event)).await
    })
}

/// What it names and what it says cannot be changed once it is there.
#[test]
fn an_order_that_is_changed() -> anyhow::Result<()> {
    run(async {
        let provider = commons().await?;
        let customer = HandCustomer::new(provider, &redact().await?).await?;
        customer.send_order(provider).await?;
        let jobs = provider.jobs();
        let name = customer.order.object_name();
        let look = || async { Ok(jobs.get_opt(&name).await?) };
        let job = e2e::wait::until("the job", SOON, look, Option::is_some).await?;
        assert_eq!(job.unwrap().name_any(), name);
        let patch = serde_json::json!({"spec": {"request": {"created_at": 1}}});
        let changed = jobs
            .patch(&name, &PatchParams::default(), &Patch::Merge(patch))
            .await;
        let error = changed.unwrap_err().to_string();
        assert!(error.contains("an order cannot be changed"), "{error}");
        let cancel = serde_json::json!({"spec": {"cancel": true}});
        jobs.patch(&name, &PatchParams::default(), &Patch::Merge(cancel))
            .await?;
        provider.ended(&name, SOON).await?;
        Ok(())
    })
}
