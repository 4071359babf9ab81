//! The bridge while the cluster takes no jobs, and with those who speak to the
//! provider as to any other.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use dvm::cancel::Cancellation;
use dvm::feedback::{Feedback, Status};
use dvm::{Keys, Rumor, Unsigned, kind, sign, wrap};
use e2e::bare::{Ears, HandCustomer, now};
use e2e::commons::{commons, run};
use e2e::provider::Provider;
use e2e::wait::until;
use job::{Event, JobId};
use k8s_openapi::api::core::v1::{ConfigMap, ResourceQuota};
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};
use relay::{Filter, Plain, Relays};
use serde_json::json;

const SOON: Duration = Duration::from_mins(1);

/// The quota that takes no job.
const NO_JOBS: &str = "no-jobs";

/// The next feedback about the customer's order.
async fn told(customer: &mut HandCustomer) -> anyhow::Result<Feedback> {
    let rumor = customer.ears.hear(kind::FEEDBACK, SOON).await?;
    let job = customer.order.id();
    Ok(Feedback::parse(&rumor.tags, &rumor.content, job)?)
}

async fn cancel(provider: &Provider, customer: &HandCustomer) -> anyhow::Result<()> {
    let rumor = Cancellation::to_rumor(&customer.order, now());
    let reader = provider.keys.public_key();
    let event = wrap(&rumor, &customer.keys, reader, now())?;
    customer.ears.relays.publish(&event).await?;
    Ok(())
}

/// More orders than the bridge works on at once meet a quota. All are told that
/// they wait; what is cancelled is told so, and never runs: not after a restart of
/// the bridge, and not when the quota is gone.
#[test]
fn a_full_quota_holds_up_nothing_and_cancelled_orders_never_run() -> anyhow::Result<()> {
    run(async {
        let provider = Provider::start("bridge").await?;
        let offer = provider.offered("redact").await?;
        let quotas: Api<ResourceQuota> =
            Api::namespaced(provider.client.clone(), &provider.namespace);
        let quota = json!({
            "metadata": {"name": NO_JOBS},
            "spec": {"hard": {"count/confidentialjobs.cdvm.dev": "0"}},
        });
        let quota: ResourceQuota = serde_json::from_value(quota)?;
        quotas.create(&PostParams::default(), &quota).await?;
        let look = || async { Ok(quotas.get(NO_JOBS).await?) };
        let counted = |quota: &ResourceQuota| {
            let status = quota.status.as_ref();
            status.is_some_and(|status| status.hard.is_some())
        };
        until("the quota", SOON, look, counted).await?;

        // One that was never heard is cancelled first.
        let mut early = HandCustomer::new(&provider, &offer).await?;
        cancel(&provider, &early).await?;

        let mut customers = Vec::new();
        for _ in 0..40 {
            let customer = HandCustomer::new(&provider, &offer).await?;
            customer.send_order(&provider).await?;
            customers.push(customer);
        }
        for customer in &mut customers {
            let waits = told(customer).await?;
            assert_eq!(waits.status, Status::Processing, "{waits:?}");
            assert!(waits.text.contains("waiting for room"), "{waits:?}");
        }
        let mut kept = customers.pop().context("there are 40")?;
        for customer in &mut customers {
            cancel(&provider, customer).await?;
            let over = told(customer).await?;
            assert_eq!(over.status, Status::Error);
            assert!(over.text.contains("Cancelled/"), "{over:?}");
        }

        let memory: Api<ConfigMap> = Api::namespaced(provider.client.clone(), &provider.namespace);
        let look = || async { Ok(memory.get("cdvm-cancelled").await?.data.unwrap_or_default()) };
        let all = |data: &BTreeMap<String, String>| data.len() == 40;
        until("the memory of cancellations", SOON, look, all).await?;
        let before = provider.pods_of("bridge").await?;
        provider.kill("bridge").await?;
        let look = || async { provider.pods_of("bridge").await };
        let another = |uids: &Vec<String>| uids.iter().any(|uid| !before.contains(uid));
        until("another bridge", SOON, look, another).await?;
        quotas.delete(NO_JOBS, &DeleteParams::default()).await?;

        // The one that was not cancelled runs; the early one is refused on sight.
        let machine = kept.accept(&provider.world, SOON).await?;
        early.send_order(&provider).await?;
        let over = told(&mut early).await?;
        assert!(over.text.contains("Cancelled/"), "{over:?}");
        for customer in &customers {
            customer.send_order(&provider).await?;
        }
        let last = customers.last_mut().context("there are 39")?;
        assert!(told(last).await?.text.contains("Cancelled/"));
        kept.send(machine.key(), b"a@example.org").await?;
        assert_eq!(kept.receive(SOON).await?, b"[e-mail]");
        let jobs = provider.jobs().list(&ListParams::default()).await?.items;
        let names = jobs.iter().filter_map(|job| job.metadata.name.clone());
        assert_eq!(names.collect::<Vec<_>>(), [kept.order.object_name()]);
        Ok(())
    })
}

