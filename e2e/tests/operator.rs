//! Operator and bridge under the chart's own rights: an order heard on Nostr, and
//! one applied with kubectl, become machines that are destroyed afterwards.

use std::time::Duration;

use crds::{ConfidentialJob, ConfidentialJobSpec, Request};
use e2e::bare::HandCustomer;
use e2e::provider::Provider;
use job::Offer;
use kube::api::PostParams;

const SOON: Duration = Duration::from_secs(30);

/// The offer as customers find it.
async fn offer(provider: &Provider, name: &str) -> anyhow::Result<Offer> {
    let events = provider.events().await;
    let offers = events
        .iter()
        .filter_map(|event| dvm::offer::parse_offer(event).ok());
    let found = offers.into_iter().find(|offer| offer.service == name);
    found.ok_or_else(|| anyhow::anyhow!("no offer of {name} on the relays"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_becomes_a_machine_that_is_destroyed() -> anyhow::Result<()> {
    let provider = Provider::start("operator").await?;
    let offer = offer(&provider, "redact").await?;
    for heard_on_nostr in [true, false] {
        let mut customer = HandCustomer::new(&provider, &offer).await?;
        if heard_on_nostr {
            customer.send_order(&provider).await?;
        } else {
            let spec = ConfidentialJobSpec {
                request: Request::from(customer.order.event()),
                cancel: false,
            };
            let object = ConfidentialJob::new(&customer.order.object_name(), spec);
            provider
                .jobs()
                .create(&PostParams::default(), &object)
                .await?;
        }
        let machine = customer.accept(&provider.world, SOON).await?;
        customer
            .send(machine.key(), b"call 0151 23456789 or +49 151 23456789")
            .await?;
        let result = customer.receive(SOON).await?;
        assert!(String::from_utf8_lossy(&result).contains("[phone]"));

        let job = provider
            .destroyed(&customer.order.object_name(), SOON)
            .await?;
        let status = job.status.unwrap();
        assert_eq!(status.phase.as_deref(), Some("Succeeded"));
        assert_eq!(status.ending.as_deref(), Some("Received"));
        let attempt = status.attempt.unwrap();
        assert_eq!(attempt.key, Some(machine.key().to_string()));
        assert_eq!(attempt.simulated, Some(true));
        assert!(attempt.input_accepted_at.is_some());
        assert!(provider.job_pods().await?.is_empty());
    }
    Ok(())
}
