//! The main job without operator and without `cdvm`: a pod made by hand, and a
//! customer made of the library's functions.

use std::time::Duration;

use anyhow::Context as _;
use dvm::input::Start;
use dvm::outcome::{Outcome, Received};
use dvm::payload::Payload;
use dvm::{Keys, wrap};
use e2e::bare::{Ears, now};
use e2e::provider::Provider;
use e2e::wait::until;
use job::{Simulated, Trust, accept};
use kube::ResourceExt as _;

const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_made_by_hand_does_the_job() -> anyhow::Result<()> {
    let provider = Provider::bare("guest8").await?;
    let customer = Keys::generate();
    let (_, offer) = provider.offer("redact")?;
    let order = provider.order(&customer, &offer)?;
    let manifest = provider.manifest(&order, &offer, 1)?;
    let mut ears = Ears::new(&provider, &customer).await?;
    let pod = provider.launch(&provider.pod(&manifest)?).await?;

    let attestation = ears.attestation(SOON).await?;
    let trust = std::fs::read_to_string(provider.world.trust())?;
    let trust = Trust::parse(&trust, Simulated::Accepted)?;
    let machine = accept(&attestation, &order, &offer, &trust, now())?;
    assert!(machine.is_simulated());

    let start = Start {
        inputs: vec![Payload::inline("write to anna@example.org")],
        params: Vec::new(),
    };
    let rumor = start.to_rumor(&order, machine.key(), now());
    let event = wrap(&rumor, &customer, machine.key(), now())?;
    ears.relays.publish(&event).await?;

    let result = ears.hear(order.kind() + 1000, SOON).await?;
    assert_eq!(result.pubkey, machine.key());
    let outcome = Outcome::from_rumor(&result, &order)?;
    assert_eq!(outcome.input, start.digest());
    let Payload::Inline(data) = &outcome.payload else {
        anyhow::bail!("a small result is in the message");
    };
    assert_eq!(String::from_utf8_lossy(data), "write to [e-mail]");

    let received = Received {
        output: outcome.payload.digest(),
    };
    let rumor = received.to_rumor(&order, machine.key(), now());
    let event = wrap(&rumor, &customer, machine.key(), now())?;
    ears.relays.publish(&event).await?;
    let pods = provider.pods();
    let name = pod.name_any();
    let look = || async {
        let pod = pods.get(&name).await?;
        let status = pod.status.context("no status")?;
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
