//! Options as they are meant: what was typed, the environment and the defaults
//! in one value, checked before anything is done.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use collateral::server::{Address, AddressError, Servers};
use collateral::source::Reach;
use job::{Simulated, Trust};
use relay::Plain;

use crate::args::Global;
use crate::exit::{Exit, Problem};
use crate::files;
use crate::given::{self, Kind};

/// An order names at most so many relays.
const MAX_RELAYS: usize = 8;

/// Longest trust file; `job::Trust` says the same.
const MAX_TRUST: u64 = 1024 * 1024;

/// Options of every command, resolved.
pub(crate) struct Settings {
    relays: Vec<String>,
    trust: Option<PathBuf>,
    state: Option<PathBuf>,
    /// Whether evidence made without hardware may be accepted.
    pub(crate) simulated: Simulated,
    /// Where certificates and revocation lists may come from.
    pub(crate) reach: Reach,
    /// Whether unencrypted and private servers are used.
    pub(crate) plain: Plain,
    /// The customer's own key, instead of a fresh one per job.
    pub(crate) key: Option<PathBuf>,
}

impl Settings {
    /// Takes the options of every command; those about output are the teller's.
    pub(crate) fn new(global: Global) -> Result<Self> {
        let Global {
            relays: typed,
            trust,
            accept_simulated,
            allow_plain_relays,
            key_server,
            #[cfg(feature = "tdx")]
            intel_server,
            offline,
            json: _,
            state,
            key,
            debug: _,
        } = global;
        let plain = if allow_plain_relays {
            Plain::Allowed
        } else {
            Plain::Refused
        };
        let servers = Servers {
            amd: server("--key-server", &key_server, plain)?,
            #[cfg(feature = "tdx")]
            intel: Some(server("--intel-server", &intel_server, plain)?),
        };
        let mut relays: Vec<String> = Vec::new();
        for url in typed {
            let url = url.trim().to_owned();
            if let Err(error) = plain.relay(&url) {
                return Err(Problem::usage(error.to_string(), "name another relay").into());
            }
            if !relays.contains(&url) {
                relays.push(url);
            }
        }
        if relays.len() > MAX_RELAYS {
            let what = format!(
                "{} relays are named, and an order has at most 8",
                relays.len()
            );
            return Err(Problem::usage(what, "leave some out").into());
        }
        Ok(Self {
            relays,
            trust,
            state,
            simulated: if accept_simulated {
                Simulated::Accepted
            } else {
                Simulated::Refused
            },
            reach: if offline {
                Reach::Offline
            } else {
                Reach::Servers(servers)
            },
            plain,
            key,
        })
    }

    /// The relays to ask, at least one.
    pub(crate) fn relays(&self) -> Result<&[String]> {
        if self.relays.is_empty() {
            let next = "name one with --relay wss://…, or several in CDVM_RELAYS";
            return Err(Problem::usage("no relay is named", next).into());
        }
        Ok(&self.relays)
    }

    /// What is taken for true: the file that was named, and nothing else; or
    /// what ships, with the customer's own file before it.
    pub(crate) fn trust(&self) -> Result<Trust> {
        if let Some(file) = &self.trust {
            given::look("--trust", file, Kind::File)?;
            return self.read_trust(file);
        }
        let built_in = Trust::built_in().context("failed to read what ships as trusted")?;
        let own = config_dir().map(|dir| dir.join("cdvm/trust.toml"));
        match own.filter(|file| file.exists()) {
            Some(file) => Ok(self.read_trust(&file)?.with_entries_of(built_in)),
            None => Ok(built_in),
        }
    }

    fn read_trust(&self, file: &Path) -> Result<Trust> {
        let text = files::read_text(file, MAX_TRUST)?;
        Trust::parse(&text, self.simulated).map_err(|error| {
            let mut what = format!("{}: {error}", file.display());
            if let Some(source) = std::error::Error::source(&error) {
                what = format!("{what}: {source}");
            }
            let meaning = "No machine can be verified by it; nothing was sent";
            let next = "correct the file, or name another with --trust";
            Problem::new(Exit::Usage, what, meaning, next).into()
        })
    }

    /// Where jobs are kept.
    pub(crate) fn state(&self) -> Result<PathBuf> {
        if let Some(dir) = &self.state {
            return Ok(dir.clone());
        }
        let data = xdg("XDG_DATA_HOME", ".local/share").map(|dir| dir.join("cdvm"));
        data.ok_or_else(|| {
            Problem::usage(
                "there is no home directory to keep jobs in",
                "name one with --state",
            )
            .into()
        })
    }
}

/// Takes what was typed for an option.
fn server(option: &str, typed: &str, plain: Plain) -> Result<Address, Problem> {
    Address::new(typed, plain).map_err(|error| {
        let how = match error {
            AddressError::NoUrl | AddressError::NotBare => "",
            AddressError::NotEncrypted => {
                ": use https://, or, for development, --allow-plain-relays"
            }
        };
        let next = format!("name one as {option} https://HOST");
        Problem::usage(format!("the server {typed:?} {error}{how}"), next)
    })
}

fn config_dir() -> Option<PathBuf> {
    xdg("XDG_CONFIG_HOME", ".config")
}

/// A directory of the XDG base directory specification: relative ones count as
/// not set.
fn xdg(variable: &str, under_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| {
        let dir = std::env::var_os(name).map(PathBuf::from);
        dir.filter(|dir| dir.is_absolute())
    };
    absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(under_home)))
}
