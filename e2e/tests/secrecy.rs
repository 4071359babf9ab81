//! What a provider with every right on the cluster sees of a job: nothing of the
//! data. A marker that only the data hold is searched for everywhere.

use std::path::Path;
use std::time::Duration;

use e2e::commons::{commons, run};
use e2e::customer::Customer;
use e2e::provider::Provider;
use e2e::wait::until;
use kube::ResourceExt as _;

const SOON: Duration = Duration::from_secs(30);

/// In the data and in the result; nowhere else in the world.
const MARKER: &str = "Zq7-very-secret-marker-9Xw";

#[test]
fn the_provider_sees_nothing_of_the_data() -> anyhow::Result<()> {
    run(async {
        let provider = commons().await?;
        provider
            .apply(&provider.probe("sleeper", &["sleep", "10"])?)
            .await?;
        let customer = Customer::new(provider, "secrecy")?;
        let input = customer.write("input.txt", MARKER.repeat(20))?;
        let output = customer.file("output.txt");
        let (input, output) = (input.to_str().unwrap(), output.to_str().unwrap());
        let mut running =
            customer.start(&["run", "sleeper", "--input", input, "--output", output])?;

        // While the workload holds the data.
        let jobs = provider.jobs();
        let look = || async { Ok(jobs.list(&kube::api::ListParams::default()).await?.items) };
        let of_sleeper = |job: &crds::ConfidentialJob| {
            let status = job.status.clone().unwrap_or_default();
            status.service.as_deref() == Some("sleeper")
                && status.phase.as_deref() == Some("Running")
        };
        let found = until("a running job", SOON, look, |jobs| {
            jobs.iter().any(of_sleeper)
        })
        .await?;
        let job = found.into_iter().find(of_sleeper).unwrap();
        let pod = format!("{}-1", job.name_any());
        let exec = [
            "--namespace",
            &provider.namespace,
            "exec",
            &pod,
            "--",
            "/cdvm/agent",
        ];
        let exec = provider.world.try_tool("kubectl", &exec, "")?;
        assert!(!exec.status.success());
        let said = String::from_utf8_lossy(&exec.stderr).into_owned();
        assert!(
            said.contains("ExecProcessRequest is blocked by policy"),
            "{said}"
        );

        search(provider, &pod, MARKER)?;

        let status = running.wait().await?;
        assert!(status.success());
        assert!(std::fs::read_to_string(output)?.starts_with(MARKER));
        provider.destroyed(&job.name_any(), SOON).await?;
        search(provider, &pod, MARKER)?;
        for event in provider.events().await {
            assert!(!dvm::event::to_json(&event).contains(MARKER));
        }
        for blob in provider.held_blobs() {
            assert!(!contains(&blob, MARKER.as_bytes()));
        }
        Ok(())
    })
}

/// Everything Kubernetes and the node hold about it.
pub(crate) fn search(provider: &Provider, pod: &str, marker: &str) -> anyhow::Result<()> {
    let logs = [
        "--namespace",
        &provider.namespace,
        "logs",
        pod,
        "--all-containers",
    ];
    let logs = provider.world.try_tool("kubectl", &logs, "")?;
    assert!(
        logs.stdout.is_empty(),
        "{}",
        String::from_utf8_lossy(&logs.stdout)
    );
    let what = "cjob,csvc,pods,events,secrets,configmaps";
    let all = provider
        .world
        .kubectl(&provider.namespace, &["get", what, "--output", "json"])?;
    assert!(!all.contains(marker), "an object holds the data");
    for program in ["operator", "bridge"] {
        let deployment = format!("deployment/cdvm-{program}");
        let log = provider
            .world
            .kubectl(&provider.namespace, &["logs", &deployment])?;
        assert!(
            !log.contains(marker),
            "the log of the {program} holds the data"
        );
    }
    // What Kubernetes writes lies in the world's own /run, /var/lib and /var/log;
    // /run/cdvm is its state directory, where the customer's files are too.
    for place in ["/run", "/var/lib", "/var/log"] {
        search_files(Path::new(place), marker)?;
    }
    search_files(&provider.world.state.join("log"), marker)
}

fn search_files(place: &Path, marker: &str) -> anyhow::Result<()> {
    let Ok(entries) = std::fs::read_dir(place) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() && path != Path::new("/run/cdvm") {
            search_files(&path, marker)?;
        } else if kind.is_file()
            && let Ok(content) = std::fs::read(&path)
        {
            let held = contains(&content, marker.as_bytes());
            assert!(!held, "{} holds the data", path.display());
        }
    }
    Ok(())
}

fn contains(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|window| window == needle)
}
