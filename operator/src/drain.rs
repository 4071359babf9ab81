//! Taking a provider out of its namespace: what `helm uninstall` runs first, and waits
//! for. It says line by line what it does and what it waits for.
//!
//! 1. The programs are stopped: no order is heard any more, no job is started.
//! 2. This process does the operator's work, as one that is being removed: jobs end, or
//!    those with a machine are waited for; machines are seen gone, customers told.
//! 3. Offers are withdrawn.
//!
//! It does not ask the operator to do it: a removal must work above all when the operator
//! does not. When time is up it starts the programs again, so that a removal that failed
//! leaves an installation, and says what is left and what to do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use crds::{ConfidentialJob, ConfidentialService};
use futures_util::StreamExt as _;
use job::Removal;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams};
use kube::runtime::reflector::{self, Store};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::clock::now;
use crate::context::Context;
use crate::left::{Left, is_untold, left};
use crate::reconcile::{client, context, run_jobs};
use crate::settings::{Drain, Running, Settings};
use crate::{services, validate};

/// How often is looked at what is left.
const EVERY: Duration = Duration::from_millis(500);

/// Longest wait for relays to hear that offers end: a courtesy.
const GOODBYE: Duration = Duration::from_secs(20);

/// A program that was stopped, and how many of it there were.
type Stopped = (String, i32);

/// Takes the provider out.
///
/// # Errors
/// When something is left at the end of the time, or could not be done.
pub async fn drain(settings: Settings, drain: Drain) -> anyhow::Result<()> {
    let Drain {
        jobs,
        limit,
        deployments,
    } = drain;
    let client = client().await?;
    let namespace = settings.namespace.clone();
    let end = match jobs {
        Running::End => "jobs end, their customers are told",
        Running::Wait => "jobs that have a machine are waited for, all others end",
    };
    println!("removing the provider from {namespace} within {limit} s: {end}");
    let deadline = Instant::now() + Duration::from_secs(limit);
    let mut stopped = Vec::new();
    let done = async {
        // Without its key nobody can be told: find that out before anything is stopped.
        let services = watch_services(&client, &namespace);
        let shared = context(settings, client.clone(), services).await?;
        stop(&client, &namespace, &deployments, &mut stopped).await?;
        wait_for_programs(&client, &namespace, &stopped, deadline).await?;
        end_jobs(shared, jobs, deadline).await
    };
    let Err(error) = done.await else {
        println!("done: nothing of the jobs is left in {namespace}");
        return Ok(());
    };
    println!("NOT DONE: {error:#}");
    start_again(&client, &namespace, &stopped).await;
    println!(
        "what to do: see what is left with `kubectl -n {namespace} get cjob,pods`, then uninstall \
         again, with more time (removal.limitSeconds, and --timeout of helm), or with \
         removal.jobs=end; `helm uninstall --no-hooks` removes the programs without waiting: \
         machines end when their objects are deleted, and customers hear of it from the \
         machines alone"
    );
    bail!("the provider was not removed")
}

fn watch_services(client: &Client, namespace: &str) -> Store<ConfidentialService> {
    let (services, writer) = reflector::store();
    let api = Api::<ConfidentialService>::namespaced(client.clone(), namespace);
    let watched = watcher(api, watcher::Config::default())
        .default_backoff()
        .reflect(writer);
    tokio::spawn(watched.for_each(|_| async {}));
    services
}

/// Scales the programs to nothing, and notes how many there were.
async fn stop(
    client: &Client,
    namespace: &str,
    names: &[String],
    stopped: &mut Vec<Stopped>,
) -> anyhow::Result<()> {
    let api = Api::<Deployment>::namespaced(client.clone(), namespace);
    for name in names {
        let found = api.get_opt(name).await;
        let Some(found) = found.with_context(|| format!("failed to look at {name}"))? else {
            println!("{name} is not there");
            continue;
        };
        let before = found.spec.and_then(|spec| spec.replicas).unwrap_or(1);
        scale(&api, name, 0)
            .await
            .with_context(|| format!("failed to stop {name}"))?;
        stopped.push((name.clone(), before));
        println!("stopped {name}");
    }
    Ok(())
}

async fn start_again(client: &Client, namespace: &str, stopped: &[Stopped]) {
    let api = Api::<Deployment>::namespaced(client.clone(), namespace);
    for (name, before) in stopped {
        match scale(&api, name, *before).await {
            Ok(()) => println!("started {name} again: the installation is as it was"),
            Err(error) => println!(
                "failed to start {name} again ({error}): \
                 kubectl -n {namespace} scale deployment {name} --replicas={before}"
            ),
        }
    }
}

