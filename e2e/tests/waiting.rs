//! What a job waits for before anything runs: it is said once, to everybody in the
//! words that are theirs; no attempt is used up; and it ends, one way or the other.

use std::time::Duration;

use crds::{AttemptStatus, ConfidentialJobStatus, ConfidentialService};
use e2e::bare::HandCustomer;
use e2e::commons::{commons, run};
use e2e::provider::Provider;
use e2e::wait::until;
use job::WaitingFor;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::ResourceQuota;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::node::v1::RuntimeClass;
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::json;

const SOON: Duration = Duration::from_mins(1);

/// Of a service whose job is to end by it: three tries, after 1 and 2 s.
const SHORT_SECS: i64 = 6;

/// Status writes until a job waits: the attempt, its pod, what it waits for, and that
/// the customer was told of start and wait. One more for a kubelet that says two
/// things.
const MOST_WRITES: usize = 7;

/// A job that waits.
struct Waiting<'p> {
    provider: &'p Provider,
    customer: HandCustomer,
    name: String,
}

impl<'p> Waiting<'p> {
    /// Orders a service, and waits until the job waits for `what` and says `word`.
    async fn order(
        provider: &'p Provider,
        service: &str,
        what: WaitingFor,
        word: &str,
    ) -> anyhow::Result<Self> {
        let offer = provider.offered(service).await?;
        let customer = HandCustomer::new(provider, &offer).await?;
        let name = customer.order.object_name();
        customer.send_order(provider).await?;
        let waiting = Self {
            provider,
            customer,
            name,
        };
        let look = || async { waiting.status().await };
        let shown = |status: &ConfidentialJobStatus| {
            let attempt = status.attempt.as_ref();
            let waiting = attempt.and_then(|attempt| attempt.waiting.as_ref());
            let waits = waiting.is_some_and(|waiting| {
                waiting.reason == what.word() && waiting.message.contains(word)
            });
            waits && status.announced.iter().any(|told| told == what.word())
        };
        let status = until("the wait", SOON, look, shown).await?;
        assert_eq!(status.phase.as_deref(), Some("Starting"));
        assert_eq!(status.why.as_deref(), Some(what.word()), "{status:?}");
        Ok(waiting)
    }

    async fn status(&self) -> anyhow::Result<ConfidentialJobStatus> {
        let job = self.provider.jobs().get(&self.name).await?;
        Ok(job.status.unwrap_or_default())
    }

    /// It was said once, and nothing was used up: one event of type Warning, one
    /// constant for the customer and none of the cluster's words, the first attempt,
    /// and no more writes than there is to say.
    async fn said_once(&self, what: WaitingFor) -> anyhow::Result<()> {
        let warnings = self.warnings().await?;
        assert_eq!(warnings, [what.word()]);
        let told = self.customer.told_by_provider(self.provider).await;
        let mut texts = told.iter().map(|told| told.text.as_str());
        let constant = format!("heard; {}", what.told());
        assert_eq!(texts.clone().filter(|text| *text == constant).count(), 1);
        let start = "heard; a confidential machine is starting";
        assert!(
            texts.all(|text| text == constant || text == start),
            "{told:?}"
        );
        assert_eq!(self.attempt().await?.number, 1);
        let writes = self.provider.status_writes(&self.name)?;
        assert!(writes <= MOST_WRITES, "{writes} writes");
        Ok(())
    }

    /// Reasons of its events of type Warning about waiting, each as often as it was
    /// said.
    async fn warnings(&self) -> anyhow::Result<Vec<String>> {
        let provider = self.provider;
        let api: Api<Event> = Api::namespaced(provider.client.clone(), &provider.namespace);
        let events = api.list(&ListParams::default()).await?.items;
        let own = events.into_iter().filter(|event| {
            let about = event.regarding.as_ref();
            let about = about.and_then(|about| about.name.as_deref());
            about == Some(&*self.name) && event.type_.as_deref() == Some("Warning")
        });
        let said = own.flat_map(|event| {
            let times = event.series.map_or(1, |series| series.count);
            let times = usize::try_from(times).unwrap_or(1);
            vec![event.reason.unwrap_or_default(); times]
        });
        Ok(said.filter(|word| word.starts_with("Waiting")).collect())
    }

