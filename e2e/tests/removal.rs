//! A provider goes: by `helm uninstall`, or with its namespace, in whatever order its
//! parts are deleted. No machine is left, no object is stuck, customers hear of it.

use std::time::Duration;

use crds::{ConfidentialJobStatus, ConfidentialService};
use dvm::feedback::{Feedback, Status};
use e2e::bare::HandCustomer;
use e2e::commons::run;
use e2e::provider::Provider;
use e2e::wait::until;
use job::Event;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;

const SOON: Duration = Duration::from_mins(1);

/// What the customer of a job is told that ends because its provider goes.
const REMOVED: &str = "Cancelled/ProviderRemoved: ";

async fn ordered(
    provider: &Provider,
    name: &str,
    arguments: &[&str],
    change: impl FnOnce(&mut ConfidentialService),
) -> anyhow::Result<HandCustomer> {
    let mut service = provider.probe(name, arguments)?;
    change(&mut service);
    provider.apply(&service).await?;
    let customer = HandCustomer::new(provider, &provider.offered(name).await?).await?;
    customer.send_order(provider).await?;
    Ok(customer)
}

async fn reaches(
    provider: &Provider,
    customer: &HandCustomer,
    what: &str,
    reached: impl Fn(&ConfidentialJobStatus) -> bool,
) -> anyhow::Result<()> {
    let jobs = provider.jobs();
    let name = customer.order.object_name();
    let look = || async { Ok(jobs.get(&name).await?.status.unwrap_or_default()) };
    until(what, SOON, look, reached).await?;
    Ok(())
}

/// A job whose workload works and works.
async fn working(provider: &Provider, seconds: &str) -> anyhow::Result<HandCustomer> {
    let name = format!("sleeps-{seconds}");
    let mut customer = ordered(provider, &name, &["sleep", seconds], |_| {}).await?;
    let machine = customer.accept(&provider.world, SOON).await?;
    customer.send(machine.key(), b"x").await?;
    let running = |status: &ConfidentialJobStatus| status.phase.as_deref() == Some("Running");
    reaches(provider, &customer, "work", running).await?;
    Ok(customer)
}

/// A job that has no machine, and waits for room.
async fn waiting(provider: &Provider) -> anyhow::Result<HandCustomer> {
    let customer = ordered(provider, "huge", &["sleep", "1"], |service| {
        service.spec.terms.resources.memory_mib = 4_194_304;
    })
    .await?;
    let waits = |status: &ConfidentialJobStatus| {
        let attempt = status.attempt.as_ref();
        attempt.is_some_and(|attempt| attempt.waiting.is_some())
    };
    reaches(provider, &customer, "the wait for room", waits).await?;
    Ok(customer)
}

fn is_told(words: &[Feedback], what: &str) -> bool {
    words.iter().any(|word| word.text.starts_with(what))
}

async fn pods(provider: &Provider) -> anyhow::Result<Vec<Pod>> {
    Ok(provider.pods().list(&ListParams::default()).await?.items)
}

/// What the hook needs and must not leave.
fn left_of_the_hook(provider: &Provider) -> anyhow::Result<String> {
    let kinds = "jobs,serviceaccounts,roles,rolebindings";
    let all = provider.kubectl(&["get", kinds, "--output", "name"])?;
    let left = all.lines().filter(|line| line.ends_with("/cdvm-drain"));
    Ok(left.collect::<Vec<_>>().join(" "))
}

