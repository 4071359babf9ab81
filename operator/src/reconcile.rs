//! The whole story of one round: observe, validate, plan, execute.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use crds::{ConfidentialJob, ConfidentialService};
use dvm::Keys;
use futures_util::StreamExt as _;
use job::{Admission, Job, Order, Trust, plan};
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::controller::{Action, Controller};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use tokio::sync::{mpsc, watch};

use crate::clock::now;
use crate::context::Context;
use crate::execute::broker::Broker;
use crate::execute::{Done, ExecuteError, Place, execute};
use crate::farewell::{self, Sights};
use crate::inbox::Inbox;
use crate::observe::observe;
use crate::pod::MANAGED_LABEL;
use crate::settings::Settings;
use crate::status::{self, StatusError, Who};
use crate::{leave, services, validate};
use relay::{Book, TellError};

/// Why a round failed. All of these are about the world, and are tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The API server.
    #[error("failed to observe the job")]
    Observe(#[source] kube::Error),
    /// Somebody edited the status.
    #[error("failed to read the record")]
    Status(#[source] StatusError),
    /// The order's relays.
    #[error("failed to listen for the guest")]
    Listen(#[source] TellError),
    /// An action.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
}

/// One round for one job.
async fn reconcile(object: Arc<ConfidentialJob>, context: Arc<Context>) -> Result<Action, Error> {
    let now = now();
    let record = status::record(object.status.as_ref()).map_err(Error::Status)?;
    let order = validate::order(&object).ok();
    let job = validate::job(&object, record, &context.house(), now);
    listen(&context, &job, order.as_ref()).await?;
    let seen = observe(&context, &object, order.as_ref(), &job, now)
        .await
        .map_err(Error::Observe)?;
    let plan = plan(&job, &seen, now);
    let who = order
        .as_ref()
        .map_or_else(Who::default, |order| Who::new(order, service(&job)));
    let object = Arc::unwrap_or_clone(object);
    let name = object.name_any();
    let placed = (object, Place::InCluster);
    let (_, done) = execute(&context, placed, order.as_ref(), &who, &plan, now).await?;
    context.succeeded(&name);
    if job.record.ended.is_some() {
        context.note_tried(&name, None);
    }
    if done == Done::WithoutPod {
        // The plan knew nothing of it; the next one does, and says when to try again.
        return Ok(Action::requeue(Duration::ZERO));
    }
    Ok(plan.wake.map_or_else(Action::await_change, |wake| {
        Action::requeue(Duration::from_secs(wake.since(now).max(1)))
    }))
}

/// A guest speaks on the relays of its order: be there before it does.
async fn listen(context: &Context, job: &Job, order: Option<&Order>) -> Result<(), Error> {
    let starts = matches!(job.admission, Admission::Admitted(_)) || job.record.attempt.is_some();
    let (Some(order), true, None) = (order, starts, &job.record.ended) else {
        return Ok(());
    };
    let relays = context.relays.of(order.relays()).await;
    let (relays, new) = relays.map_err(Error::Listen)?;
    if new {
        tokio::spawn(context.inbox.clone().listen(relays));
    }
    Ok(())
}

fn service(job: &Job) -> Option<String> {
    match &job.admission {
        Admission::Admitted(admitted) => Some(admitted.service.clone()),
        Admission::Rejected(_) => None,
    }
}

/// Runs both controllers until told to stop.
///
/// # Errors
/// When something needed from the start is missing.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let client = client().await?;
    let watched = Api::<ConfidentialService>::namespaced(client.clone(), &settings.namespace);
    let controller = Controller::new(watched, watcher::Config::default());
    let (context, heard) = context(settings, client, controller.store()).await?;
    let (stop, stopped) = watch::channel(false);
    let services = services::run(controller, context.clone(), stopped.clone());
    let (jobs, writer) = reflector::store();
    let running = run_jobs(jobs.clone(), writer, heard, context.clone(), stopped);
    let going = async {
        leave::until_it_may_go(context, jobs).await;
        stop.send_replace(true);
    };
    tokio::join!(services, running, going);
    Ok(())
}

/// The API server.
pub(crate) async fn client() -> anyhow::Result<Client> {
    Client::try_default()
        .await
        .context("failed to find the Kubernetes API server")
}

/// What every round shares, and the jobs there is news about.
pub(crate) async fn context(
    settings: Settings,
    client: Client,
    services: Store<ConfidentialService>,
) -> anyhow::Result<(Arc<Context>, mpsc::Receiver<job::JobId>)> {
    let key = std::fs::read_to_string(&settings.key_file)
        .with_context(|| format!("failed to read {}", settings.key_file.display()))?;
    let keys: Keys = key.parse().context("failed to read the provider's key")?;
    let trust = trust(&settings)?;
    let relays = Book::connect(keys.clone(), &settings.relays, settings.plain())
        .await
        .context("failed to use the provider's relays")?;
    let (news, heard) = mpsc::channel(1024);
    let fetches = settings.fetches(news.clone())?;
    let inbox = Inbox::new(keys.clone(), news);
    tokio::spawn(inbox.clone().listen(relays.own().clone()));
    let provider = keys.public_key();
    tracing::info!(%provider, namespace = settings.namespace, "started");
    let broker = settings.broker.settings()?.map(Broker::new).transpose()?;
    let rules = (trust, fetches, broker);
    let context = Context::new(client, relays, inbox, rules, services, settings);
    Ok((Arc::new(context), heard))
}

/// Runs the controller of jobs, and says goodbye to those that are deleted, until told to
/// stop.
pub(crate) async fn run_jobs(
    seen: Store<ConfidentialJob>,
    writer: reflector::store::Writer<ConfidentialJob>,
    heard: mpsc::Receiver<job::JobId>,
    context: Arc<Context>,
    mut stopped: watch::Receiver<bool>,
) {
    // A job judged before the services are known would be rejected for ever.
    if context.services.wait_until_ready().await.is_err() {
        return;
    }
    let (label, value) = MANAGED_LABEL;
    let ours = watcher::Config::default().labels(&format!("{label}={value}"));
    let client = &context.client;
    let namespace = context.settings.namespace.clone();
    let pods = Api::<Pod>::namespaced(client.clone(), &namespace);
    let jobs = Api::<ConfidentialJob>::namespaced(client.clone(), &namespace);
    let news = futures_util::stream::unfold(heard, |mut heard| async {
        heard.recv().await.map(|job| (job, heard))
    });
    let news = news.map(move |job| ObjectRef::new(&job.object_name()).within(&namespace));
    let mut sights = Sights::default();
    let watching = context.clone();
    let watched = watcher(jobs, watcher::Config::default()).reflect(writer);
    let watched = watched.inspect(move |event| {
        let gone = event.as_ref().map(|event| sights.note(event));
        for object in gone.unwrap_or_default() {
            farewell::start(&watching, object);
        }
    });
    Controller::for_stream(watched.touched_objects(), seen)
        .owns(pods, ours)
        .reconcile_on(news)
        .reconcile_all_on(context.removals())
        .graceful_shutdown_on(async move {
            // Dropped, it is over as well.
            drop(stopped.wait_for(|stopped| *stopped).await);
        })
        .run(
            reconcile,
            |job, error, context| context.retry(&job.name_any(), error),
            context,
        )
        .for_each(|_| async {})
        .await;
}

fn trust(settings: &Settings) -> anyhow::Result<Trust> {
    let Some(path) = &settings.trust_file else {
        return Trust::built_in().context("failed to read the built-in trust file");
    };
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("failed to read {}", path.display()))?;
    let trust = Trust::parse(&text, settings.simulated())
        .with_context(|| format!("failed to use {}", path.display()))?;
    if trust.accepts_simulated() {
        tracing::warn!("SIMULATED evidence is accepted: nothing is confidential");
    }
    Ok(trust)
}
