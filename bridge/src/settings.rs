//! What the provider decides when starting the bridge.

use std::path::PathBuf;

use clap::Parser;
use relay::Plain;
use tracing_subscriber::EnvFilter;

/// The bridge of Confidential DVM: hears orders on Nostr and writes them down as
/// ConfidentialJobs.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub(crate) struct Settings {
    /// Namespace of services and jobs: one provider serves one namespace.
    #[arg(long, env = "POD_NAMESPACE")]
    pub(crate) namespace: String,
    /// File with the provider's secret key (nsec1… or hex).
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: PathBuf,
    /// Relay orders are heard on (repeat for more).
    #[arg(long = "relay", value_name = "URL", required = true)]
    pub(crate) relays: Vec<String>,
    /// ConfigMap cancellations are remembered in.
    #[arg(long, value_name = "NAME")]
    pub(crate) memory: String,
    /// DEVELOPMENT ONLY: use ws:// and http:// and private addresses.
    #[arg(long)]
    pub(crate) allow_plain_relays: bool,
    /// What is logged, as tracing-subscriber's filter.
    #[arg(long, env = "CDVM_LOG", default_value = "info")]
    pub(crate) log: String,
}

impl Settings {
    /// Starts logging, one JSON object per line.
    pub(crate) fn start_log(&self) {
        // The pool prints whole messages, sealed or not; nobody needs them.
        let filter = format!("{},nostr_relay_pool=off", self.log);
        let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
        tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_env_filter(filter)
            .init();
    }

    /// Whether plain relays are used.
    pub(crate) const fn plain(&self) -> Plain {
        if self.allow_plain_relays {
            Plain::Allowed
        } else {
            Plain::Refused
        }
    }
}
