//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use job::{ImageRef, Simulated};

/// The key broker of Confidential DVM: keeps secrets, and releases them to machines
/// that prove which job they run.
///
/// In five minutes: `cdvm-kbs new-master-key KEY`, `cdvm-kbs put acme/models/score-1
/// model.key`, `cdvm-kbs grant …`, `cdvm-kbs check`, `cdvm-kbs serve …`. Each teaches
/// itself with `--help`.
#[derive(Debug, Parser)]
#[command(name = "cdvm-kbs", version)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where things are.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Folder of what counts: secrets (sealed), runs, revocations, the log.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "CDVM_KBS_STATE",
        default_value = "/var/lib/cdvm-kbs"
    )]
    pub(crate) state: PathBuf,
    /// Folder of grants, a file <owner>.toml for each owner.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "CDVM_KBS_GRANTS",
        default_value = "/etc/cdvm-kbs/grants"
    )]
    pub(crate) grants: PathBuf,
    /// File with the master key: 32 random bytes, raw, hex or base64.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "CDVM_KBS_MASTER_KEY",
        conflicts_with = "passphrase_file"
    )]
    pub(crate) master_key: Option<PathBuf>,
    /// File with a passphrase in place of a master key.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "CDVM_KBS_PASSPHRASE_FILE"
    )]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Where the end of the log is noted, so that a state put back from a copy is
    /// noticed: best on another disk than the state. Without it, in the state's folder.
    #[arg(long, global = true, value_name = "FILE", env = "CDVM_KBS_HEAD_FILE")]
    pub(crate) head_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the broker until told to stop.
    Serve(Serve),
    /// Writes a fresh master key into a file that is not there yet.
    NewMasterKey {
        /// The file.
        file: PathBuf,
    },
    /// Puts a secret there, or another in its place.
    Put {
        /// Its name: owner/kind/name, such as acme/models/score-1.
        resource: String,
        /// File with it; `-` reads standard input.
        file: PathBuf,
    },
    /// Removes a secret.
    Remove {
        /// Its name.
        resource: String,
    },
    /// Writes a grant into its owner's file, and explains it.
    Grant(Box<Grant>),
    /// Reads all grants, and says who could get which key, by what.
    Check,
    /// Shows grants with how often each was used, and which secrets are there.
    List,
    /// Shows the log.
    Log {
        /// Only check that the log is whole.
        #[arg(long)]
        verify: bool,
        /// Only what is about this owner's secrets and grants.
        #[arg(long, value_name = "OWNER")]
        owner: Option<String>,
        /// One JSON object per line.
        #[arg(long)]
        json: bool,
    },
    /// Ends a grant for good, at once, whatever its file says.
    Revoke {
        /// owner/name, as `list` shows it.
        grant: String,
    },
    /// Seals every secret under another master key. The broker must not run.
    Rotate {
        /// File with the new master key.
        #[arg(long, value_name = "FILE")]
        new_master_key: PathBuf,
    },
    /// Copies the state, whole, while the broker runs. Secrets in it stay sealed.
    Backup {
        /// The copy; must not be there yet.
        file: PathBuf,
    },
    /// Puts a copy back. The broker must not run.
    Restore {
        /// The copy.
        file: PathBuf,
        /// Runs and revocations since the copy was made are lost, and could be given
        /// again: say so.
        #[arg(long)]
        what_happened_since_is_lost: bool,
    },
}

/// How the broker runs.
#[derive(Clone, Debug, Args)]
pub(crate) struct Serve {
    /// Where it listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Trust file to verify guests with, the same as cdvm's. Read again when it changes.
    #[arg(long, value_name = "FILE")]
    pub(crate) trust_file: PathBuf,
    /// File of administrators over HTTP (issuers and roles). Without it there are none.
    #[arg(long, value_name = "FILE")]
    pub(crate) admin_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) transport: Transport,
    /// DEVELOPMENT ONLY: release secrets to machines without hardware.
    #[arg(long)]
    pub(crate) accept_simulated_evidence_nothing_is_confidential: bool,
}

/// How it is spoken to: one of three.
#[derive(Clone, Debug, Args)]
#[group(required = true)]
pub(crate) struct Transport {
    /// Certificates, PEM, the server's own first.
    #[arg(long, value_name = "FILE", requires = "tls_key", group = "how")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// Its key, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Make a certificate for this name or address, keep it with the state, and print it:
    /// it goes into the terms as `kbs.certificate` (repeat for more).
    #[arg(
        long,
        value_name = "NAME",
        group = "how",
        conflicts_with = "tls_certificate"
    )]
    pub(crate) tls_self_made: Vec<String>,
    /// DEVELOPMENT ONLY: plain HTTP, on loopback alone.
    #[arg(long, group = "how", conflicts_with_all = ["tls_certificate", "tls_self_made"])]
    pub(crate) insecure_http_on_loopback: bool,
}

/// What is granted.
#[derive(Clone, Debug, Args)]
pub(crate) struct Grant {
    /// Name of the grant: what is counted and revoked.
    pub(crate) name: String,
    /// The secret: owner/kind/name.
    pub(crate) resource: String,
    /// File with the terms of the service, JSON: an offer's `cdvm`, or all of an offer
    /// (`cdvm offers --json`). What the grant says of the job is taken from there.
    #[arg(long, value_name = "FILE")]
    pub(crate) terms: PathBuf,
    /// Image of the agent, by digest (repeat for more).
    #[arg(long = "agent", value_name = "IMAGE", required = true)]
    pub(crate) agents: Vec<ImageRef>,
    /// SHA-256 of a policy text; without it, this version's.
    #[arg(long = "policy", value_name = "SHA256")]
    pub(crate) policies: Vec<job::Digest>,
    /// Whose orders: npub or hex (repeat for more), or `any`.
    #[arg(long = "customer", value_name = "KEY", required = true)]
    pub(crate) customers: Vec<String>,
    /// Runs in all: a number, or `unlimited`.
    #[arg(long, value_name = "N")]
    pub(crate) runs: String,
    /// Runs for each customer.
    #[arg(long, value_name = "N", default_value = "unlimited")]
    pub(crate) runs_per_customer: String,
    /// Runs on each day, in UTC.
    #[arg(long, value_name = "N", default_value = "unlimited")]
    pub(crate) runs_per_day: String,
    /// Until when: a date such as 2026-12-31, a time, or `never`.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: String,
    /// From when; without it, from now.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
}

impl Serve {
    /// Whether simulated evidence is accepted.
    pub(crate) const fn simulated(&self) -> Simulated {
        if self.accept_simulated_evidence_nothing_is_confidential {
            Simulated::Accepted
        } else {
            Simulated::Refused
        }
    }
}