/// Somebody puts another order under the name of one that is to come. That one is
/// told that something is in its way, and runs once it is gone.
#[test]
fn a_strangers_object_under_an_orders_name_is_not_taken_for_the_order() -> anyhow::Result<()> {
    run(async {
        let provider = commons().await?;
        let offer = provider.offered("redact").await?;
        let mut customer = HandCustomer::new(provider, &offer).await?;
        let stranger = HandCustomer::new(provider, &offer).await?;
        let name = customer.order.object_name();
        let object = format!(
            "apiVersion: cdvm.dev/v1alpha1\nkind: ConfidentialJob\nmetadata:\n  name: {name}\nspec:\n  request: {}\n",
            dvm::event::to_json(stranger.order.event()),
        );
        let applied = provider.apply_text(&object)?;
        assert!(applied.status.success(), "{applied:?}");
        let status = provider.ended(&name, SOON).await?.status.unwrap();
        assert_eq!(status.ending.as_deref(), Some("NameMismatch"));
        customer.send_order(provider).await?;
        let waits = told(&mut customer).await?;
        assert_eq!(waits.status, Status::Processing, "{waits:?}");
        assert!(waits.text.contains("in the way of your order"), "{waits:?}");
        provider.kubectl(&["delete", "cjob", &name])?;
        let machine = customer.accept(&provider.world, SOON).await?;
        customer.send(machine.key(), b"a@example.org").await?;
        assert_eq!(customer.receive(SOON).await?, b"[e-mail]");
        // The stranger's own order was not run by the way.
        assert!(stranger.told_by_provider(provider).await.is_empty());
        Ok(())
    })
}

/// An event is answered in public, with `word`, and once.
async fn answer_to(provider: &Provider, event: &Event, word: &str) -> anyhow::Result<()> {
    let relays = Relays::connect(&provider.servers.relays, Plain::Allowed).await?;
    relays.publish(event).await?;
    let filter = of(provider, event.id);
    let mut inbox = relays.inbox(filter.clone()).await;
    let answer = tokio::time::timeout(SOON, inbox.next()).await?;
    let answer = answer.context("the relays are gone")?;
    let feedback = Feedback::parse(&answer.tags, &answer.content, event.id)?;
    assert_eq!(feedback.status, Status::Error);
    assert!(feedback.text.contains(word), "{}", feedback.text);
    // Sent again, it is answered no second time: what is heard after it was heard.
    let after = stranger(provider, 5998, &[&["i", "x", "text"]]);
    relays.publish(event).await?;
    relays.publish(&after).await?;
    let look = || async { Ok(relays.fetch(&of(provider, after.id), SOON).await) };
    until("the next answer", SOON, look, |found| !found.is_empty()).await?;
    assert_eq!(relays.fetch(&filter, SOON).await.len(), 1);
    Ok(())
}

/// What the provider says in public about an event.
fn of(provider: &Provider, event: JobId) -> Filter {
    Filter {
        kinds: vec![kind::FEEDBACK],
        authors: vec![provider.keys.public_key()],
        events: vec![event],
        ..Filter::default()
    }
}

/// What another client sends to the provider.
fn stranger(provider: &Provider, kind: u16, tags: &[&[&str]]) -> Event {
    let provider = provider.keys.public_key().to_string();
    let text = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut all = vec![text(&["p", &provider])];
    all.extend(tags.iter().map(|words| text(words)));
    let unsigned = Unsigned {
        kind,
        created_at: now(),
        tags: all,
        content: String::new(),
    };
    sign(&Keys::generate(), unsigned)
}

#[test]
fn a_plain_request_an_encrypted_one_and_an_old_message_are_answered_once() -> anyhow::Result<()> {
    run(async {
        let provider = commons().await?;
        let plain = stranger(provider, 5998, &[&["i", "my data", "text"]]);
        answer_to(provider, &plain, "cdvm run").await?;
        let encrypted = stranger(provider, 5998, &[&["encrypted"]]);
        answer_to(provider, &encrypted, "opens no encrypted request").await?;
        let message = stranger(provider, kind::OLD_CHAT, &[]);
        answer_to(provider, &message, "nobody reads messages here").await?;
        // An order that has a fault is told which.
        let faulty = stranger(provider, 5998, &[&["offer", "x"]]);
        answer_to(provider, &faulty, "Rejected/BadOrder").await
    })
}

#[test]
fn a_direct_message_is_answered_by_one() -> anyhow::Result<()> {
    run(async {
        let (provider, keys) = (commons().await?, Keys::generate());
        let mut ears = Ears::new(provider, &keys).await?;
        let reader = provider.keys.public_key();
        let message = Unsigned {
            kind: kind::CHAT,
            created_at: now(),
            tags: vec![vec!["p".to_owned(), reader.to_string()]],
            content: "hello".to_owned(),
        };
        let rumor = Rumor::new(keys.public_key(), message);
        ears.relays
            .publish(&wrap(&rumor, &keys, reader, now())?)
            .await?;
        let answer = ears.hear(kind::CHAT, SOON).await?;
        assert_eq!(answer.pubkey, reader);
        assert!(answer.content.contains("cdvm run"), "{}", answer.content);
        Ok(())
    })
}
