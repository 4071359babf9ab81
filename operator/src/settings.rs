//! What the provider decides when starting the operator.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};
use collateral::server::{Address, Servers};
use job::{ImageRef, JobId, Simulated};
use relay::Plain;
use tokio::sync::mpsc;
use tracing_subscriber::EnvFilter;

use crate::fetches::Fetches;

/// The operator of Confidential DVM: announces services, runs orders in fresh
/// confidential machines, and destroys them.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub struct Settings {
    /// Namespace of services and jobs: one provider serves one namespace.
    #[arg(long, env = "POD_NAMESPACE")]
    pub namespace: String,
    /// File with the provider's secret key (nsec1… or hex).
    #[arg(long, value_name = "FILE")]
    pub key_file: PathBuf,
    /// Relay offers are published to (repeat for more).
    #[arg(long = "relay", value_name = "URL", required = true)]
    pub relays: Vec<String>,
    /// Image of the agent, by digest.
    #[arg(long, value_name = "IMAGE")]
    pub agent_image: ImageRef,
    /// Trust file to verify guests with; without it, what ships.
    #[arg(long, value_name = "FILE")]
    pub trust_file: Option<PathBuf>,
    /// Key server that is asked for what evidence does not bring: AMD's, or a mirror of
    /// it. Who runs it learns which chips are here. Without it, nobody is asked.
    #[arg(long, value_name = "URL", requires = "collateral_dir")]
    pub key_server: Option<String>,
    /// Where what it answers is kept.
    #[arg(long, value_name = "DIR", requires = "key_server")]
    pub collateral_dir: Option<PathBuf>,
    /// Runtime class of the confidential machines.
    #[arg(long, default_value = "kata-qemu-snp")]
    pub runtime_class: String,
    /// The key broker that takes secrets of single jobs.
    #[command(flatten)]
    pub broker: BrokerArgs,
    /// DEVELOPMENT ONLY: accept evidence made without hardware.
    #[arg(long)]
    pub accept_simulated_evidence_nothing_is_confidential: bool,
    /// DEVELOPMENT ONLY: use ws:// and http:// and private addresses.
    #[arg(long)]
    pub allow_plain_relays: bool,
    /// What is logged, as tracing-subscriber's filter.
    #[arg(long, env = "CDVM_LOG", default_value = "info")]
    pub log: String,
    /// What to do instead of running.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The key broker that takes secrets of single jobs. Owners' secrets need none of this.
#[derive(Clone, Debug, Args)]
pub struct BrokerArgs {
    /// Its URL: https://HOST[:PORT]. Without it, services with secrets of single jobs are
    /// refused.
    #[arg(long, value_name = "URL", requires = "broker_admin_key")]
    pub broker_url: Option<String>,
    /// Its certificate, PEM; without it, those of the web are believed.
    #[arg(long, value_name = "FILE", requires = "broker_url")]
    pub broker_certificate: Option<PathBuf>,
    /// Private key that signs its admin tokens: Ed25519 or P-256, PKCS #8 in PEM.
    #[arg(long, value_name = "FILE", requires = "broker_url")]
    pub broker_admin_key: Option<PathBuf>,
    /// `iss` of the tokens.
    #[arg(long, value_name = "NAME", default_value = "cdvm-operator")]
    pub broker_issuer: String,
    /// `aud` of the tokens.
    #[arg(long, value_name = "NAME", default_value = "kbs")]
    pub broker_audience: String,
    /// `role` of the tokens.
    #[arg(long, value_name = "NAME", default_value = "cdvm-jobs")]
    pub broker_role: String,
}

/// The same, for a broker that is there.
#[derive(Clone, Debug)]
pub struct BrokerSettings {
    /// Its URL, without a slash at the end.
    pub url: String,
    /// Its certificate.
    pub certificate: Option<PathBuf>,
    /// The key that signs tokens.
    pub admin_key: PathBuf,
    /// `iss` of the tokens.
    pub issuer: String,
    /// `aud` of the tokens.
    pub audience: String,
    /// `role` of the tokens.
    pub role: String,
}

impl BrokerArgs {
    /// The broker, if there is one.
    ///
    /// # Errors
    /// When its URL is none. Plain HTTP would give secrets to the network: only loopback.
    pub fn settings(&self) -> anyhow::Result<Option<BrokerSettings>> {
        let Self {
            broker_url,
            broker_certificate,
            broker_admin_key,
            broker_issuer,
            broker_audience,
            broker_role,
        } = self.clone();
        let (Some(url), Some(admin_key)) = (broker_url, broker_admin_key) else {
            return Ok(None);
        };
        let url = url.trim_end_matches('/').to_owned();
        let loopback = ["http://127.0.0.1:", "http://[::1]:"];
        let fits =
            url.starts_with("https://") || loopback.iter().any(|start| url.starts_with(start));
        anyhow::ensure!(
            fits,
            "the key broker's URL {url:?} must begin with https://"
        );
        Ok(Some(BrokerSettings {
            url,
            certificate: broker_certificate,
            admin_key,
            issuer: broker_issuer,
            audience: broker_audience,
            role: broker_role,
        }))
    }
}

/// What the operator does once, besides running.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Takes this provider out of its namespace: stops its programs, ends its jobs, tells
    /// the customers, withdraws the offers. `helm uninstall` runs it first.
    Drain(Drain),
}

/// How a provider is taken out.
#[derive(Clone, Debug, Args)]
pub struct Drain {
    /// What becomes of jobs that have a machine; all others end.
    #[arg(long, value_enum, default_value_t = Running::End)]
    pub jobs: Running,
    /// Longest time, in seconds. Then it says what is left, starts the programs again, and
    /// fails.
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    pub limit: u64,
    /// Deployment to stop first (repeat for more).
    #[arg(long = "deployment", value_name = "NAME")]
    pub deployments: Vec<String>,
}

/// What becomes of jobs that have a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Running {
    /// They end, and their customers are told.
    End,
    /// They are waited for.
    Wait,
}

impl Settings {
    /// Starts logging, one JSON object per line.
    pub fn start_log(&self) {
        // The pool prints whole messages, sealed or not; nobody needs them.
        let filter = format!("{},nostr_relay_pool=off", self.log);
        let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
        tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_env_filter(filter)
            .init();
    }

    /// Fetches what evidence does not bring, if there is a server to ask; jobs that go on
    /// are sent to `wake`.
    pub(crate) fn fetches(&self, wake: mpsc::Sender<JobId>) -> anyhow::Result<Option<Fetches>> {
        let (Some(url), Some(dir)) = (&self.key_server, &self.collateral_dir) else {
            return Ok(None);
        };
        let amd = Address::new(url, self.plain())
            .with_context(|| format!("failed to use the key server {url:?}"))?;
        Ok(Some(Fetches::new(dir.clone(), Servers::of_amd(amd), wake)))
    }

    /// Whether simulated evidence is accepted.
    pub const fn simulated(&self) -> Simulated {
        if self.accept_simulated_evidence_nothing_is_confidential {
            Simulated::Accepted
        } else {
            Simulated::Refused
        }
    }

    /// Whether plain relays are used.
    pub const fn plain(&self) -> Plain {
        if self.allow_plain_relays {
            Plain::Allowed
        } else {
            Plain::Refused
        }
    }
}
