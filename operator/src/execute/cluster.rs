//! The port to Kubernetes: everything the operator writes there about a job.

use crds::{ConfidentialJob, JOB_FINALIZER};
use job::{Announcement, Answer, Manifest, Reason, Record, Timestamp, Tried};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, Resource as _, ResourceExt as _};
use serde_json::json;

use crate::context::Context;
use crate::execute::{Done, ExecuteError};
use crate::pod::{self, JOB_LABEL};
use crate::refusal::{answer, wait};
use crate::status::{self, Who};

type Written = Result<ConfidentialJob, ExecuteError>;

/// Puts our finalizer on; fails when somebody else wrote since.
pub(crate) async fn hold_finalizer(context: &Context, object: ConfidentialJob) -> Written {
    let mut finalizers = object.finalizers().to_vec();
    if !finalizers.iter().any(|name| name == JOB_FINALIZER) {
        finalizers.push(JOB_FINALIZER.to_owned());
    }
    set_finalizers(context, object, finalizers, "hold the finalizer").await
}

/// Takes our finalizer off; that the object is gone is as good.
pub(crate) async fn release_finalizer(context: &Context, object: ConfidentialJob) -> Written {
    let mut finalizers = object.finalizers().to_vec();
    finalizers.retain(|name| name != JOB_FINALIZER);
    match set_finalizers(context, object.clone(), finalizers, "release the finalizer").await {
        Err(ExecuteError::Cluster(_, error)) if is_gone(&error) => Ok(object),
        written => written,
    }
}

async fn set_finalizers(
    context: &Context,
    object: ConfidentialJob,
    finalizers: Vec<String>,
    what: &'static str,
) -> Written {
    let patch = json!({"metadata": {
        "finalizers": finalizers,
        "resourceVersion": object.resource_version(),
    }});
    jobs(context)
        .patch(
            &object.name_any(),
            &PatchParams::default(),
            &Patch::Merge(patch),
        )
        .await
        .map_err(|error| ExecuteError::Cluster(what, error))
}

/// Writes the record; fails when somebody else wrote since.
pub(crate) async fn record(
    context: &Context,
    mut object: ConfidentialJob,
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
    jobs(context)
        .replace_status(&object.name_any(), &PostParams::default(), &object)
        .await
        .map_err(|error| ExecuteError::Cluster("record the status", error))
}

/// Records that relays took an announcement.
pub(crate) async fn record_announced(
    context: &Context,
    object: ConfidentialJob,
    announcement: Announcement,
    who: &Who,
    now: Timestamp,
) -> Written {
    // The status was read back once this round; it is ours.
    let mut told = status::record(object.status.as_ref()).unwrap_or_default();
    told.announced.push(announcement);
    record(context, object, &told, who, &[], now).await
}

/// Creates the pod of a manifest; that it exists is as good. When there is none, that
/// is remembered for the next round.
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
    let error = match pods(context).create(&PostParams::default(), &pod).await {
        Ok(_) => None,
        Err(kube::Error::Api(error)) if error.code == 409 && error.reason == "AlreadyExists" => {
            None
        }
        Err(error) => Some(error),
    };
    let before = context.tried(&name).map_or(0, |tried| tried.tries);
    let tried = error.map(|error| {
        tracing::debug!(name, %error, "failed to create the pod");
        Tried {
            attempt: manifest.deployment().attempt,
            tries: before.saturating_add(1),
            at: now,
            answer: answer(&error),
            wait: wait(&error),
        }
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

/// Deletes exactly this pod of the job; that it is gone is as good.
pub(crate) async fn delete_pod(
    context: &Context,
    object: &ConfidentialJob,
    uid: &str,
) -> Result<(), ExecuteError> {
    let api = pods(context);
    let failed = |error| ExecuteError::Cluster("delete the pod", error);
    let selector = format!("{JOB_LABEL}={}", object.name_any());
    let list = kube::api::ListParams::default().labels(&selector);
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

/// Pods belong to their job: should nobody else, Kubernetes removes them with it.
fn owner(object: &ConfidentialJob) -> OwnerReference {
    OwnerReference {
        api_version: ConfidentialJob::api_version(&()).into_owned(),
        kind: ConfidentialJob::kind(&()).into_owned(),
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}

fn jobs(context: &Context) -> Api<ConfidentialJob> {
    Api::namespaced(context.client.clone(), &context.settings.namespace)
}

fn pods(context: &Context) -> Api<Pod> {
    Api::namespaced(context.client.clone(), &context.settings.namespace)
}
