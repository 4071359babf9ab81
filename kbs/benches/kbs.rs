//! The key broker: a guest's handshake and fetch, releases in a second on one core,
//! memory with many grants, and the program's size. Evidence is verified for real; the
//! machines that made it are SIMULATED.
//!
//! There is no peer beside it: Trustee takes OpenSSL, which no build here has.

// Helpers unwrap as tests do; what fails ends the bench either way.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
#![allow(
    dead_code,
    reason = "the tests' guest and broker do more than is measured"
)]

#[path = "../tests/wire/broker.rs"]
mod broker;
#[path = "../../e2e/src/bench.rs"]
#[allow(unreachable_pub, reason = "there it is a library's")]
mod figures;
#[path = "../tests/wire/guest.rs"]
mod guest;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use broker::{Broker, Folder, RESOURCE, SECRET};
use figures::{Figure, Goal, median, report};
use guest::Guest;

/// Handshakes with a fetch, one after the other.
const ONE_BY_ONE: usize = 200;
/// For how long releases are counted.
const LOAD: Duration = Duration::from_secs(10);
/// Guests that ask at once.
const GUESTS: usize = 16;
/// Grants in the broker's memory.
const GRANTS: usize = 10_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()?;
    let folder = Folder::new();
    folder.grant("score", "unlimited");
    multiply_grants(&folder)?;
    let broker = folder.start();
    // The broker has one core, the guests the other.
    let pin = |core: &str, id: u32| {
        Command::new("taskset")
            .args(["-acp", core, &id.to_string()])
            .output()
    };
    pin("0", broker.id())?;
    pin("1", std::process::id())?;
    let mut times = Vec::new();
    for _ in 0..ONE_BY_ONE {
        let guest = Guest::new(&broker.url());
        let began = Instant::now();
        anyhow::ensure!(
            guest.fetch(RESOURCE).await.as_deref() == Some(SECRET),
            "refused"
        );
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    let idle = resident(&broker);
    let before = processor_secs(&broker)?;
    let released = load(&broker.url()).await?;
    let used = processor_secs(&broker)? - before;
    let load = f64::from(released);
    let mut all = vec![
        Figure::new("handshake and fetch", median(&times), "ms").goal(Goal::Max(10.0)),
        Figure::new("releases for a second of one core", load / used, "").goal(Goal::Min(200.0)),
        Figure::new(
            "releases in a second, guests beside it",
            load / LOAD.as_secs_f64(),
            "",
        ),
        Figure::new("resident with 10,000 grants", idle, "MB").goal(Goal::Max(30.0)),
        Figure::new("resident after the load", resident(&broker), "MB"),
    ];
    match root
        .join("target/x86_64-unknown-linux-musl/image/cdvm-kbs")
        .metadata()
    {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        Ok(about) => {
            all.push(Figure::new("program", about.len() as f64 / 1e6, "MB").goal(Goal::Max(10.0)));
        }
        Err(_) => println!("program: not measured; `make images` builds it"),
    }
    report(
        &root,
        "kbs",
        "The key broker; guests are SIMULATED, evidence is verified for real",
        &all,
    )
}

/// One grant as it was written, and many like it for other secrets.
fn multiply_grants(folder: &Folder) -> anyhow::Result<()> {
    let path = folder.path("grants/acme.toml");
    let mut text = std::fs::read_to_string(&path)?;
    let (_, block) = text
        .split_once("[[grant]]")
        .context("no grant was written")?;
    let block = block.to_owned();
    for number in 1..GRANTS {
        let name = block.replace("\"score\"", &format!("\"score-{number}\""));
        let other = name.replace("models/score-1\"", &format!("models/other-{number}\""));
        write!(text, "\n[[grant]]{other}")?;
    }
    std::fs::write(path, text)?;
    Ok(())
}

/// So many guests, each with an order of its own, one after the other.
async fn load(url: &str) -> anyhow::Result<u32> {
    let began = Instant::now();
    let guest = || {
        let url = url.to_owned();
        tokio::spawn(async move {
            let mut done = 0_u32;
            while began.elapsed() < LOAD {
                let fetched = Guest::new(&url).fetch(RESOURCE).await;
                done += u32::from(fetched.as_deref() == Some(SECRET));
            }
            done
        })
    };
    let mut released = 0;
    for task in (0..GUESTS).map(|_| guest()).collect::<Vec<_>>() {
        released += task.await?;
    }
    Ok(released)
}

/// In MB.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn resident(broker: &Broker) -> f64 {
    broker.resident() as f64 / 1e6
}

/// User and system time, of 100 ticks a second (proc(5), stat, fields 14 and 15).
fn processor_secs(broker: &Broker) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", broker.id()))?;
    let (_, after) = stat.rsplit_once(')').context("no stat")?;
    let ticks = after
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse::<f64>);
    let ticks: f64 = ticks.sum::<Result<f64, _>>()?;
    Ok(ticks / 100.0)
}
