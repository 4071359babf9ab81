//! An owner's secret: it reaches the attested machine that runs what was granted, so
//! often as was granted, and nobody else. The guests are SIMULATED.

use std::time::Duration;

use e2e::commons::{commons, run};
use e2e::customer::{Customer, Said};
use e2e::owner::{ADMIN_KEY, Owner};
use e2e::provider::Provider;
use e2e::wait::until;
use kube::ResourceExt as _;

use crate::secrecy::search;

const SOON: Duration = Duration::from_secs(30);
const RESOURCE: &str = "acme/models/score-1";

/// Offers the probe with a secret of the owner's broker.
async fn offer(
    provider: &Provider,
    owner: &Owner,
    name: &str,
    arguments: &[&str],
) -> anyhow::Result<()> {
    let mut service = provider.probe(name, arguments)?;
    owner.require(&mut service, "model-key", RESOURCE)?;
    provider.apply(&service).await?;
    Ok(())
}

/// Orders it with this input; what `cdvm` said, and the result.
async fn order(
    customer: &Customer,
    service: &str,
    input: &str,
) -> anyhow::Result<(Said, Option<String>)> {
    let input = customer.write("input.txt", input)?;
    let output = customer.file("output.txt");
    let said = customer.run(service, &input, &output).await?;
    Ok((said, std::fs::read_to_string(output).ok()))
}

#[test]
fn an_algorithm_is_rented_for_one_run() -> anyhow::Result<()> {
    const MARKER: &str = "Kq3-model-key-marker-7Lp";
    run(async {
        let provider = commons().await?;
        let owner = Owner::new(provider, "rent").await?;
        offer(provider, &owner, "rented", &["compare", "model-key"]).await?;
        owner
            .grant(provider, "rented", (RESOURCE, MARKER), "1")
            .await?;
        let (said, result) = order(&Customer::new(provider, "rent-1")?, "rented", MARKER).await?;
        assert_eq!(
            (said.code, result.as_deref()),
            (0, Some("the same\n")),
            "{}",
            said.stderr
        );
        // The second order of anybody finds no run left, and hears which secret it was.
        let (said, result) = order(&Customer::new(provider, "rent-2")?, "rented", MARKER).await?;
        assert_eq!((said.code, result), (5, None), "{}", said.stderr);
        assert!(
            said.stderr
                .contains("the broker refused the secret \"model-key\""),
            "{}",
            said.stderr
        );

        // The owner reads both, and why.
        let released = owner.events("released")?;
        assert_eq!(released.len(), 1);
        assert_eq!(
            (&released[0]["grant"], &released[0]["again"]),
            (&"acme/rented".into(), &false.into())
        );
        let refused = owner.events("refused")?;
        assert_eq!(refused[0]["reasons"][0]["check"], "runs");
        assert!(owner.kbs(&["list"])?.contains("runs 1 of 1"));
        assert!(owner.kbs(&["log", "--verify"])?.contains("whole"));
        // And it lies nowhere in the provider's world.
        let job = released[0]["guest"]["order"].as_str().unwrap();
        let job: job::JobId = job.parse()?;
        search(provider, &format!("{}-1", job.object_name()), MARKER)
    })
}

#[test]
fn a_program_that_prints_the_key_and_a_swapped_image_get_nothing() -> anyhow::Result<()> {
    const MARKER: &str = "Wz8-model-key-marker-2Ht";
    run(async {
        let provider = commons().await?;
        let owner = Owner::new(provider, "dump").await?;
        offer(provider, &owner, "honest", &["compare", "model-key"]).await?;
        owner
            .grant(provider, "honest", (RESOURCE, MARKER), "unlimited")
            .await?;
        // The same image with another command line, and another image with the same.
        offer(provider, &owner, "dumper", &["dump", "model-key"]).await?;
        let mut swapped = provider.probe("swapped", &["compare", "model-key"])?;
        owner.require(&mut swapped, "model-key", RESOURCE)?;
        swapped.spec.terms.workload.image = provider.world.image("redact")?.into();
        provider.apply(&swapped).await?;
        for (service, check) in [
            ("dumper", "workload command"),
            ("swapped", "workload image"),
        ] {
            let (said, result) = order(&Customer::new(provider, service)?, service, MARKER).await?;
            assert_eq!((said.code, result), (5, None), "{}", said.stderr);
            let refused = owner.events("refused")?;
            let last = &refused.last().unwrap()["reasons"][0];
            assert_eq!(last["check"], check, "{last}");
        }
        assert!(owner.events("released")?.is_empty());
        let (said, _) = order(&Customer::new(provider, "honest")?, "honest", MARKER).await?;
        assert_eq!(said.code, 0, "{}", said.stderr);
        Ok(())
    })
}