async fn scale(api: &Api<Deployment>, name: &str, replicas: i32) -> Result<(), kube::Error> {
    let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
    let params = PatchParams::default();
    api.patch_scale(name, &params, &patch).await.map(drop)
}

/// Two operators at once would take attempts from each other.
async fn wait_for_programs(
    client: &Client,
    namespace: &str,
    stopped: &[Stopped],
    deadline: Instant,
) -> anyhow::Result<()> {
    let deployments = Api::<Deployment>::namespaced(client.clone(), namespace);
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    for (name, _) in stopped {
        let Some(deployment) = deployments.get_opt(name).await? else {
            continue;
        };
        let selector = deployment.spec.and_then(|spec| spec.selector.match_labels);
        let labels = selector.unwrap_or_default().into_iter();
        let labels: Vec<String> = labels
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let list = ListParams::default().labels(&labels.join(","));
        let mut said = false;
        while !pods.list(&list).await?.items.is_empty() {
            if !said {
                println!("waiting for {name}: its pod is ending");
                said = true;
            }
            if Instant::now() >= deadline {
                bail!("the pod of {name} did not end");
            }
            sleep(EVERY).await;
        }
    }
    Ok(())
}

type Shared = (Arc<Context>, tokio::sync::mpsc::Receiver<job::JobId>);

async fn end_jobs(
    (context, heard): Shared,
    jobs: Running,
    deadline: Instant,
) -> anyhow::Result<()> {
    let namespace = &context.settings.namespace;
    let api = Api::<ConfidentialJob>::namespaced(context.client.clone(), namespace);
    if let Err(kube::Error::Api(error)) = api.list(&ListParams::default().limit(1)).await
        && error.code == 404
    {
        println!("there is no ConfidentialJob: its definition is gone");
        return Ok(());
    }
    context.remove(match jobs {
        Running::End => Removal::Now,
        Running::Wait => Removal::AfterJobs,
    });
    let (stop, stopped) = watch::channel(false);
    let (store, writer) = reflector::store();
    let running = tokio::spawn(run_jobs(store, writer, heard, context.clone(), stopped));
    let left = wait(&context, &api, deadline).await;
    withdraw_offers(&context).await;
    stop.send_replace(true);
    drop(timeout(GOODBYE, running).await);
    if left.is_empty() {
        return Ok(());
    }
    let left = left
        .into_iter()
        .map(|(name, left)| format!("{name}: {left}"));
    bail!("time is up; left: {}", left.collect::<Vec<_>>().join("; "))
}

/// Waits until nothing is left, and says what for; what is left when time is up.
async fn wait(
    context: &Context,
    api: &Api<ConfidentialJob>,
    deadline: Instant,
) -> BTreeMap<String, Left> {
    let provider = context.relays.keys().public_key();
    let mut said = BTreeMap::new();
    loop {
        let jobs = match api.list(&ListParams::default()).await {
            Ok(list) => list.items,
            Err(error) if Instant::now() >= deadline => {
                println!("the jobs could not be listed: {error}");
                return BTreeMap::from([("all jobs".to_owned(), Left::Unended)]);
            }
            Err(_) => {
                sleep(EVERY).await;
                continue;
            }
        };
        let mut is_left = BTreeMap::new();
        for job in &jobs {
            let whose = validate::whose(job, provider);
            let name = job.name_any();
            if let Some(left) = left(job, whose, now()) {
                if said.get(&name) != Some(&left) {
                    println!("waiting for {name}: {left}");
                    said.insert(name.clone(), left);
                }
                is_left.insert(name, left);
            } else if said.remove(&name).is_some() {
                let status = job.status.clone().unwrap_or_default();
                let ending = status.ending.unwrap_or_default();
                let told = if is_untold(job, whose) {
                    "RELAYS DID NOT TAKE ITS END: the customer was not told everything"
                } else {
                    "the customer was told"
                };
                println!("{name} is over ({ending}): {told}");
            }
        }
        if is_left.is_empty() && context.farewells() == 0 || Instant::now() >= deadline {
            return is_left;
        }
        sleep(EVERY).await;
    }
}

/// A courtesy: nobody should order from a provider who is gone.
async fn withdraw_offers(context: &Context) {
    match timeout(GOODBYE, services::say_goodbye(context)).await {
        Ok(unheard) if unheard.is_empty() => println!("the offers are withdrawn"),
        Ok(unheard) => println!("relays did not hear that these offers end: {unheard:?}"),
        Err(_) => println!("relays did not hear in time that the offers end"),
    }
    for service in context.services.state() {
        let name = service.name_any();
        let service = Arc::unwrap_or_clone(service);
        if let Err(error) = services::forget_offer(context, service).await {
            println!("failed to note that the offer of {name} has ended: {error}");
        }
    }
}