#[test]
fn an_uninstall_ends_what_runs_and_then_the_namespace_goes() -> anyhow::Result<()> {
    run(async {
        let provider = Provider::start("uninstall").await?;
        let works = working(&provider, "60").await?;
        let waits = waiting(&provider).await?;
        let (output, said) = std::thread::scope(|scope| {
            let uninstall = scope.spawn(|| provider.uninstall());
            let mut said = String::new();
            while !uninstall.is_finished() {
                // There is no log before the hook runs, and none after it.
                let log = provider.kubectl(&["logs", "--follow", "job/cdvm-drain"]);
                said = log.unwrap_or(said);
            }
            (uninstall.join().unwrap(), said)
        });
        let output = output?;
        assert!(output.status.success(), "{output:?}");
        // It said what it waited for, line by line.
        let name = works.order.object_name();
        for line in [
            "stopped cdvm-bridge",
            &format!("waiting for {name}: "),
            &format!("{name} is over (ProviderRemoved): the customer was told"),
            "the offers are withdrawn",
        ] {
            assert!(said.contains(line), "{line:?} is not in {said}");
        }
        // At this moment, not some time after it.
        for customer in [&works, &waits] {
            let words = customer.told_by_provider(&provider).await;
            assert!(is_told(&words, REMOVED), "{words:?}");
            assert!(is_told(&words, "destroyed"), "{words:?}");
            let object = provider.jobs().get(&customer.order.object_name()).await?;
            assert!(object.finalizers().is_empty());
            let status = object.status.unwrap();
            assert_eq!(status.phase.as_deref(), Some("Cancelled"));
            assert!(status.destroyed_at.is_some());
        }
        assert!(provider.job_pods().await?.is_empty());
        assert_eq!(left_of_the_hook(&provider)?, "");
        let events = provider.events().await;
        let withdraws = |event: &&Event| {
            event.kind == dvm::kind::DELETION && event.pubkey == provider.keys.public_key()
        };
        // analyse, redact and two probes.
        assert_eq!(events.iter().filter(withdraws).count(), 4);
        provider.delete_namespace(SOON).await
    })
}

#[test]
fn an_uninstall_that_waits_starts_nothing_and_lets_work_finish() -> anyhow::Result<()> {
    run(async {
        let removal = json!({"drain": true, "jobs": "wait", "limitSeconds": 60});
        let provider = Provider::start_with("patient", json!({ "removal": removal })).await?;
        let waits = waiting(&provider).await?;
        let mut works = working(&provider, "8").await?;
        let receives = tokio::spawn(async move {
            let received = works.receive(SOON).await;
            (received, works)
        });
        let uninstall = provider.uninstall()?;
        assert!(uninstall.status.success(), "{uninstall:?}");
        let (received, works) = receives.await?;
        assert_eq!(received?, b"x");
        let words = works.told_by_provider(&provider).await;
        assert!(is_told(&words, "Succeeded/"), "{words:?}");
        let words = waits.told_by_provider(&provider).await;
        assert!(is_told(&words, REMOVED), "{words:?}");
        Ok(())
    })
}

/// A machine that does not go: the uninstall fails in its time, says so, and leaves an
/// installation that works.
#[test]
fn an_uninstall_that_cannot_end_a_machine_leaves_an_installation() -> anyhow::Result<()> {
    run(async {
        let removal = json!({"drain": true, "jobs": "end", "limitSeconds": 30});
        let provider = Provider::start_with("stubborn", json!({ "removal": removal })).await?;
        let works = working(&provider, "300").await?;
        let name = works.order.object_name();
        let pod = format!("{name}-1");
        let held = Patch::Merge(json!({"metadata": {"finalizers": ["e2e.cdvm.dev/held"]}}));
        let pods = provider.pods();
        pods.patch(&pod, &PatchParams::default(), &held).await?;
        let output = provider.uninstall()?;
        assert!(!output.status.success(), "{output:?}");
        let log = provider.kubectl(&["logs", "job/cdvm-drain"])?;
        for line in [
            &format!("left: {name}: its machine is being destroyed"),
            "started cdvm-operator again",
            "what to do: ",
        ] {
            assert!(log.contains(line), "{line:?} is not in {log}");
        }
        // The customer was told the end, and nothing that was not seen.
        let words = works.told_by_provider(&provider).await;
        assert!(is_told(&words, REMOVED), "{words:?}");
        assert!(!is_told(&words, "destroyed"), "{words:?}");
        // The programs are there; offers are made anew.
        let services = provider.services();
        let look = || async { Ok(services.get("redact").await?.status.unwrap_or_default()) };
        until("an offer", SOON, look, |status| status.offer.is_some()).await?;
        let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        pods.patch(&pod, &PatchParams::default(), &free).await?;
        let output = provider.uninstall()?;
        assert!(output.status.success(), "{output:?}");
        works.hears(&provider, "destroyed", SOON).await
    })
}

