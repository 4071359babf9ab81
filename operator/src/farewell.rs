//! Objects that are deleted before their jobs are over and told. Nothing holds an object
//! back (decision 19), so what is left to do is done from its last state, which the watch
//! brings: the customer is told, the machine is seen gone, and that is told too.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crds::ConfidentialJob;
use job::{Observed, plan};
use kube::runtime::watcher::Event;
use kube::{Resource as _, ResourceExt as _};

use crate::clock::now;
use crate::context::Context;
use crate::execute::{Place, execute};
use crate::left::{is_untold, left};
use crate::observe::observe;
use crate::status::{self, Who, to_time};
use crate::validate;

/// Longest farewell: a machine has 5 s to end, relays may be away.
const LIMIT: Duration = Duration::from_secs(90);

/// How often is looked whether the machine is gone.
const EVERY: Duration = Duration::from_secs(1);

/// What was seen of the objects, to find those that are gone: also those that vanish
/// while nobody watches.
#[derive(Default)]
pub(crate) struct Sights {
    there: BTreeMap<String, ConfidentialJob>,
    listed: BTreeMap<String, ConfidentialJob>,
}

impl Sights {
    /// Takes what the watch brings; the objects that are gone since, as they were last.
    pub(crate) fn note(&mut self, event: &Event<ConfidentialJob>) -> Vec<ConfidentialJob> {
        let uid = |object: &ConfidentialJob| object.uid().unwrap_or_default();
        match event {
            Event::Apply(object) => {
                self.there.insert(uid(object), object.clone());
                Vec::new()
            }
            Event::Delete(object) => {
                self.there.remove(&uid(object));
                vec![object.clone()]
            }
            Event::Init => {
                self.listed.clear();
                Vec::new()
            }
            Event::InitApply(object) => {
                self.listed.insert(uid(object), object.clone());
                Vec::new()
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut self.listed);
                let before = std::mem::replace(&mut self.there, listed);
                let gone = before.into_iter();
                let gone = gone.filter(|(uid, _)| !self.there.contains_key(uid));
                gone.map(|(_, object)| object).collect()
            }
        }
    }
}

/// Says goodbye to an object that is gone.
pub(crate) fn start(context: &Arc<Context>, object: ConfidentialJob) {
    context.farewell_begins();
    let context = context.clone();
    tokio::spawn(async move {
        let name = object.name_any();
        context.note_tried(&name, None);
        if let Ok(order) = validate::order(&object) {
            context.inbox.forget(order.id());
            context.forget_fetches(order.id());
        }
        if tokio::time::timeout(LIMIT, say(&context, object))
            .await
            .is_err()
        {
            tracing::warn!(name, "the farewell to a deleted job was not finished");
        }
        context.succeeded(&name);
        context.farewell_ends();
    });
}

async fn say(context: &Context, mut object: ConfidentialJob) {
    // As if it were still being deleted.
    object.meta_mut().deletion_timestamp = Some(to_time(now()));
    let whose = validate::whose(&object, context.relays.keys().public_key());
    while left(&object, whose, now()).is_some() || is_untold(&object, whose) {
        match round(context, object.clone()).await {
            Ok(after) => object = after,
            Err(error) => {
                context.retry(&object.name_any(), &*error);
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// One round, as for an object that is there, but for where it is recorded.
async fn round(context: &Context, object: ConfidentialJob) -> anyhow::Result<ConfidentialJob> {
    let now = now();
    let record = status::record(object.status.as_ref())?;
    let ended = record.ended.is_some();
    let order = validate::order(&object).ok();
    let job = validate::job(&object, record, &context.house(), now);
    let seen = observe(context, &object, order.as_ref(), &job, now).await;
    let seen = match seen {
        Ok(seen) => seen,
        // The rights are gone, too. That the job ends is certain all the same: Kubernetes
        // removes its pod. That it is gone was not seen and is not told.
        Err(_) if !ended => Observed::default(),
        Err(error) => return Err(error.into()),
    };
    let plan = plan(&job, &seen, now);
    let who = order
        .as_ref()
        .map_or_else(Who::default, |order| Who::new(order, None));
    let placed = (object, Place::Gone);
    let (object, _) = execute(context, placed, order.as_ref(), &who, &plan, now).await?;
    Ok(object)
}

#[cfg(test)]
mod tests {
    use crds::ConfidentialJob;
    use kube::runtime::watcher::Event;
    use serde_json::json;

    use super::Sights;

    fn object(uid: &str) -> ConfidentialJob {
        let spec = json!({"request": {
            "id": "00", "pubkey": "00", "created_at": 0, "kind": 5999, "tags": [],
            "content": "", "sig": "00",
        }});
        let mut object = ConfidentialJob::new("j", serde_json::from_value(spec).unwrap());
        object.metadata.uid = Some(uid.to_owned());
        object
    }

    #[test]
    fn what_vanishes_is_seen_also_while_nobody_watched() {
        let mut sights = Sights::default();
        let mut gone = |event| {
            let gone = sights.note(&event);
            gone.iter()
                .filter_map(kube::ResourceExt::uid)
                .collect::<Vec<_>>()
        };
        assert!(gone(Event::Init).is_empty());
        assert!(gone(Event::InitApply(object("a"))).is_empty());
        assert!(gone(Event::InitDone).is_empty());
        assert!(gone(Event::Apply(object("b"))).is_empty());
        assert_eq!(gone(Event::Delete(object("b"))), ["b"]);
        // Listed anew: `a` is gone, and an object of its name is another one.
        assert!(gone(Event::Init).is_empty());
        assert!(gone(Event::InitApply(object("c"))).is_empty());
        assert_eq!(gone(Event::InitDone), ["a"]);
        assert_eq!(gone(Event::Delete(object("c"))), ["c"]);
    }
}
