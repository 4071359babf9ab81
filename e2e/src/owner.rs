//! An owner of an algorithm, with a key broker of their own beside the cluster: the
//! `cdvm-kbs` command and what it keeps.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use crds::{ConfidentialService, Kbs, Secret};
use serde_json::{Value, json};
use tokio::process::Child;

use crate::provider::Provider;
use crate::wait::until;
use crate::world::{NODE, World};

/// TEST VECTOR: the key that signs operators' tokens, and its public half.
pub const ADMIN_KEY: &str = include_str!("../../operator/src/execute/broker/test-key.pem");
const ADMIN_PUBLIC: &str = include_str!("../../operator/src/execute/broker/test-key.pub.pem");

fn administrators() -> String {
    format!(
        "[[identity_providers]]\nissuer = \"cdvm-operator\"\naudience = \"kbs\"\npublic_key = '''\n{ADMIN_PUBLIC}'''\n\
         [[acls]]\nrole = \"cdvm-jobs\"\nallowed_endpoints = \"^/kbs/v0/resource/cdvm/.+$\"\n"
    )
}

/// How long the broker may take to listen.
const START: Duration = Duration::from_secs(20);

/// An owner.
pub struct Owner {
    world: World,
    dir: PathBuf,
    address: String,
    broker: Option<Child>,
}

impl Owner {
    /// An owner whose broker listens on a free port of the node.
    pub async fn new(provider: &Provider, name: &str) -> anyhow::Result<Self> {
        let world = provider.world.clone();
        let dir = world
            .state
            .join("owners")
            .join(&provider.namespace)
            .join(name);
        // A world's folder outlives the world: what an earlier run left is another owner's.
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(dir.join("grants"))?;
        let free = std::net::TcpListener::bind((NODE, 0))?;
        let address = free.local_addr()?.to_string();
        drop(free);
        let mut owner = Self {
            world,
            dir,
            address,
            broker: None,
        };
        std::fs::write(owner.dir.join("admin.toml"), administrators())?;
        owner.kbs(&["new-master-key", &owner.text("master")])?;
        owner.start().await?;
        Ok(owner)
    }

    fn text(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.world.root.join("target/images/cdvm-kbs"));
        command
            .env("CDVM_KBS_STATE", self.dir.join("state"))
            .env("CDVM_KBS_GRANTS", self.dir.join("grants"))
            .env("CDVM_KBS_MASTER_KEY", self.dir.join("master"));
        command
    }

    /// What a command prints.
    pub fn kbs(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.command().args(arguments).output();
        let output = output.context("failed to start cdvm-kbs: run `make images`")?;
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            bail!("cdvm-kbs {}: {error}", arguments.join(" "));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Starts the broker, with a certificate of its own making.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        let log = std::fs::File::create(self.dir.join("broker.log"))?;
        let ip = NODE.to_string();
        let mut command = self.command();
        command
            .args([
                "serve",
                "--listen",
                &self.address,
                "--tls-self-made",
                &ip,
                "--trust-file",
            ])
            .arg(self.world.trust())
            .arg("--accept-simulated-evidence-nothing-is-confidential")
            .arg("--admin-file")
            .arg(self.dir.join("admin.toml"))
            .stderr(Stdio::from(log));
        let mut command = tokio::process::Command::from(command);
        self.broker = Some(command.kill_on_drop(true).spawn()?);
        let address = self.address.clone();
        let look = || async { Ok(tokio::net::TcpStream::connect(&address).await.is_ok()) };
        until("the key broker", START, look, |listens| *listens).await?;
        Ok(())
    }

    /// Values of the chart by which an operator puts secrets of single jobs into this
    /// broker. The Secret `broker-key` has its key.
    pub fn chart_values(&self, secrets: &[&str]) -> anyhow::Result<Value> {
        let pem = std::fs::read_to_string(self.dir.join("state/tls.pem"))?;
        Ok(json!({"broker": {
            "url": format!("https://{}", self.address), "certificate": pem, "adminKeySecret": "broker-key",
            "jobSecretNames": secrets,
        }}))
    }

    /// Names of the secrets of single jobs that it has.
    pub fn of_jobs(&self) -> anyhow::Result<usize> {
        let listed = self.kbs(&["list"])?;
        let line = listed.lines().find_map(|line| {
            line.strip_suffix(" secrets of single jobs, put there by the operator")
        });
        Ok(line.map_or(Ok(0), str::parse)?)
    }

    /// Kills the broker, as a crash does.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut broker) = self.broker.take() {
            broker.kill().await?;
        }
        Ok(())
    }

    /// A service that needs the secret `resource` as `name`, of this broker.
    pub fn require(
        &self,
        service: &mut ConfidentialService,
        name: &str,
        resource: &str,
    ) -> anyhow::Result<()> {
        let pem = std::fs::read_to_string(self.dir.join("state/tls.pem"))?;
        let terms = &mut service.spec.terms;
        let secret = Secret {
            name: name.to_owned(),
            resource: format!("kbs:///{resource}"),
        };
        terms.secrets = vec![secret];
        let kbs = Kbs {
            url: format!("https://{}", self.address),
            certificate: pem,
        };
        terms.kbs = Some(kbs);
        Ok(())
    }

    /// Puts a secret there and lets what is offered as `service` have it so often.
    pub async fn grant(
        &self,
        provider: &Provider,
        service: &str,
        (resource, secret): (&str, &str),
        runs: &str,
    ) -> anyhow::Result<()> {
        std::fs::write(self.dir.join("secret"), secret)?;
        self.kbs(&["put", resource, &self.text("secret")])?;
        std::fs::remove_file(self.dir.join("secret"))?;
        let offer = provider.offered(service).await?;
        std::fs::write(
            self.dir.join("terms.json"),
            serde_json::to_vec(&offer.content.cdvm)?,
        )?;
        let (terms, agent) = (
            self.text("terms.json"),
            self.world.image("agent")?.to_owned(),
        );
        self.kbs(&[
            "grant",
            service,
            resource,
            "--terms",
            &terms,
            "--agent",
            &agent,
            "--customer",
            "any",
            "--runs",
            runs,
            "--until",
            "never",
        ])?;
        // A running broker takes it within seconds.
        let look = || async { self.log() };
        let taken = |log: &Vec<Value>| {
            log.iter()
                .any(|line| line["event"] == "grants" && line["grants"] != 0)
        };
        until("the grant", START, look, taken).await?;
        Ok(())
    }

    /// The lines of its log.
    pub fn log(&self) -> anyhow::Result<Vec<Value>> {
        let text = self.kbs(&["log", "--json"])?;
        let lines = text
            .lines()
            .map(|line| Ok(serde_json::from_str::<Value>(line)?["line"].take()));
        lines.collect()
    }

    /// Those of one kind.
    pub fn events(&self, kind: &str) -> anyhow::Result<Vec<Value>> {
        let log = self.log()?;
        Ok(log
            .into_iter()
            .filter(|line| line["event"] == kind)
            .collect())
    }
}
