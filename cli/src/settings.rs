//! Options as they are meant: what was typed, the environment and the defaults
//! in one value, checked before anything is done.

pub(crate) mod file;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use collateral::server::{Address, AddressError, DEFAULT as AMD, Servers};
use collateral::source::Reach;
use file::{Fault, Name, Values};
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
    trust: Option<Named>,
    state: Option<PathBuf>,
    /// Whether evidence made without hardware may be accepted.
    pub(crate) simulated: Simulated,
    /// Where certificates and revocation lists may come from.
    pub(crate) reach: Reach,
    /// Whether unencrypted and private servers are used.
    pub(crate) plain: Plain,
    /// The key that was typed, also for jobs that say another one.
    pub(crate) key: Option<PathBuf>,
    /// The customer's own key for new orders, instead of a fresh one per job.
    pub(crate) own_key: Option<Named>,
    shown: Vec<(Name, Shown)>,
}

/// A file, and what names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) path: PathBuf,
    pub(crate) by: String,
}

/// What holds of a setting; no values for what happens by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) values: Vec<String>,
    pub(crate) from: Origin,
}

/// Where a value comes from; the first of them that there is counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It was typed.
    Option(&'static str),
    /// The environment.
    Variable(&'static str),
    /// The file of settings, and the line.
    File(PathBuf, usize),
    /// Nobody set it.
    Default,
}

impl Origin {
    /// In a word.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Option(_) => "option",
            Self::Variable(_) => "environment",
            Self::File(..) => "file",
            Self::Default => "default",
        }
    }

    /// Which one, or where.
    pub(crate) fn place(&self) -> Option<String> {
        match self {
            Self::Option(name) | Self::Variable(name) => Some((*name).to_owned()),
            Self::File(path, line) => Some(format!("{}, line {line}", path.display())),
            Self::Default => None,
        }
    }
}

/// Finds what holds of each setting.
struct Sources<'v> {
    values: &'v Values,
    place: &'v Path,
}

impl Sources<'_> {
    fn shown(
        &self,
        name: Name,
        option: &'static str,
        typed: Vec<String>,
        variable: Option<&'static str>,
    ) -> Shown {
        if !typed.is_empty() {
            let from = Origin::Option(option);
            return Shown {
                values: typed,
                from,
            };
        }
        let set = variable.and_then(|variable| Some((variable, std::env::var_os(variable)?)));
        if let Some((variable, value)) = set.filter(|(_, value)| !value.is_empty()) {
            let value = value.to_string_lossy().into_owned();
            let values = match name {
                Name::Relays => value.split(',').map(str::to_owned).collect(),
                _ => vec![value],
            };
            let from = Origin::Variable(variable);
            return Shown { values, from };
        }
        match self.values.get(&name) {
            Some(written) => Shown {
                values: written.values.clone(),
                from: Origin::File(self.place.to_owned(), written.line),
            },
            None => Shown {
                values: Vec::new(),
                from: Origin::Default,
            },
        }
    }

    /// Of a file or folder.
    fn path(
        &self,
        name: Name,
        option: &'static str,
        typed: Option<&PathBuf>,
    ) -> (Shown, Option<Named>) {
        if let Some(path) = typed {
            let shown = Shown {
                values: vec![path.display().to_string()],
                from: Origin::Option(option),
            };
            let by = option.to_owned();
            return (
                shown,
                Some(Named {
                    path: path.clone(),
                    by,
                }),
            );
        }
        let shown = self.shown(name, option, Vec::new(), None);
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let named = shown.values.first().map(|text| Named {
            path: file::path(text, home.as_deref()),
            by: by(name, &shown.from),
        });
        (shown, named)
    }

    /// Of a server, with its default.
    fn server(
        &self,
        name: Name,
        (option, variable): (&'static str, &'static str),
        typed: Option<String>,
        default: &str,
        plain: Plain,
    ) -> Result<(Shown, Address)> {
        let typed = typed.into_iter().collect();
        let mut shown = self.shown(name, option, typed, Some(variable));
        if shown.values.is_empty() {
            shown.values.push(default.to_owned());
        }
        let url = shown.values.first().map_or("", String::as_str);
        let address =
            server(option, url, plain).map_err(|problem| at(name, &shown.from, problem))?;
        Ok((shown, address))
    }
}

/// What names a value, for whoever has to correct it.
fn by(name: Name, from: &Origin) -> String {
    let place = from.place().unwrap_or_default();
    match from {
        Origin::File(..) => format!("{} in {place}", name.text()),
        Origin::Option(_) | Origin::Variable(_) | Origin::Default => place,
    }
}

/// A problem with a value that was not typed says where it stands.
fn at(name: Name, from: &Origin, problem: Problem) -> Problem {
    match from {
        Origin::File(..) | Origin::Variable(_) => Problem {
            what: format!("{}: {}", by(name, from), problem.what),
            ..problem
        },
        Origin::Option(_) | Origin::Default => problem,
    }
}

impl Settings {
    /// Takes the options of every command, and the file of settings where they are
    /// silent; those about output are the teller's.
    pub(crate) fn new(global: Global) -> Result<Self> {
        // Without a home directory there is no such file.
        let Ok(place) = config_file() else {
            return Self::with(global, &Values::new(), Path::new(""));
        };
        let text = read_file(&place)?.unwrap_or_default();
        let values = file::parse(&text).map_err(|fault| faulty(&place, &fault))?;
        Self::with(global, &values, &place)
    }

