//! The operator dies at three points of a job's life; the job ends rightly, and no
//! attempt ever has two pods.

use std::time::Duration;

use crds::ConfidentialJobStatus;
use e2e::bare::HandCustomer;
use e2e::commons::run;
use e2e::provider::Provider;
use e2e::wait::until;
use tokio::sync::OnceCell;

const SOON: Duration = Duration::from_mins(1);

/// One provider for all of them: each kills an operator that works for the others.
async fn provider() -> anyhow::Result<&'static Provider> {
    static PROVIDER: OnceCell<Provider> = OnceCell::const_new();
    PROVIDER
        .get_or_try_init(|| async {
            let provider = Provider::start("crash").await?;
            let slow = provider.probe("slow", &["sleep", "4"])?;
            provider.apply(&slow).await?;
            Ok(provider)
        })
        .await
}

/// Runs a job, and kills the operator when its status first satisfies `at`.
fn killed(at: impl Fn(&ConfidentialJobStatus) -> bool) -> anyhow::Result<()> {
    run(async {
        let provider = provider().await?;
        let offer = provider.offered("slow").await?;
        let mut customer = HandCustomer::new(provider, &offer).await?;
        let name = customer.order.object_name();
        customer.send_order(provider).await?;
        let watch_and_kill = async {
            let jobs = provider.jobs();
            let look = || async { Ok(jobs.get(&name).await?.status.unwrap_or_default()) };
            until("the point of the crash", SOON, look, &at).await?;
            provider.kill("operator").await
        };
        let be_served = async {
            let machine = customer.accept(&provider.world, SOON).await?;
            customer.send(machine.key(), b"kept").await?;
            customer.receive(SOON).await
        };
        let (killed, received) = tokio::join!(watch_and_kill, be_served);
        killed?;
        assert_eq!(received?, b"kept");
        let job = provider.destroyed(&name, SOON).await?;
        let status = job.status.unwrap();
        assert_eq!(status.ending.as_deref(), Some("Received"), "{status:?}");
        let mut created = provider.pods_created(&name)?;
        let all = created.len();
        created.dedup();
        assert_eq!(created.len(), all, "a pod was created twice");
        Ok(())
    })
}

#[test]
fn when_the_attempt_is_recorded() -> anyhow::Result<()> {
    killed(|status| status.attempt.is_some())
}

#[test]
fn when_the_machine_is_attested() -> anyhow::Result<()> {
    killed(|status| {
        status
            .attempt
            .as_ref()
            .is_some_and(|attempt| attempt.key.is_some())
    })
}

#[test]
fn when_the_job_has_ended() -> anyhow::Result<()> {
    killed(|status| status.ending.is_some())
}
