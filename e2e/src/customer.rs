//! A customer: the `cdvm` command with a state directory of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::provider::Provider;
use crate::world::World;

/// Longest run of one command.
const LIMIT: Duration = Duration::from_mins(2);

const NO_CDVM: &str = "failed to start cdvm: run `make images`";

/// A customer on the relays of one provider.
pub struct Customer {
    world: World,
    dir: PathBuf,
    options: Vec<String>,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Said {
    /// The events of `--json`.
    pub fn events(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        lines
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// The first event of a kind.
    pub fn event(&self, kind: &str) -> Option<Value> {
        self.events()
            .into_iter()
            .find(|event| event["event"] == kind)
    }
}

impl Customer {
    /// A customer who accepts the simulated machine.
    pub fn new(provider: &Provider, name: &str) -> anyhow::Result<Self> {
        let mut customer = Self::wary(provider, name)?;
        let trust = customer.world.trust();
        let trust = trust.to_str().context("the checkout's path is not UTF-8")?;
        customer.options.extend([
            "--trust".to_owned(),
            trust.to_owned(),
            "--accept-simulated-evidence-nothing-is-confidential".to_owned(),
        ]);
        Ok(customer)
    }

    /// A customer with the trust file that ships, which accepts no simulation.
    pub fn wary(provider: &Provider, name: &str) -> anyhow::Result<Self> {
        let world = provider.world.clone();
        let dir = world
            .state
            .join("customers")
            .join(&provider.namespace)
            .join(name);
        std::fs::create_dir_all(&dir)?;
        let state = dir.join("state").display().to_string();
        let mut options = vec![
            "--state".to_owned(),
            state,
            "--allow-plain-relays".to_owned(),
        ];
        for url in &provider.servers.relays {
            options.extend(["--relay".to_owned(), url.clone()]);
        }
        Ok(Self {
            world,
            dir,
            options,
        })
    }

    /// The same customer with more options.
    #[must_use]
    pub fn with(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(ToString::to_string));
        self
    }

    /// A file in the customer's directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Copies a file into the customer's directory.
    pub fn copy(&self, name: &str, from: &Path) -> anyhow::Result<PathBuf> {
        self.write(name, std::fs::read(from)?)
    }

    /// Writes a file into the customer's directory.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> anyhow::Result<PathBuf> {
        let path = self.file(name);
        std::fs::write(&path, content)?;
        Ok(path)
    }

    /// Where the command keeps its jobs.
    pub fn state(&self) -> PathBuf {
        self.file("state")
    }

    /// Runs `cdvm` to its end.
    pub async fn cdvm(&self, arguments: &[&str]) -> anyhow::Result<Said> {
        let child = self.start(arguments)?;
        let output = tokio::time::timeout(LIMIT, child.wait_with_output());
        let Ok(output) = output.await else {
            bail!("cdvm {} did not end within {LIMIT:?}", arguments.join(" "));
        };
        let output = output?;
        Ok(Said {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs `cdvm --json` before everybody's eyes: the command, and its lines for
    /// people as they come.
    pub async fn live(&self, arguments: &[&str]) -> anyhow::Result<Said> {
        use std::process::Stdio;
        println!("$ cdvm {}", arguments.join(" "));
        let mut command = self.command(arguments);
        command.arg("--json").stderr(Stdio::inherit());
        let child = command.spawn().context(NO_CDVM)?;
        let output = child.wait_with_output().await?;
        Ok(Said {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::new(),
        })
    }

    /// Starts `cdvm` in the background; it is killed when this is dropped.
    pub fn start(&self, arguments: &[&str]) -> anyhow::Result<Child> {
        self.command(arguments).spawn().context(NO_CDVM)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        use std::process::Stdio;
        let mut command = Command::new(self.world.cdvm());
        command
            .args(&self.options)
            .args(arguments)
            .env_clear()
            .env("HOME", &self.dir)
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// `cdvm run SERVICE` on a file, with `--json`.
    pub async fn run(&self, service: &str, input: &Path, output: &Path) -> anyhow::Result<Said> {
        let input = input.to_str().context("not UTF-8")?;
        let output = output.to_str().context("not UTF-8")?;
        self.cdvm(&[
            "--json", "run", service, "--input", input, "--output", output,
        ])
        .await
    }
}
