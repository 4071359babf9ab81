//! The port to Kubernetes: everything the operator writes there about a job.

use crds::ConfidentialJob;
use job::{Announcement, Answer, Manifest, Reason, Record, Timestamp, Tried, Wait, WaitingFor};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, ListParams, PostParams, Preconditions};
use kube::{Api, Resource as _, ResourceExt as _};

use crate::context::Context;
use crate::execute::{Done, ExecuteError, Place};
use crate::pod::{self, JOB_LABEL};
use crate::refusal::{answer, wait};
use crate::status::{self, Who};

type Written = Result<ConfidentialJob, ExecuteError>;

/// Writes the record; fails when somebody else wrote since. Of an object that is gone it
/// is kept in memory, for the rest of its farewell.
pub(crate) async fn record(
    context: &Context,
    (mut object, place): (ConfidentialJob, Place),
    record: &Record,
    who: &Who,
    why: &[Reason],
    now: Timestamp,
) -> Written {
    object.status = Some(status::status(
        record,
        object.status.as_ref(),
        who,
        why,
        now,
    ));
    match place {
        Place::InCluster => {}
        Place::Gone => return Ok(object),
    }
    jobs(context)
        .replace_status(&object.name_any(), &PostParams::default(), &object)
        .await
        .map_err(|error| ExecuteError::Cluster("record the status", error))
}

/// Records that relays took an announcement.
pub(crate) async fn record_announced(
    context: &Context,
    (object, place): (ConfidentialJob, Place),
    announcement: Announcement,
    who: &Who,
    now: Timestamp,
) -> Written {
    // The status was read back once this round; it is ours.
    let mut told = status::record(object.status.as_ref()).unwrap_or_default();
    told.announced.push(announcement);
    record(context, (object, place), &told, who, &[], now).await
}

/// Creates the pod of a manifest; that it exists is as good, when it is this object's.
/// When there is none, that is remembered for the next round.
pub(crate) async fn create_pod(
    context: &Context,
    object: &ConfidentialJob,
    manifest: &Manifest,
    now: Timestamp,
) -> Result<Done, ExecuteError> {
    let name = object.name_any();
    let owner = owner(object);
    let pod =
        pod::pod(manifest, &context.settings.runtime_class, owner).map_err(ExecuteError::Pod)?;
    let failed = match pods(context).create(&PostParams::default(), &pod).await {
        Ok(_) => None,
        Err(kube::Error::Api(error)) if error.code == 409 && error.reason == "AlreadyExists" => {
            of_before(context, object, &pod.name_any()).await?
        }
        Err(error) => {
            tracing::debug!(name, %error, "failed to create the pod");
            Some((answer(&error), wait(&error)))
        }
    };
    let before = context.tried(&name).map_or(0, |tried| tried.tries);
    let tried = failed.map(|(answer, wait)| Tried {
        attempt: manifest.deployment().attempt,
        tries: before.saturating_add(1),
        at: now,
        answer,
        wait,
    });
    let done = match &tried {
        None => Done::All,
        Some(Tried {
            answer: Answer::Refused | Answer::Unclear,
            ..
        }) => Done::WithoutPod,
    };
    context.note_tried(&name, tried);
    Ok(done)
}

/// What to wait for when a pod of this name is another object's: one that had this name
/// before and was deleted, whose pod still ends. Then there is none of ours.
async fn of_before(
    context: &Context,
    object: &ConfidentialJob,
    pod: &str,
) -> Result<Option<(Answer, Wait)>, ExecuteError> {
    let selector = format!("{JOB_LABEL}={}", object.name_any());
    let list = ListParams::default().labels(&selector);
    let found = pods(context).list(&list).await;
    let found = found.map_err(|error| ExecuteError::Cluster("look for the pod", error))?;
    let mut own = found.iter().filter(|found| is_of(found, object));
    if own.any(|found| found.name_any() == pod) {
        return Ok(None);
    }
    let text = format!("the pod {pod} is not this object's: an earlier one's that still ends");
    let what = WaitingFor::Cluster;
    Ok(Some((Answer::Refused, Wait { what, text })))
}

/// Whether a pod belongs to this very object, and not to one that had its name before.
pub(crate) fn is_of(pod: &Pod, object: &ConfidentialJob) -> bool {
    let uid = object.metadata.uid.as_ref();
    let mut owners = pod.owner_references().iter();
    owners.any(|owner| Some(&owner.uid) == uid)
}

/// Deletes exactly this pod of the job; that it is gone is as good.
pub(crate) async fn delete_pod(
    context: &Context,
    object: &ConfidentialJob,
    uid: &str,
) -> Result<(), ExecuteError> {
    let api = pods(context);
    let failed = |error| ExecuteError::Cluster("delete the pod", error);
    let selector = format!("{JOB_LABEL}={}", object.name_any());
    let list = ListParams::default().labels(&selector);
    let found = api.list(&list).await.map_err(failed)?;
    let mut found = found.into_iter();
    let Some(pod) = found.find(|pod| pod.uid().as_deref() == Some(uid)) else {
        return Ok(());
    };
    if pod.metadata.deletion_timestamp.is_some() {
        return Ok(());
    }
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    match api.delete(&pod.name_any(), &params).await {
        Ok(_) => Ok(()),
        Err(error) if is_gone(&error) => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// Gone, or another object of the same name.
fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(error) if error.code == 404 || error.code == 409)
}

/// Pods belong to their job: whoever deletes it, and whether we live or not, Kubernetes
/// removes them with it; first, when it is deleted with `--cascade=foreground`.
fn owner(object: &ConfidentialJob) -> OwnerReference {
    OwnerReference {
        api_version: ConfidentialJob::api_version(&()).into_owned(),
        kind: ConfidentialJob::kind(&()).into_owned(),
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

fn jobs(context: &Context) -> Api<ConfidentialJob> {
    Api::namespaced(context.client.clone(), &context.settings.namespace)
}

fn pods(context: &Context) -> Api<Pod> {
    Api::namespaced(context.client.clone(), &context.settings.namespace)
}
