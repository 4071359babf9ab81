//! When each phase of a job's life was reached, in milliseconds since its request
//! was published: what the customer's command says, what Kubernetes shows, and
//! what containerd logs, on one clock.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use futures_util::TryStreamExt as _;
use job::JobId;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{WatchEvent, WatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::provider::Provider;
use crate::world::World;

/// Names of the phases, in the order of a life. What is between two of them is
/// whose work the comment says.
pub const PHASES: [&str; 10] = [
    "heard",          // relays, bridge
    "created",        // API server
    "pod created",    // operator
    "pod running",    // Kubernetes, containerd, runc
    "attested",       // agent, guest
    "verified",       // cdvm
    "input accepted", // cdvm, relays, agent
    "done",           // workload, agent, relays
    "received",       // cdvm
    "destroyed",      // agent, kubelet, operator
];

/// The phases of one job, by the index of [`PHASES`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phases(pub [Option<u64>; PHASES.len()]);

impl Phases {
    /// When a phase was reached.
    pub fn at(&self, phase: &str) -> Option<u64> {
        let index = PHASES.iter().position(|name| *name == phase)?;
        self.0[index]
    }

    /// Of the time until the result was saved, what Kubernetes, containerd and runc
    /// took to get from a pod's creation to the agent's start.
    pub fn kubernetes(&self) -> Option<u64> {
        let from = self.at("pod created")?;
        self.at("pod running")?.checked_sub(from)
    }

    /// A line of times for people.
    pub fn line(&self) -> String {
        let mut line = String::new();
        for (name, at) in PHASES.iter().zip(self.0) {
            if let Some(at) = at {
                let _ = write!(line, "{name} {}.{:01} s  ", at / 1000, at % 1000 / 100);
            }
        }
        line.trim_end().to_owned()
    }
}

/// Watches one provider's jobs and pods and notes when each was first seen in a
/// phase.
pub struct Watcher {
    seen: Arc<Mutex<Vec<Seen>>>,
    tasks: Vec<JoinHandle<()>>,
}

/// Milliseconds since 1970, job, phase.
type Seen = (u64, String, &'static str);

impl Watcher {
    /// Watches from now on.
    pub fn start(provider: &Provider) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let jobs = watch(provider.jobs(), seen.clone(), |job| {
            let status = job.status.clone().unwrap_or_default();
            let mut phases = vec!["created"];
            if status.destroyed_at.is_some() {
                phases.push("destroyed");
            }
            (job.name_any(), phases)
        });
        let pods = watch(provider.pods(), seen.clone(), |pod: &Pod| {
            let job = pod.labels().get("cdvm.dev/job").cloned();
            (job.unwrap_or_default(), vec!["pod created"])
        });
        Self {
            seen,
            tasks: vec![jobs, pods],
        }
    }

    /// The phases of a job: `events` of its `cdvm --json run`, which was started at
    /// `started` (milliseconds since 1970).
    pub fn phases(&self, world: &World, events: &[Value], started: u64) -> anyhow::Result<Phases> {
        let event = |kind: &str| {
            let mut events = events.iter();
            events.find(|event| event["event"] == kind)
        };
        let at = |kind: &str| event(kind)?["at"].as_u64();
        let request = event("request").context("cdvm sent no request")?;
        let id = request["job"].as_str().context("the request has no job")?;
        let name = id.parse::<JobId>()?.object_name();
        let published = request["at"].as_u64().context("the request has no time")?;
        // On the clock of cdvm.
        let seen = |phase: &str| {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let mut seen = seen.iter();
            let (at, _, _) = seen.find(|(_, job, seen)| *job == name && *seen == phase)?;
            Some(at.saturating_sub(started))
        };
        let pod_created = seen("pod created");
        let machine = at("machine");
        let running = match (pod_created, machine) {
            (Some(from), Some(to)) => agent_started(world, started + from, started + to)?,
            _ => None,
        };
        let accepted = at("input-accepted");
        let times = PHASES.map(|phase| match phase {
            "heard" => at("provider"),
            "pod running" => Some(running?.saturating_sub(started)),
            "attested" => machine,
            "verified" => at("accepted"),
            "input accepted" => accepted,
            // Its result's message is here; opening and saving follow.
            "done" => at("done"),
            "received" => at("result"),
            kube => seen(kube),
        });
        Ok(Phases(times.map(|at| Some(at?.saturating_sub(published)))))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Notes when objects are first seen in a phase.
fn watch<K>(
    api: Api<K>,
    seen: Arc<Mutex<Vec<Seen>>>,
    phases: impl Fn(&K) -> (String, Vec<&'static str>) + Send + 'static,
) -> JoinHandle<()>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    tokio::spawn(async move {
        // A watch ends after minutes; what is there is shown again then.
        loop {
            let Ok(stream) = api.watch(&WatchParams::default(), "0").await else {
                return;
            };
            let mut stream = Box::pin(stream);
            while let Ok(Some(event)) = stream.try_next().await {
                let (WatchEvent::Added(object) | WatchEvent::Modified(object)) = event else {
                    continue;
                };
                let (job, phases) = phases(&object);
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                for phase in phases {
                    let known = seen.iter().any(|(_, j, p)| *j == job && *p == phase);
                    if !known {
                        seen.push((now_ms(), job.clone(), phase));
                    }
                }
            }
        }
    })
}

/// When the workload's container was started, between two times: the last start
/// containerd logged there, since jobs are measured one after the other.
fn agent_started(world: &World, from: u64, to: u64) -> anyhow::Result<Option<u64>> {
    let path = world.state.join("log/containerd.log");
    let log = std::fs::read_to_string(&path)
        .with_context(|| format!("failed to read {}", path.display()))?;
    let starts = log
        .lines()
        .filter(|line| line.contains("StartContainer for") && line.contains("successfully"));
    let times = starts.filter_map(|line| {
        let time = line.split('"').nth(1)?;
        let time: jiff::Timestamp = time.parse().ok()?;
        u64::try_from(time.as_millisecond()).ok()
    });
    Ok(times.filter(|at| (from..=to).contains(at)).max())
}

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