#[test]
fn while_the_broker_is_away_jobs_end_with_a_reason_and_after_that_they_run() -> anyhow::Result<()> {
    const MARKER: &str = "Tn5-model-key-marker-4Rv";
    run(async {
        let provider = commons().await?;
        let mut owner = Owner::new(provider, "away").await?;
        offer(provider, &owner, "away", &["compare", "model-key"]).await?;
        owner
            .grant(provider, "away", (RESOURCE, MARKER), "unlimited")
            .await?;
        owner.kill().await?;
        let customer = Customer::new(provider, "away-1")?;
        let (said, _) = order(&customer, "away", MARKER).await?;
        assert_eq!(said.code, 5, "{}", said.stderr);
        let jobs = provider
            .jobs()
            .list(&kube::api::ListParams::default())
            .await?;
        let of_ours = |job: &&crds::ConfidentialJob| {
            let status = job.status.clone().unwrap_or_default();
            status.service.as_deref() == Some("away")
        };
        let job = jobs.items.iter().find(of_ours).unwrap();
        let ended = provider.ended(&job.name_any(), SOON).await?;
        assert_eq!(
            ended.status.unwrap().ending.as_deref(),
            Some("SecretRefused")
        );
        owner.start().await?;
        let (said, result) = order(&Customer::new(provider, "away-2")?, "away", MARKER).await?;
        assert_eq!(
            (said.code, result.as_deref()),
            (0, Some("the same\n")),
            "{}",
            said.stderr
        );
        Ok(())
    })
}

#[test]
fn a_secret_of_a_single_job_is_refused_in_words() -> anyhow::Result<()> {
    run(async {
        let provider = commons().await?;
        let owner = Owner::new(provider, "single").await?;
        // This operator has no broker to put it into.
        offer_own(provider, &owner, "single", "licence").await?;
        let (said, _) = order(&Customer::new(provider, "single")?, "single", "x").await?;
        assert_eq!(said.code, 4, "{}", said.stderr);
        assert!(
            said.stderr.contains("for each single job"),
            "{}",
            said.stderr
        );
        Ok(())
    })
}

/// A provider of its own whose operator puts secrets of single jobs into this broker.
async fn provider_with(name: &str, key: &str) -> anyhow::Result<(Provider, Owner)> {
    let provider = Provider::bare(name).await?;
    let owner = Owner::new(&provider, name).await?;
    provider.secret("broker-key", "key.pem", ADMIN_KEY).await?;
    provider.secret("licence", "key", key).await?;
    provider
        .install_with(owner.chart_values(&["licence"])?)
        .await?;
    Ok((provider, owner))
}

/// Offers a workload that compares its input with the secret `own` of its job.
async fn offer_own(
    provider: &Provider,
    owner: &Owner,
    name: &str,
    secret: &str,
) -> anyhow::Result<()> {
    let mut service = provider.probe(name, &["compare", "own"])?;
    owner.require(&mut service, "own", RESOURCE)?;
    service.spec.terms.secrets[0].resource = "job".to_owned();
    service.spec.job_secrets = vec![crds::JobSecret {
        name: "own".to_owned(),
        secret_key_ref: crds::SecretKeyRef {
            name: secret.to_owned(),
            key: "key".to_owned(),
        },
    }];
    provider.apply(&service).await?;
    Ok(())
}

#[test]
fn a_secret_of_a_single_job_is_there_for_its_machine_and_gone_after_it() -> anyhow::Result<()> {
    const MARKER: &str = "Hd4-licence-marker-8Bq";
    run(async {
        let (provider, owner) = provider_with("job-secret", MARKER).await?;
        offer_own(&provider, &owner, "licensed", "licence").await?;
        // Two jobs at once: each has its own.
        let (one, two) = (
            Customer::new(&provider, "one")?,
            Customer::new(&provider, "two")?,
        );
        let (one, two) = tokio::join!(
            order(&one, "licensed", MARKER),
            order(&two, "licensed", MARKER)
        );
        for (said, result) in [one?, two?] {
            assert_eq!(
                (said.code, result.as_deref()),
                (0, Some("the same\n")),
                "{}",
                said.stderr
            );
        }
        let jobs = provider
            .jobs()
            .list(&kube::api::ListParams::default())
            .await?;
        assert_eq!(jobs.items.len(), 2);
        for job in &jobs.items {
            provider.destroyed(&job.name_any(), SOON).await?;
        }
        assert_eq!(owner.of_jobs()?, 0);
        assert_eq!(owner.events("released")?.len(), 2);
        // It stands in the provider's own Secret, and in no status, event or log.
        let said = provider.kubectl(&[
            "get",
            "cjob,csvc,pods,events,configmaps",
            "--output",
            "json",
        ])?;
        let log = provider.kubectl(&["logs", "deployment/cdvm-operator"])?;
        assert!(!said.contains(MARKER) && !log.contains(MARKER));
        Ok(())
    })
}