    async fn attempt(&self) -> anyhow::Result<AttemptStatus> {
        Ok(self.status().await?.attempt.unwrap())
    }

    /// It runs after all, in the attempt it waited with, and says no longer that it
    /// waits.
    async fn runs(&mut self) -> anyhow::Result<()> {
        let machine = self.customer.accept(&self.provider.world, SOON).await?;
        self.customer.send(machine.key(), b"a@example.org").await?;
        assert_eq!(self.customer.receive(SOON).await?, b"[e-mail]");
        let ended = self.provider.destroyed(&self.name, SOON).await?;
        let status = ended.status.unwrap();
        assert_eq!(status.ending.as_deref(), Some("Received"), "{status:?}");
        assert!(status.attempt.unwrap().waiting.is_none());
        let created = self.provider.pods_created(&self.name)?;
        assert_eq!(created, [format!("{}-1", self.name)]);
        Ok(())
    }

    /// It ends in time, with the cluster's last words for the provider and the
    /// constant for the customer.
    async fn never_starts(&self, what: WaitingFor, word: &str) -> anyhow::Result<()> {
        let ended = self.provider.destroyed(&self.name, SOON).await?;
        let status = ended.status.unwrap();
        assert_eq!(status.ending.as_deref(), Some("NeverStarted"));
        let message = status.message.unwrap();
        assert!(message.contains(word), "{message}");
        assert_eq!(status.attempt.unwrap().number, 1);
        assert_eq!(self.warnings().await?, [what.word()]);
        let told = self.customer.told_by_provider(self.provider).await;
        let ending = format!("Failed/NeverStarted: {}", what.told());
        let endings = told.iter().filter(|told| told.text == ending);
        assert_eq!(endings.count(), 1, "{told:?}");
        let list = ListParams::default().labels(&format!("cdvm.dev/job={}", self.name));
        assert!(self.provider.pods().list(&list).await?.items.is_empty());
        Ok(())
    }
}

/// Example `redact` under another name, with a change.
fn redact(
    provider: &Provider,
    name: &str,
    change: impl FnOnce(&mut ConfidentialService),
) -> anyhow::Result<ConfidentialService> {
    let mut service = provider.example("redact")?;
    service.metadata.name = Some(name.to_owned());
    change(&mut service);
    Ok(service)
}

fn short(service: &mut ConfidentialService) {
    service.spec.start_within_seconds = SHORT_SECS;
}

/// For those that a kubelet has to see first.
fn longer(service: &mut ConfidentialService) {
    service.spec.start_within_seconds = 2 * SHORT_SECS;
}

/// A quota that has as many pods as it may: one job runs when it is gone, and another
/// one ended before.
#[test]
fn a_full_quota() -> anyhow::Result<()> {
    run(async {
        let provider = Provider::bare("quota").await?;
        provider.install().await?;
        provider.apply_service("redact").await?;
        provider.apply(&redact(&provider, "short", short)?).await?;
        let quotas: Api<ResourceQuota> =
            Api::namespaced(provider.client.clone(), &provider.namespace);
        let quota = json!({"metadata": {"name": "full"}, "spec": {"hard": {"pods": "0"}}});
        let quota: ResourceQuota = serde_json::from_value(quota)?;
        quotas.create(&PostParams::default(), &quota).await?;
        let look = || async { Ok(quotas.get("full").await?.status.unwrap_or_default()) };
        until("the quota", SOON, look, |status| status.hard.is_some()).await?;

        let (room, word) = (WaitingFor::Room, "exceeded quota: full");
        let (patient, hasty) = tokio::join!(
            Waiting::order(&provider, "redact", room, word),
            Waiting::order(&provider, "short", room, word),
        );
        let (mut patient, hasty) = (patient?, hasty?);
        hasty.never_starts(room, word).await?;
        // At 0, 1, 3 and 7 s, if it came so far: not ten times a second.
        for job in [&patient, &hasty] {
            let tries = provider.pods_refused(&job.name)?;
            assert!((2..=5).contains(&tries.len()), "{tries:?}");
            assert!(tries.iter().all(|name| *name == tries[0]), "{tries:?}");
        }
        patient.said_once(room).await?;
        quotas.delete("full", &DeleteParams::default()).await?;
        patient.runs().await
    })
}

