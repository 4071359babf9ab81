//! The main job without operator and without `cdvm`: a pod made by hand, and a
//! customer made of the library's functions.

use std::time::Duration;

use anyhow::Context as _;
use e2e::bare::HandCustomer;
use e2e::provider::Provider;
use e2e::wait::until;
use kube::ResourceExt as _;

const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_made_by_hand_does_the_job() -> anyhow::Result<()> {
    let provider = Provider::bare("guest").await?;
    let (_, offer) = provider.offer(&provider.example("redact")?)?;
    let mut customer = HandCustomer::new(&provider, &offer).await?;
    let manifest = provider.manifest(&customer.order, &offer, 1)?;
    let pod = provider.launch(&provider.pod(&manifest)?).await?;

    let machine = customer.accept(&provider.world, SOON).await?;
    assert!(machine.is_simulated());
    customer
        .send(machine.key(), b"write to anna@example.org")
        .await?;
    assert_eq!(customer.receive(SOON).await?, b"write to [e-mail]");

    let pods = provider.pods();
    let name = pod.name_any();
    let look = || async {
        let status = pods.get(&name).await?.status.context("no status")?;
        let container = status
            .container_statuses
            .context("no containers")?
            .remove(0);
        Ok(container.state.and_then(|state| state.terminated))
    };
    let ended = until("the agent's end", SOON, look, Option::is_some).await?;
    assert_eq!(ended.map(|ended| ended.exit_code), Some(0));
    Ok(())
}