#[test]
fn while_the_broker_is_away_a_job_with_its_own_secret_waits_and_then_runs() -> anyhow::Result<()> {
    const MARKER: &str = "Jm7-licence-marker-3Xc";
    run(async {
        let (provider, mut owner) = provider_with("job-waits", MARKER).await?;
        offer_own(&provider, &owner, "licensed", "licence").await?;
        owner.kill().await?;
        let customer = Customer::new(&provider, "patient")?;
        let ordered = order(&customer, "licensed", MARKER);
        let meanwhile = async {
            let jobs = provider.jobs();
            let look = || async { Ok(jobs.list(&kube::api::ListParams::default()).await?.items) };
            let waits = |jobs: &Vec<crds::ConfidentialJob>| {
                let status = jobs
                    .first()
                    .and_then(|job| job.status.clone())
                    .unwrap_or_default();
                status.why.as_deref() == Some("WaitingForBroker")
            };
            until("a job that waits for the broker", SOON, look, waits).await?;
            assert!(provider.job_pods().await?.is_empty());
            // Killed while it waits, the operator goes on where it was.
            provider.kill("operator").await?;
            owner.start().await
        };
        let (ordered, meanwhile) = tokio::join!(ordered, meanwhile);
        meanwhile?;
        let (said, result) = ordered?;
        assert_eq!(
            (said.code, result.as_deref()),
            (0, Some("the same\n")),
            "{}",
            said.stderr
        );
        let jobs = provider
            .jobs()
            .list(&kube::api::ListParams::default())
            .await?;
        provider.destroyed(&jobs.items[0].name_any(), SOON).await?;
        assert_eq!(owner.of_jobs()?, 0);
        // A Secret that the operator may not read is named, and nothing starts.
        provider.secret("unnamed", "key", MARKER).await?;
        offer_own(&provider, &owner, "unnamed", "unnamed").await?;
        let mut waiting = Customer::new(&provider, "unlucky")?.start(&["request", "unnamed"])?;
        let jobs = provider.jobs();
        let look = || async { Ok(jobs.list(&kube::api::ListParams::default()).await?.items) };
        let told = |jobs: &Vec<crds::ConfidentialJob>| {
            let mut messages = jobs.iter().filter_map(|job| job.status.clone()?.message);
            messages.any(|message| message.contains("broker.jobSecretNames"))
        };
        until("the word about the Secret", SOON, look, told).await?;
        waiting.wait().await?;
        assert_eq!(owner.of_jobs()?, 0);
        Ok(())
    })
}

/// A volume for a claim: the world has nobody who makes them.
fn volume(provider: &Provider) -> anyhow::Result<()> {
    use std::os::unix::fs::chown;
    let place = format!("/var/lib/{}-kbs", provider.namespace);
    std::fs::create_dir_all(&place)?;
    // As the chart's pods are.
    chown(&place, Some(65_532), Some(65_532))?;
    let volume = serde_json::json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": format!("{}-kbs", provider.namespace)},
        "spec": {
            "capacity": {"storage": "256Mi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": place},
            "claimRef": {"namespace": provider.namespace, "name": "cdvm-kbs"},
        },
    });
    let applied = provider.apply_text(&volume.to_string())?;
    anyhow::ensure!(
        applied.status.success(),
        "{}",
        String::from_utf8_lossy(&applied.stderr)
    );
    Ok(())
}

#[test]
fn the_charts_broker_keeps_what_it_has_over_restarts_and_uninstalling() -> anyhow::Result<()> {
    run(async {
        let provider = Provider::bare("kbs").await?;
        volume(&provider)?;
        provider
            .secret("kbs-key", "master-key", &"a5".repeat(32))
            .await?;
        let values = serde_json::json!({
            "kbs": {"enabled": true, "masterKeySecret": "kbs-key"},
            "images": {
                "operator": provider.world.image("operator")?, "bridge": provider.world.image("bridge")?,
                "agent": provider.world.image("agent")?, "kbs": provider.world.image("kbs")?,
            },
        });
        provider.install_with(values).await?;
        let rollout = ["rollout", "status", "deployment/cdvm-kbs", "--timeout=60s"];
        provider.kubectl(&rollout)?;
        let kbs = |arguments: &[&str], input: &str| -> anyhow::Result<String> {
            let start = [
                "--namespace",
                &provider.namespace,
                "exec",
                "-i",
                "deployment/cdvm-kbs",
                "--",
                "/cdvm-kbs",
            ];
            let all = [&start, arguments].concat();
            let output = provider.world.try_tool("kubectl", &all, input)?;
            anyhow::ensure!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        };
        kbs(&["put", RESOURCE, "-"], "a secret")?;
        let before = kbs(&["log", "--verify"], "")?;
        provider.kill("kbs").await?;
        provider.kubectl(&rollout)?;
        assert!(kbs(&["list"], "")?.contains(RESOURCE));
        assert_ne!(kbs(&["log", "--verify"], "")?, before);
        let uninstalled = provider.uninstall()?;
        assert!(
            uninstalled.status.success(),
            "{}",
            String::from_utf8_lossy(&uninstalled.stderr)
        );
        assert!(
            provider
                .kubectl(&["get", "pvc", "cdvm-kbs"])?
                .contains("Bound")
        );
        provider.delete_namespace(SOON).await?;
        let name = format!("{}-kbs", provider.namespace);
        provider.kubectl(&["delete", "persistentvolume", &name, "--wait=false"])?;
        Ok(())
    })
}
