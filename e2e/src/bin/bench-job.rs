//! From the request to the saved result on the development cluster, by phases,
//! beside what the same cluster needs for a plain Kubernetes Job. The guest is
//! SIMULATED: a real one boots a virtual machine.

// JSON is read by name; a name that is not there gives null.
#![allow(clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use e2e::bench::{Figure, Goal, median, report};
use e2e::customer::Customer;
use e2e::phases::{PHASES, Phases, Watcher, now_ms};
use e2e::provider::Provider;
use e2e::wait::until;
use k8s_openapi::api::batch::v1::Job;
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

/// Jobs measured, one after the other.
const JOBS: usize = 20;

/// Peers measured.
const PEERS: usize = 10;

const SOON: Duration = Duration::from_mins(1);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let provider = Provider::start("bench").await?;
    println!("bench-job  {PEERS} plain Kubernetes Jobs, then {JOBS} confidential ones");
    let mut peers = Vec::new();
    for number in 0..PEERS {
        peers.push(plain_job(&provider, number).await?);
    }
    let peer_writes = writes_since(&provider, 0, PEERS, |user, entry| {
        let of_job = entry["objectRef"]["namespace"] == provider.namespace.as_str();
        of_job && user.starts_with("system:serviceaccount:kube-system:")
    })?;

    let customer = Customer::new(&provider, "bench")?;
    customer.copy(
        "table.csv",
        &provider
            .world
            .root
            .join("examples/analyse/data/breast-cancer-wisconsin.csv"),
    )?;
    let run = [
        "run",
        "analyse",
        "--input",
        "table.csv",
        "--output",
        "report.md",
    ];
    customer.cdvm(&run).await?; // the first one warms what is warm from then on
    let before = audit_len(&provider)?;
    let watcher = Watcher::start(&provider);
    let mut measured = Vec::new();
    for number in 1..=JOBS {
        let began = now_ms();
        let mut arguments = vec!["--json"];
        arguments.extend(run);
        let said = customer.cdvm(&arguments).await?;
        ensure!(said.code == 0, "job {number} failed: {}", said.stderr);
        // The last phase is the provider's; cdvm waited for it.
        let phases = watcher.phases(&provider.world, &said.events(), began)?;
        println!("bench-job  {number:>2}  {}", phases.line());
        measured.push(phases);
    }
    let of_ours = format!("system:serviceaccount:{}:", provider.namespace);
    let job_writes = writes_since(&provider, before, JOBS, |user, _| {
        user.starts_with(&of_ours)
    })?;
    let figures = figures(&provider, &measured, &peers, job_writes, peer_writes)?;
    let heading = format!(
        "Request published to result saved, median of {JOBS} jobs one after the other; guest SIMULATED"
    );
    report(&provider.world.root, "job", &heading, &figures)
}

fn figures(
    provider: &Provider,
    measured: &[Phases],
    peers: &[f64],
    job_writes: f64,
    peer_writes: f64,
) -> anyhow::Result<Vec<Figure>> {
    const PEER: &str = "plain Kubernetes Job, created to complete";
    let of = |phase: &str| -> Vec<f64> {
        let times = measured.iter().filter_map(|phases| phases.at(phase));
        times.map(seconds).collect()
    };
    let received = of("received");
    ensure!(received.len() == measured.len(), "a job has no result");
    let ours: Vec<f64> = measured
        .iter()
        .filter_map(|phases| Some(phases.at("received")? - phases.kubernetes()?))
        .map(seconds)
        .collect();
    let mut figures = vec![
        Figure::new("request to result", median(&received), "s")
            .beside(PEER, median(peers))
            .goal(Goal::Max(4.0)),
        Figure::new(
            "of it ours, outside Kubernetes and runc",
            median(&ours),
            "s",
        )
        .goal(Goal::Max(0.3)),
    ];
    for phase in PHASES {
        figures.push(Figure::new(
            format!("until {phase}"),
            median(&of(phase)),
            "s",
        ));
    }
    figures.push(Figure::new("API writes per job", job_writes, "writes").beside(PEER, peer_writes));
    for program in ["operator", "bridge"] {
        let figure = Figure::new(
            format!("{program} resident memory"),
            memory(provider, program)?,
            "MB",
        );
        figures.push(if program == "operator" {
            figure.goal(Goal::Max(40.0))
        } else {
            figure
        });
    }
    Ok(figures)
}

fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}

/// A plain Job of one small pod: seconds from its creation to its completion.
async fn plain_job(provider: &Provider, number: usize) -> anyhow::Result<f64> {
    let api: Api<Job> = Api::namespaced(provider.client.clone(), &provider.namespace);
    let name = format!("plain-{number}");
    let image = provider.world.image("probe")?;
    let container = json!({"name": "probe", "image": image, "command": ["/probe", "fail", "0"]});
    let job: Job = serde_json::from_value(json!({
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": {
            "restartPolicy": "Never",
            "initContainers": [{"name": "first", "image": image, "command": ["/probe", "fail", "0"]}],
            "containers": [container],
        }}},
    }))?;
    let started = Instant::now();
    api.create(&PostParams::default(), &job).await?;
    let look = || async {
        Ok(api
            .get(&name)
            .await?
            .status
            .and_then(|status| status.succeeded))
    };
    until("a plain job", SOON, look, |done| *done == Some(1)).await?;
    Ok(started.elapsed().as_secs_f64())
}

fn audit(provider: &Provider) -> anyhow::Result<String> {
    let path = provider.world.state.join("log/audit.log");
    std::fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))
}

fn audit_len(provider: &Provider) -> anyhow::Result<usize> {
    Ok(audit(provider)?.len())
}

/// Writes per job in the audit log after its first `from` bytes, and a table of
/// what they were.
fn writes_since(
    provider: &Provider,
    from: usize,
    jobs: usize,
    counts: impl Fn(&str, &Value) -> bool,
) -> anyhow::Result<f64> {
    let log = audit(provider)?;
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for line in log.get(from..).unwrap_or_default().lines() {
        let Ok(entry) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let text = |field: &Value| field.as_str().unwrap_or_default().to_owned();
        let (user, verb) = (text(&entry["user"]["username"]), text(&entry["verb"]));
        let write = matches!(verb.as_str(), "create" | "update" | "patch" | "delete");
        if write && counts(&user, &entry) {
            let object = &entry["objectRef"];
            let mut what = format!("{verb} {}", text(&object["resource"]));
            if let Some(sub) = object["subresource"].as_str() {
                what = format!("{what}/{sub}");
            }
            let who = user.rsplit(':').next().unwrap_or_default();
            *kinds.entry(format!("{what} by {who}")).or_default() += 1;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let per_job = |count: usize| count as f64 / jobs as f64;
    println!("bench-job  API writes per job:");
    for (what, count) in &kinds {
        println!("bench-job    {:>6.2}  {what}", per_job(*count));
    }
    Ok(per_job(kinds.values().sum()))
}

/// Resident memory of one of our programs in this namespace, MB.
fn memory(provider: &Provider, program: &str) -> anyhow::Result<f64> {
    let command = format!("/{program}\0--namespace={}\0", provider.namespace);
    for entry in std::fs::read_dir("/proc")? {
        let dir = entry?.path();
        let line = std::fs::read(dir.join("cmdline")).unwrap_or_default();
        if line.starts_with(command.as_bytes()) {
            let status = std::fs::read_to_string(dir.join("status"))?;
            let field = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let kb = field.and_then(|text| text.split_whitespace().next());
            let kb: f64 = kb.context("a process without VmRSS")?.parse()?;
            return Ok(kb / 1000.0);
        }
    }
    anyhow::bail!("the {program} does not run")
}
