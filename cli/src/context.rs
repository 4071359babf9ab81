//! What every command is given: settings, a voice, and a note of which job it
//! is about, for whoever presses Ctrl-C.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use collateral::fetch::Fetcher;
use collateral::source::{Effort, Source};
use job::Timestamp;

use crate::news::tell::Teller;
use crate::settings::Settings;

/// What every command is given.
pub(crate) struct Context<'t> {
    /// Options, resolved.
    pub(crate) settings: Settings,
    /// Tells what happens.
    pub(crate) teller: &'t Teller,
    /// What evidence may not bring.
    pub(crate) collateral: Source,
    job: RefCell<Option<PathBuf>>,
}

impl<'t> Context<'t> {
    /// For one command.
    pub(crate) fn new(settings: Settings, teller: &'t Teller) -> Self {
        let dir = settings.state().ok().map(|state| state.join("collateral"));
        Self {
            collateral: Source::new(dir.as_deref(), settings.reach.clone()),
            settings,
            teller,
            job: RefCell::new(None),
        }
    }

    /// Brings collateral as of `now`.
    pub(crate) const fn fetcher(&self, effort: Effort, now: Timestamp) -> Fetcher<'_, Teller> {
        Fetcher {
            listener: self.teller,
            source: &self.collateral,
            effort,
            now,
        }
    }

    /// From now on the command is about the job kept in `dir`.
    pub(crate) fn work_on(&self, dir: &Path) {
        self.job.replace(Some(dir.to_owned()));
    }

    /// Where the job is kept that the command is about.
    pub(crate) fn job(&self) -> Option<PathBuf> {
        self.job.borrow().clone()
    }
}
