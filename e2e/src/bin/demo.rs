//! The main job, told as a story: a provider installs the chart, a customer has a
//! confidential table analysed over Nostr and a letter masked by way of kubectl,
//! and two attacks fail. Ends well only when all of it held.
//!
//! Runs inside a world that is up, beside `devrelay` (`make demo`).

// JSON is read by name; a name that is not there gives null.
#![allow(clippy::indexing_slicing)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use e2e::attacks::Attack;
use e2e::customer::{Customer, Said};
use e2e::hostile::Hostile;
use e2e::phases::{Watcher, now_ms};
use e2e::provider::{Provider, Servers};
use e2e::wait::until;
use kube::api::{DeleteParams, ListParams};

const SOON: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut servers = std::env::args().skip(1);
    let (Some(relay), Some(blobs)) = (servers.next(), servers.next()) else {
        bail!("usage: demo RELAY-URL BLOB-SERVER-URL");
    };
    let servers = Servers {
        relays: vec![relay],
        blobs,
    };
    let started = Instant::now();

    heading("A provider installs Confidential DVM and offers two services");
    let provider = Provider::at("demo", servers).await?;
    provider.install().await?;
    for service in ["analyse", "redact"] {
        provider.apply_service(service).await?;
    }
    println!("{}", provider.kubectl(&["get", "csvc"])?);

    heading("A customer has a confidential table analysed, over Nostr");
    let customer = Customer::new(&provider, "customer")?;
    let data = provider.world.root.join("examples/analyse/data");
    customer.copy("table.csv", &data.join("breast-cancer-wisconsin.csv"))?;
    let watcher = Watcher::start(&provider);
    let began = now_ms();
    let run = [
        "run",
        "analyse",
        "--input",
        "table.csv",
        "--output",
        "report.md",
    ];
    let said = customer.live(&run).await?;
    ensure!(said.code == 0, "cdvm run ended with {}", said.code);
    let report = customer.file("report.md");
    same(&report, &data.join("report.md"))?;
    println!("\nThe report begins:\n");
    let text = std::fs::read_to_string(&report)?;
    text.lines()
        .take(10)
        .for_each(|line| println!("    {line}"));
    let phases = watcher.phases(&provider.world, &said.events(), began)?;
    drop(watcher);

    heading("The same way by kubectl: the signed order as a ConfidentialJob");
    let masked = by_kubectl(&provider, &customer).await?;
    let letters = provider.world.root.join("examples/redact/data");
    same(&masked, &letters.join("letter.masked.txt"))?;

    heading("Attack: the provider swaps the workload's image");
    attack(Attack::Image).await?;
    heading("Attack: the provider answers with evidence of another job");
    attack(Attack::OtherJob).await?;

    heading("What is left");
    let jobs = provider.jobs().list(&ListParams::default()).await?;
    for job in &jobs.items {
        let name = job
            .metadata
            .name
            .as_deref()
            .context("a job without a name")?;
        provider.destroyed(name, SOON).await?;
    }
    println!("{}", provider.kubectl(&["get", "cjob"])?);
    nothing_left(&provider).await?;
    println!("No pod of a job and no guest process is left.");

    heading("What happened");
    println!("{}", story(&phases.line()));
    println!("The demo took {:.1} s.", started.elapsed().as_secs_f64());
    Ok(())
}

fn heading(text: &str) {
    println!("\n── {text} ──\n");
}

/// Whether a result is what the program gives outside of any machine.
fn same(result: &Path, expected: &Path) -> anyhow::Result<()> {
    let equal = std::fs::read(result)? == std::fs::read(expected)?;
    ensure!(equal, "{} is not {}", result.display(), expected.display());
    Ok(())
}

/// Order, verify, send, receive: one step each.
async fn by_kubectl(provider: &Provider, customer: &Customer) -> anyhow::Result<PathBuf> {
    println!("$ cdvm request redact --param summary=yes --yaml | kubectl apply -f -");
    let order = ["request", "redact", "--param", "summary=yes", "--yaml"];
    let order = customer.cdvm(&order).await?;
    ensure!(order.code == 0, "{}", order.stderr);
    let applied = provider.apply_text(&order.stdout)?;
    print!("{}", String::from_utf8_lossy(&applied.stdout));
    ensure!(
        applied.status.success(),
        "{}",
        String::from_utf8_lossy(&applied.stderr)
    );
    let letter = provider.world.root.join("examples/redact/data/letter.txt");
    customer.copy("letter.txt", &letter)?;
    for step in [
        &["verify"][..],
        &["send", "--input", "letter.txt"],
        &["result", "--output", "masked.txt"],
    ] {
        let said = customer.live(step).await?;
        ensure!(said.code == 0, "cdvm {} ended with {}", step[0], said.code);
    }
    Ok(customer.file("masked.txt"))
}

/// A hostile provider answers an order; the customer must refuse, and no event at
/// all may be sealed to the machine's key.
async fn attack(attack: Attack) -> anyhow::Result<()> {
    let mut hostile = Hostile::start(&attack.name(), "redact").await?;
    let victim = Customer::new(&hostile.provider, "victim")?;
    victim.write("letter.txt", "write to anna@example.org")?;
    let run = [
        "run",
        "redact",
        "--input",
        "letter.txt",
        "--output",
        "masked.txt",
    ];
    let answer = async {
        let order = hostile.order().await?;
        attack.answer(&mut hostile, &order).await
    };
    let (said, answered) = tokio::join!(victim.live(&run), answer);
    answered?;
    let said = said?;
    println!("$ echo $?\n{}", said.code);
    let key = refused(&said, attack)?;
    for relay in &hostile.provider.relays {
        ensure!(relay.events_to(key).await.is_empty(), "something was sent");
    }
    println!("The relays hold no event for that machine's key.");
    let pods = hostile.provider.pods();
    let all = ListParams::default();
    pods.delete_collection(&DeleteParams::default().grace_period(0), &all)
        .await?;
    Ok(())
}

/// The key of the machine that was refused.
fn refused(said: &Said, attack: Attack) -> anyhow::Result<job::PublicKey> {
    let refused = said.event("refused").context("nothing was refused")?;
    ensure!(said.code == 3 && refused["check"] == attack.refused_by());
    let key = refused["key"].as_str().context("no machine answered")?;
    Ok(key.parse()?)
}

/// No pod of a job in any namespace, and no guest process in this world.
async fn nothing_left(provider: &Provider) -> anyhow::Result<()> {
    let look = || async {
        let pods = provider.world.tool(
            "kubectl",
            &[
                "get",
                "pods",
                "--all-namespaces",
                "--selector",
                "cdvm.dev/job",
                "--output",
                "name",
            ],
        )?;
        Ok((pods, guests()?))
    };
    until("the end of all guests", SOON, look, |(pods, guests)| {
        pods.is_empty() && *guests == 0
    })
    .await?;
    Ok(())
}

/// Guest processes of this world, by their command line.
fn guests() -> anyhow::Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir("/proc")? {
        let command = std::fs::read(entry?.path().join("cmdline")).unwrap_or_default();
        count += usize::from(command.starts_with(b"/simtee\0guest"));
    }
    Ok(count)
}

fn story(times: &str) -> String {
    format!(
        "A customer ordered the analysis of a table and got an answer from a machine that did not\n\
         exist before. Its evidence (SIMULATED here) said: these programs, this order, this key.\n\
         Only then the table left, sealed to that key; the report came back sealed; the machine is\n\
         gone. The provider saw none of it. Two dishonest answers were refused before any data left.\n\n\
         Times since the request was published:\n  {times}\n"
    )
}
