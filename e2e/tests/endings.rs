//! How jobs end when they do not end well: each says why, and nothing hangs or
//! is left (`docs/protocol.md`, 8).

use std::time::Duration;

use crds::{ConfidentialJobStatus, ConfidentialService};
use dvm::cancel::{Cancellation, Word};
use dvm::feedback::Feedback;
use dvm::{Keys, wrap};
use e2e::bare::{HandCustomer, now};
use e2e::commons::{commons, run};
use e2e::customer::Customer;
use e2e::tamper::tamper;
use e2e::wait::until;
use job::JobId;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;

const SOON: Duration = Duration::from_mins(1);

/// Offers the probe after a change, and orders it.
async fn ordered(
    name: &str,
    arguments: &[&str],
    change: impl FnOnce(&mut ConfidentialService),
) -> anyhow::Result<HandCustomer> {
    let provider = commons().await?;
    let mut service = provider.probe(name, arguments)?;
    change(&mut service);
    provider.apply(&service).await?;
    HandCustomer::new(provider, &provider.offered(name).await?).await
}

/// Waits until a job ended and was destroyed.
async fn ended(customer: &HandCustomer) -> anyhow::Result<ConfidentialJobStatus> {
    let provider = commons().await?;
    let name = customer.order.object_name();
    let status = provider.destroyed(&name, SOON).await?.status.unwrap();
    let list = ListParams::default().labels(&format!("cdvm.dev/job={name}"));
    assert!(provider.pods().list(&list).await?.items.is_empty());
    Ok(status)
}

#[test]
fn init_data_that_cannot_be_decoded() -> anyhow::Result<()> {
    run(async {
        let provider = commons().await?;
        let customer = ordered("garbled", &["sleep", "1"], |service| {
            service.spec.start_within_seconds = 12;
        })
        .await?;
        let offer = provider.offered("garbled").await?;
        let honest = provider.pod(&provider.manifest(&customer.order, &offer, 1)?)?;
        let patch = r#"JSONPatch{op: "replace",
            path: "/metadata/annotations/io.katacontainers.config.hypervisor.cc_init_data",
            value: "AAAA"}"#;
        let name = customer.order.object_name();
        tamper(provider, &name, patch, &honest).await?;
        customer.send_order(provider).await?;
        let status = ended(&customer).await?;
        assert_eq!(status.ending.as_deref(), Some("NeverStarted"));
        let message = status.message.unwrap();
        assert!(message.contains("FailedCreatePodSandBox"), "{message}");
        Ok(())
    })
}

#[test]
fn no_input_in_time() -> anyhow::Result<()> {
    run(async {
        let customer = ordered("deaf", &["sleep", "1"], |service| {
            service.spec.terms.input.wait_seconds = 2;
        })
        .await?;
        customer.send_order(commons().await?).await?;
        let status = ended(&customer).await?;
        assert_eq!(status.ending.as_deref(), Some("NoInput"));
        Ok(())
    })
}

/// The customer's command says what the machine said, and ends with 5.
fn run_fails(name: &str, arguments: &[&str], ending: &str, word: &str) -> anyhow::Result<()> {
    run(async {
        let provider = commons().await?;
        let change = |service: &mut ConfidentialService| service.spec.terms.timeout_seconds = 3;
        ordered(name, arguments, change).await?;
        let customer = Customer::new(provider, name)?;
        let input = customer.write("input", "x")?;
        let said = customer.run(name, &input, &customer.file("output")).await?;
        assert_eq!(said.code, 5, "{}", said.stderr);
        assert!(said.stderr.contains(word), "{}", said.stderr);
        let request = said.event("request").unwrap();
        let id: JobId = request["job"].as_str().unwrap().parse()?;
        let name = id.object_name();
        let status = provider.destroyed(&name, SOON).await?.status.unwrap();
        assert_eq!(status.ending.as_deref(), Some(ending));
        // What the workload wrote is the customer's alone.
        assert!(!format!("{status:?}").contains("on purpose"));
        Ok(())
    })
}

#[test]
fn a_workload_that_fails() -> anyhow::Result<()> {
    run_fails(
        "failing",
        &["fail", "7"],
        "WorkloadFailed",
        "it went wrong on purpose",
    )
}

#[test]
fn a_workload_that_takes_too_long() -> anyhow::Result<()> {
    run_fails(
        "endless",
        &["sleep", "60"],
        "Timeout",
        "ran out of its 3 seconds",
    )
}

/// A job whose workload works and works.
async fn working(name: &str) -> anyhow::Result<HandCustomer> {
    let provider = commons().await?;
    let mut customer = ordered(name, &["sleep", "60"], |_| {}).await?;
    customer.send_order(provider).await?;
    let machine = customer.accept(&provider.world, SOON).await?;
    customer.send(machine.key(), b"x").await?;
    let jobs = provider.jobs();
    let object = customer.order.object_name();
    let look = || async { Ok(jobs.get(&object).await?.status.unwrap_or_default()) };
    let running = |status: &ConfidentialJobStatus| status.phase.as_deref() == Some("Running");
    until("work", SOON, look, running).await?;
    Ok(customer)
}

