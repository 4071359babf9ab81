//! An order is run once, however often and by whatever way it is heard.

use std::time::Duration;

use dvm::feedback::Status;
use dvm::input::Start;
use dvm::wrap;
use e2e::bare::{HandCustomer, now};
use e2e::commons::run;
use e2e::provider::Provider;
use e2e::wait::until;
use kube::ResourceExt as _;
use kube::api::ListParams;
use relay::{Plain, Relays};

const SOON: Duration = Duration::from_mins(1);

/// Twice, from two relays, after a restart of the bridge, and by kubectl.
#[test]
fn the_same_order_heard_again_and_again_is_one_pod() -> anyhow::Result<()> {
    run(async {
        let provider = Provider::start("once").await?;
        let offer = provider.offered("redact").await?;
        let mut customer = HandCustomer::new(&provider, &offer).await?;
        let name = customer.order.object_name();

        // Two wraps of it, each to both relays, and one to each relay alone.
        customer.send_order(&provider).await?;
        customer.send_order(&provider).await?;
        let machine = customer.accept(&provider.world, SOON).await?;
        for url in &provider.servers.relays {
            let alone = Relays::connect(std::slice::from_ref(url), Plain::Allowed).await?;
            let rumor = dvm::order::private_order(&customer.order, now());
            let event = wrap(&rumor, &customer.keys, provider.keys.public_key(), now())?;
            alone.publish(&event).await?;
        }
        // After a restart the bridge hears all of it again.
        restart_bridge(&provider).await?;
        customer.send_order(&provider).await?;
        let applied = provider.apply_text(&yaml(&customer))?;
        assert!(applied.status.success(), "{applied:?}");

        let sent: Start = customer.send(machine.key(), b"a@example.org").await?;
        assert_eq!(sent.inputs.len(), 1);
        assert_eq!(customer.receive(SOON).await?, b"[e-mail]");
        let job = provider.destroyed(&name, SOON).await?;
        let status = job.status.unwrap();
        assert_eq!(status.ending.as_deref(), Some("Received"));
        assert_eq!(provider.pods_created(&name)?, [format!("{name}-1")]);

        // And when it is over: nothing starts any more.
        customer.send_order(&provider).await?;
        restart_bridge(&provider).await?;
        let jobs = provider.jobs().list(&ListParams::default()).await?.items;
        assert_eq!(jobs.len(), 1);
        assert_eq!(provider.pods_created(&name)?, [format!("{name}-1")]);
        Ok(())
    })
}

/// Somebody puts the order into a second object while its machine waits for data.
/// That one is rejected, and the customer never hears of it, also when it is
/// cancelled or deleted.
#[test]
fn a_copy_under_another_name_says_nothing_to_the_customer() -> anyhow::Result<()> {
    run(async {
        let provider = Provider::start("copycat").await?;
        let offer = provider.offered("redact").await?;
        let mut customer = HandCustomer::new(&provider, &offer).await?;
        customer.send_order(&provider).await?;
        let machine = customer.accept(&provider.world, SOON).await?;
        let name = customer.order.object_name();
        for (copy, cancel) in [("my-job", false), ("my-other-job", true)] {
            let text = yaml(&customer).replace(&name, copy);
            let applied = provider.apply_text(&format!("{text}  cancel: {cancel}\n"))?;
            assert!(applied.status.success(), "{applied:?}");
            let status = provider.ended(copy, SOON).await?.status.unwrap();
            assert!(status.announced.is_empty(), "{status:?}");
            provider.kubectl(&["delete", "cjob", copy])?;
        }
        // The honest one goes on, and what it ends with is all that was said.
        customer.send(machine.key(), b"a@example.org").await?;
        assert_eq!(customer.receive(SOON).await?, b"[e-mail]");
        provider.destroyed(&name, SOON).await?;
        let words = customer.told_by_provider(&provider).await;
        let errors: Vec<_> = words
            .iter()
            .filter(|word| word.status == Status::Error)
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
        assert!(
            words.iter().any(|word| word.text.contains("Received")),
            "{words:?}"
        );
        Ok(())
    })
}

/// The order as `cdvm request --yaml` prints it.
fn yaml(customer: &HandCustomer) -> String {
    format!(
        "apiVersion: cdvm.dev/v1alpha1\nkind: ConfidentialJob\nmetadata:\n  name: {}\nspec:\n  request: {}\n",
        customer.order.object_name(),
        dvm::event::to_json(customer.order.event()),
    )
}

/// Kills the bridge and waits until another one heard everything its relays hold.
async fn restart_bridge(provider: &Provider) -> anyhow::Result<()> {
    let list = ListParams::default().labels("app.kubernetes.io/name=bridge");
    let pods = provider.pods();
    let before: Vec<_> = pods
        .list(&list)
        .await?
        .iter()
        .filter_map(kube::ResourceExt::uid)
        .collect();
    provider.kill("bridge").await?;
    let look = || async {
        let pods = pods.list(&list).await?.items;
        let new = pods
            .into_iter()
            .find(|pod| pod.uid().is_some_and(|uid| !before.contains(&uid)));
        let Some(new) = new else {
            anyhow::bail!("there is no new pod");
        };
        provider.kubectl(&["logs", &new.name_any()])
    };
    let heard = |log: &String| log.contains("\"exists\"");
    until("the bridge's hearing again", SOON, look, heard).await?;
    Ok(())
}
