//! What the provider decides when starting the operator.

use std::path::PathBuf;

use clap::Parser;
use job::{ImageRef, Simulated};
use relay::Plain;
use tracing_subscriber::EnvFilter;

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
    /// Runtime class of the confidential machines.
    #[arg(long, default_value = "kata-qemu-snp")]
    pub runtime_class: String,
    /// DEVELOPMENT ONLY: accept evidence made without hardware.
    #[arg(long)]
    pub accept_simulated_evidence_nothing_is_confidential: bool,
    /// DEVELOPMENT ONLY: use ws:// and http:// and private addresses.
    #[arg(long)]
    pub allow_plain_relays: bool,
    /// What is logged, as tracing-subscriber's filter.
    #[arg(long, env = "CDVM_LOG", default_value = "info")]
    pub log: String,
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