    /// As [`Settings::new`], with what the file at `place` says.
    pub(crate) fn with(global: Global, values: &Values, place: &Path) -> Result<Self> {
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
        let sources = Sources { values, place };
        let names = ("--key-server", "CDVM_KEY_SERVER");
        let (amd_shown, amd) = sources.server(Name::KeyServer, names, key_server, AMD, plain)?;
        #[cfg(feature = "tdx")]
        let (intel_shown, intel) = {
            let names = ("--intel-server", "CDVM_INTEL_SERVER");
            let default = collateral::intel::DEFAULT;
            sources.server(Name::IntelServer, names, intel_server, default, plain)?
        };
        let relays_shown = sources.shown(Name::Relays, "--relay", typed, Some("CDVM_RELAYS"));
        let relays = relays(&relays_shown, plain)?;
        let (trust_shown, trust) = sources.path(Name::Trust, "--trust", trust.as_ref());
        let (key_shown, own_key) = sources.path(Name::Key, "--key", key.as_ref());
        let (mut state_shown, state) = sources.path(Name::State, "--state", state.as_ref());
        let state = state.map(|named| named.path).or_else(default_state);
        if state_shown.values.is_empty() {
            let default = state.as_ref().map(|state| state.display().to_string());
            state_shown.values.extend(default);
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
                Reach::Servers(Servers {
                    amd,
                    #[cfg(feature = "tdx")]
                    intel: Some(intel),
                })
            },
            plain,
            key,
            own_key,
            shown: vec![
                (Name::Relays, relays_shown),
                (Name::KeyServer, amd_shown),
                #[cfg(feature = "tdx")]
                (Name::IntelServer, intel_shown),
                (Name::Key, key_shown),
                (Name::Trust, trust_shown),
                (Name::State, state_shown),
            ],
        })
    }

    /// What holds of each setting.
    pub(crate) fn shown(self) -> Vec<(Name, Shown)> {
        self.shown
    }

    /// The relays to ask, at least one.
    pub(crate) fn relays(&self) -> Result<&[String]> {
        if self.relays.is_empty() {
            let next = "name one with --relay wss://…, or for good: cdvm config set relays wss://…";
            return Err(Problem::usage("no relay is named", next).into());
        }
        Ok(&self.relays)
    }

    /// What is taken for true: the file that was named, and nothing else; or
    /// what ships, with the customer's own file before it.
    pub(crate) fn trust(&self) -> Result<Trust> {
        if let Some(Named { path, by }) = &self.trust {
            given::look(by, path, Kind::File)?;
            return self.read_trust(path);
        }
        let built_in = Trust::built_in().context("failed to read what ships as trusted")?;
        let own = config_dir().map(|dir| dir.join("cdvm/trust.toml"));
        // A link that leads nowhere is no reason to go on without one's own rules.
        match own.filter(|file| file.symlink_metadata().is_ok()) {
            Some(file) => Ok(self.read_trust(&file)?.with_entries_of(built_in)),
            None => Ok(built_in),
        }
    }

    fn read_trust(&self, file: &Path) -> Result<Trust> {
        given::look("the trust file", file, Kind::File)?;
        require_not_open(file, "It says what is trusted: no machine was verified")?;
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
        self.state.clone().ok_or_else(|| {
            Problem::usage(
                "there is no home directory to keep jobs in",
                "name one with --state",
            )
            .into()
        })
    }
}

/// The relays, each once and each of a kind that is used.
fn relays(shown: &Shown, plain: Plain) -> Result<Vec<String>, Problem> {
    let mut relays: Vec<String> = Vec::new();
    for url in &shown.values {
        let url = url.trim().to_owned();
        if let Err(error) = plain.relay(&url) {
            let problem = Problem::usage(error.to_string(), "name another relay");
            return Err(at(Name::Relays, &shown.from, problem));
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
        let problem = Problem::usage(what, "leave some out");
        return Err(at(Name::Relays, &shown.from, problem));
    }
    Ok(relays)
}

/// Where settings are kept.
pub(crate) fn config_file() -> Result<PathBuf, Problem> {
    let file = config_dir().map(|dir| dir.join("cdvm/config.toml"));
    file.ok_or_else(|| {
        let what = "there is no home directory to keep settings in";
        Problem::usage(what, "set HOME or XDG_CONFIG_HOME to a whole path")
    })
}

/// The file of settings, if there is one. Who may write it decides what is trusted
/// and where orders go.
pub(crate) fn read_file(place: &Path) -> Result<Option<String>> {
    if let Err(error) = place.symlink_metadata()
        && error.kind() == std::io::ErrorKind::NotFound
    {
        return Ok(None);
    }
    let meaning = "It says what is trusted and where orders go: nothing was done";
    require_not_open(place, meaning)?;
    given::look("the file of settings", place, Kind::File)?;
    let text = files::read_text(place, file::MAX_FILE)?;
    Ok(Some(text.to_string()))
}

/// Whoever may write it decides: that must not be everybody.
fn require_not_open(place: &Path, meaning: &str) -> Result<(), Problem> {
    let open = |seen: std::fs::Metadata| seen.is_file() && seen.permissions().mode() & 0o002 != 0;
    if !std::fs::metadata(place).is_ok_and(open) {
        return Ok(());
    }
    let what = format!("{} can be written by everybody", place.display());
    let next = format!(
        "see that it is as you want it, then chmod o-w {}",
        place.display()
    );
    Err(Problem::new(Exit::Usage, what, meaning, next))
}

/// What is wrong with the file of settings.
pub(crate) fn faulty(place: &Path, fault: &Fault) -> Problem {
    let what = format!("{}, line {}: {}", place.display(), fault.line, fault.what);
    let next = if fault.what.starts_with("this is no TOML") {
        "correct that line in an editor"
    } else {
        "correct that line, or remove it: cdvm config unset NAME"
    };
    Problem::new(Exit::Usage, what, "Nothing was done", next)
}

fn default_state() -> Option<PathBuf> {
    xdg("XDG_DATA_HOME", ".local/share").map(|dir| dir.join("cdvm"))
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