#[test]
fn cancelled_by_kubectl() -> anyhow::Result<()> {
    run(async {
        let customer = working("unwanted").await?;
        let patch = Patch::Merge(json!({"spec": {"cancel": true}}));
        let name = customer.order.object_name();
        let jobs = commons().await?.jobs();
        jobs.patch(&name, &PatchParams::default(), &patch).await?;
        let status = ended(&customer).await?;
        assert_eq!(status.ending.as_deref(), Some("ByCluster"));
        assert_eq!(status.phase.as_deref(), Some("Cancelled"));
        // Status, event and customer say by whom.
        let message = status.message.unwrap();
        assert!(message.contains("spec.cancel"), "{message}");
        let provider = commons().await?;
        let field = format!("involvedObject.name={name},reason=ByCluster");
        let events = provider.kubectl(&["get", "events", "--field-selector", &field])?;
        assert!(events.contains("no cancellation signed"), "{events}");
        let words = customer.told_by_provider(provider).await;
        let told = |word: &Feedback| word.text.starts_with("Cancelled/ByCluster: ");
        assert!(words.iter().any(told), "{words:?}");
        // What was cancelled stays cancelled.
        let patch = Patch::Merge(json!({"spec": {"cancel": false}}));
        let undone = jobs.patch(&name, &PatchParams::default(), &patch).await;
        let error = undone.unwrap_err().to_string();
        assert!(error.contains("order again"), "{error}");
        Ok(())
    })
}

/// A cancellation that is anybody else's, put beside `spec.cancel` by hand.
#[test]
fn cancelled_with_a_strangers_word() -> anyhow::Result<()> {
    run(async {
        let customer = working("slandered").await?;
        let provider = commons().await?;
        let rumor = Cancellation::to_rumor(&customer.order, now());
        let stranger = Keys::generate();
        let words = wrap(&rumor, &stranger, provider.keys.public_key(), now())?;
        let words = dvm::event::to_json(&words);
        let spec = json!({"cancel": true, "cancellation": words});
        let patch = Patch::Merge(json!({ "spec": spec }));
        let name = customer.order.object_name();
        let jobs = provider.jobs();
        jobs.patch(&name, &PatchParams::default(), &patch).await?;
        let status = ended(&customer).await?;
        assert_eq!(status.ending.as_deref(), Some("ByCluster"));
        Ok(())
    })
}

#[test]
fn cancelled_over_nostr() -> anyhow::Result<()> {
    run(async {
        let provider = commons().await?;
        ordered("regretted", &["sleep", "60"], |_| {}).await?;
        let customer = Customer::new(provider, "regretted")?;
        let input = customer.write("input", "x")?;
        let input = input.to_str().unwrap();
        let running = customer.start(&["run", "regretted", "--input", input, "--output", "-"])?;
        let jobs = provider.jobs();
        let look = || async { Ok(jobs.list(&ListParams::default()).await?.items) };
        let of_it = |job: &crds::ConfidentialJob| {
            let status = job.status.clone().unwrap_or_default();
            status.service.as_deref() == Some("regretted")
                && status.phase.as_deref() == Some("Running")
        };
        let seen = until("work", SOON, look, |jobs| jobs.iter().any(of_it)).await?;
        let job = seen.iter().find(|job| of_it(job)).unwrap().name_any();
        let said = customer.cdvm(&["cancel"]).await?;
        assert_eq!(said.code, 0, "{}", said.stderr);
        let status = provider.destroyed(&job, SOON).await?.status.unwrap();
        assert_eq!(status.ending.as_deref(), Some("ByCustomer"));
        // The signed word is with the object, and is what said so.
        let words = jobs.get(&job).await?.spec.cancellation.unwrap();
        let by = Word(&words).cancellations(&provider.keys);
        assert_eq!(by.len(), 1, "{words}");
        drop(running);
        Ok(())
    })
}

/// The machine goes with the object, and its customer hears of both.
#[test]
fn deleted_while_it_works() -> anyhow::Result<()> {
    run(async {
        let customer = working("deleted").await?;
        let provider = commons().await?;
        let name = customer.order.object_name();
        let jobs = provider.jobs();
        jobs.delete(&name, &DeleteParams::default()).await?;
        let look = || async { Ok(jobs.get_opt(&name).await?) };
        until("the object's end", SOON, look, Option::is_none).await?;
        let list = ListParams::default().labels(&format!("cdvm.dev/job={name}"));
        let pods = provider.pods();
        let look = || async { Ok(pods.list(&list).await?.items) };
        until("the machine's end", SOON, look, Vec::is_empty).await?;
        assert_eq!(provider.pods_created(&name)?.len(), 1);
        for word in ["Cancelled/Deleted", "destroyed"] {
            customer.hears(provider, word, SOON).await?;
        }
        Ok(())
    })
}

/// Who wants to see the machine gone before the object says so.
#[test]
fn deleted_in_the_foreground() -> anyhow::Result<()> {
    run(async {
        let customer = working("foreground").await?;
        let provider = commons().await?;
        let name = customer.order.object_name();
        let jobs = provider.jobs();
        jobs.delete(&name, &DeleteParams::foreground()).await?;
        let look = || async { Ok(jobs.get_opt(&name).await?) };
        until("the object's end", SOON, look, Option::is_none).await?;
        let list = ListParams::default().labels(&format!("cdvm.dev/job={name}"));
        assert!(provider.pods().list(&list).await?.items.is_empty());
        for word in ["Cancelled/Deleted", "destroyed"] {
            customer.hears(provider, word, SOON).await?;
        }
        Ok(())
    })
}
