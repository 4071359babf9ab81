//! The world the scenarios run in: a cluster that is up, images that are built.
//! It reaches the tests by the environment; without it they fail, never skip.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, bail};
use job::Timestamp;
use simvendor::{Chip, ChipSpec, Generation};

/// The node's address on the bridge its pods hang on: what pods can reach.
pub const NODE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 88, 0, 1));

/// Variable with the world's log directory, which lies in its state directory
/// (`world.env`).
const VARIABLE: &str = "CDVM_LOG_DIR";

/// A world that is up.
#[derive(Clone, Debug)]
pub struct World {
    /// Its state directory: kubeconfig and logs.
    pub state: PathBuf,
    /// The checkout.
    pub root: PathBuf,
    images: BTreeMap<String, String>,
}

impl World {
    /// The world of this process.
    pub fn from_env() -> anyhow::Result<Self> {
        let logs = std::env::var_os(VARIABLE)
            .map(PathBuf::from)
            .with_context(|| {
                format!(
                    "{VARIABLE} is not set: these tests need a cluster; run them with `make test`"
                )
            })?;
        let state = logs
            .parent()
            .context("the log directory has no parent")?
            .to_owned();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let root = root.canonicalize().context("failed to find the checkout")?;
        let list = root.join("target/images/images.env");
        let text = std::fs::read_to_string(&list)
            .with_context(|| format!("failed to read {}: run `make images`", list.display()))?;
        let images = text.lines().filter_map(|line| line.split_once('='));
        Ok(Self {
            state,
            images: images.map(|(n, r)| (n.to_owned(), r.to_owned())).collect(),
            root,
        })
    }

    /// Reference of an image, by digest.
    pub fn image(&self, name: &str) -> anyhow::Result<&str> {
        let image = self.images.get(name).map(String::as_str);
        image.with_context(|| format!("no image {name}: run `make images`"))
    }

    /// The customer's command.
    pub fn cdvm(&self) -> PathBuf {
        self.root.join("target/images/cdvm")
    }

    /// The trust file that accepts the simulated machine.
    pub fn trust(&self) -> PathBuf {
        self.root.join("target/simtee/trust.toml")
    }

    /// The chip of the simulated machine.
    pub fn simulated_chip(&self, now: Timestamp) -> anyhow::Result<Chip> {
        let spec = ChipSpec::new(Generation::Genoa, now.as_secs());
        let chip = Chip::load(
            Generation::Genoa,
            spec,
            &self.root.join("target/simtee/machine"),
        );
        chip.context("failed to read the simulated chip: run `make simtee`")
    }

    /// The kubeconfig of the cluster's administrator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.state.join("kubeconfig")
    }

    /// Runs one of the cluster's tools and returns what it printed.
    pub fn tool(&self, name: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.try_tool(name, arguments, "")?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            bail!("failed to run {name} {}: {stderr}", arguments.join(" "));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs one of the cluster's tools with this input, whatever comes of it.
    pub fn try_tool(&self, name: &str, arguments: &[&str], input: &str) -> anyhow::Result<Output> {
        use std::io::Write as _;
        use std::process::Stdio;
        let mut child = Command::new(name)
            .args(arguments)
            .env("KUBECONFIG", self.kubeconfig())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("failed to run {name}"))?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        child.wait_with_output().context("failed to wait")
    }

    /// `kubectl` in a namespace.
    pub fn kubectl(&self, namespace: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let mut all = vec!["--namespace", namespace];
        all.extend_from_slice(arguments);
        self.tool("kubectl", &all)
    }
}