#[test]
fn a_namespace_is_deleted_while_jobs_run() -> anyhow::Result<()> {
    run(async {
        let provider = Provider::start("namespace").await?;
        let works = working(&provider, "60").await?;
        let waits = waiting(&provider).await?;
        provider.delete_namespace(SOON).await?;
        for customer in [&works, &waits] {
            let words = customer.told_by_provider(&provider).await;
            assert!(is_told(&words, REMOVED), "{words:?}");
            assert!(is_told(&words, "destroyed"), "{words:?}");
        }
        Ok(())
    })
}

/// Nobody of the provider's is left to tell: the machine itself does.
async fn hears_of_the_machine(customer: &mut HandCustomer) -> anyhow::Result<()> {
    let job = customer.order.id();
    let provider = customer.order.provider();
    loop {
        let rumor = customer.ears.hear(dvm::kind::FEEDBACK, SOON).await?;
        let word = Feedback::parse(&rumor.tags, &rumor.content, job)?;
        if rumor.pubkey != provider && word.status == Status::Error {
            assert_eq!(word.text, "the provider stopped the machine");
            return Ok(());
        }
    }
}

/// Deletes these parts first, and the namespace after that.
fn goes_after(name: &str, parts: &[&[&str]]) -> anyhow::Result<()> {
    run(async {
        let provider = Provider::start(name).await?;
        let mut works = working(&provider, "60").await?;
        for part in parts {
            let mut arguments = vec!["delete"];
            arguments.extend_from_slice(part);
            provider.kubectl(&arguments)?;
        }
        provider.delete_namespace(SOON).await?;
        hears_of_the_machine(&mut works).await
    })
}

#[test]
fn a_namespace_goes_after_its_operator() -> anyhow::Result<()> {
    goes_after("no-operator", &[&["deployment", "cdvm-operator"]])
}

/// As `kill -9` would, and nobody starts it again.
#[test]
fn a_namespace_goes_after_its_operator_was_killed() -> anyhow::Result<()> {
    let label = "app.kubernetes.io/name=operator";
    let kill = ["pods", "--selector", label, "--force", "--grace-period=0"];
    let orphan = ["deployment,replicaset", "--all", "--cascade=orphan"];
    goes_after("killed", &[&orphan, &kill])
}

#[test]
fn a_namespace_goes_after_every_right() -> anyhow::Result<()> {
    let rights = ["rolebinding,role,serviceaccount", "--all"];
    goes_after("no-rights", &[&rights])
}

#[test]
fn a_namespace_goes_after_its_key_and_a_right() -> anyhow::Result<()> {
    let key = ["secret", "nostr-key"];
    goes_after("no-key", &[&key, &["rolebinding", "cdvm-bridge"]])
}

/// The order is applied again while the machine of the object before still ends: the new
/// one waits for that, and has a machine of its own.
#[test]
fn a_name_is_used_again_when_the_machine_before_is_gone() -> anyhow::Result<()> {
    run(async {
        let provider = Provider::start("again").await?;
        let works = working(&provider, "60").await?;
        let name = works.order.object_name();
        let text = format!(
            "apiVersion: cdvm.dev/v1alpha1\nkind: ConfidentialJob\nmetadata:\n  name: {name}\nspec:\n  request: {}\n",
            dvm::event::to_json(works.order.event()),
        );
        let jobs = provider.jobs();
        let before = provider.job_pods().await?.pop().unwrap().uid();
        jobs.delete(&name, &DeleteParams::default()).await?;
        let applied = provider.apply_text(&text)?;
        assert!(applied.status.success(), "{applied:?}");
        let attested = |status: &ConfidentialJobStatus| status.phase.as_deref() == Some("Attested");
        reaches(&provider, &works, "another machine", attested).await?;
        let status = jobs.get(&name).await?.status.unwrap();
        assert_ne!(status.attempt.unwrap().pod_uid, before);
        works.hears(&provider, "Cancelled/Deleted", SOON).await?;
        works.hears(&provider, "destroyed", SOON).await?;
        assert_eq!(pods(&provider).await?.len(), 3);
        Ok(())
    })
}