/// A class that is made when a job waits for it already.
#[test]
fn a_runtime_class_that_is_missing() -> anyhow::Result<()> {
    run(async {
        let class = "kata-made-later";
        let values = json!({"runtimeClass": class});
        let provider = Provider::start_with("class", values).await?;
        let cluster = WaitingFor::Cluster;
        let mut job = Waiting::order(&provider, "redact", cluster, class).await?;
        job.said_once(cluster).await?;
        let classes: Api<RuntimeClass> = Api::all(provider.client.clone());
        let made = json!({"metadata": {"name": class}, "handler": "kata-qemu-snp"});
        let made: RuntimeClass = serde_json::from_value(made)?;
        classes.create(&PostParams::default(), &made).await?;
        job.runs().await?;
        classes.delete(class, &DeleteParams::default()).await?;
        Ok(())
    })
}

/// A webhook that has to be asked for every pod of jobs, and nobody is there.
#[test]
fn an_admission_webhook_that_is_down() -> anyhow::Result<()> {
    run(async {
        let provider = Provider::bare("webhook").await?;
        provider.install().await?;
        provider.apply_service("redact").await?;
        let hooks: Api<ValidatingWebhookConfiguration> = Api::all(provider.client.clone());
        let name = "down.example.org";
        let hook = json!({"metadata": {"name": name}, "webhooks": [{
            "name": name,
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
            "timeoutSeconds": 1,
            // Nobody listens on port 1.
            "clientConfig": {"url": "https://127.0.0.1:1/"},
            "namespaceSelector": {"matchLabels": {
                "kubernetes.io/metadata.name": provider.namespace,
            }},
            "objectSelector": {"matchExpressions": [
                {"key": "cdvm.dev/job", "operator": "Exists"},
            ]},
            "rules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"],
                "operations": ["CREATE"],
            }],
        }]});
        let hook: ValidatingWebhookConfiguration = serde_json::from_value(hook)?;
        hooks.create(&PostParams::default(), &hook).await?;
        // The API server learns of it within a second; a job that is faster would run.
        knows(&provider, name).await?;
        let cluster = WaitingFor::Cluster;
        let word = "failed calling webhook";
        let mut job = Waiting::order(&provider, "redact", cluster, word).await?;
        job.said_once(cluster).await?;
        hooks.delete(name, &DeleteParams::default()).await?;
        job.runs().await
    })
}

/// Waits until the API server asks a webhook, as seen on a pod that is not made.
async fn knows(provider: &Provider, hook: &str) -> anyhow::Result<()> {
    let (_, offer) = provider.offer(&provider.example("redact")?)?;
    let customer = HandCustomer::new(provider, &offer).await?;
    let pod = provider.pod(&provider.manifest(&customer.order, &offer, 1)?)?;
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let pods = provider.pods();
    let look = || async {
        let tried = pods.create(&dry_run, &pod).await;
        Ok(tried.err().map(|error| error.to_string()))
    };
    let asked = |said: &Option<String>| said.as_ref().is_some_and(|said| said.contains(hook));
    until("the webhook", SOON, look, asked).await?;
    Ok(())
}

/// A job of a service like this waits for `what`, and ends in time.
fn waits_in_vain(
    name: &str,
    what: WaitingFor,
    word: &str,
    change: impl FnOnce(&mut ConfidentialService),
) -> anyhow::Result<()> {
    run(async {
        let provider = commons().await?;
        let service = redact(provider, name, change)?;
        provider.apply(&service).await?;
        let job = Waiting::order(provider, name, what, word).await?;
        job.said_once(what).await?;
        job.never_starts(what, word).await
    })
}

#[test]
fn an_image_that_is_nowhere() -> anyhow::Result<()> {
    waits_in_vain("missing", WaitingFor::Image, "ImagePull", |service| {
        longer(service);
        let image = &mut service.spec.terms.workload.image;
        let (repository, _) = image.split_once('@').unwrap();
        *image = format!("{repository}@sha256:{}", "a".repeat(64));
    })
}

#[test]
fn a_machine_that_fits_on_no_node() -> anyhow::Result<()> {
    let room = WaitingFor::Room;
    waits_in_vain("huge", room, "Insufficient memory", |service| {
        short(service);
        service.spec.terms.resources.memory_mib = 4_194_304;
    })
}
