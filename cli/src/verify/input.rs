//! Reading what is to be verified from a file: evidence as a machine, the guest
//! components, others (`input/`) or this program wrote it, or a Nostr event. Evidence
//! alone says itself whether it is of SEV-SNP or TDX. What cannot be read is no
//! refusal: it says nothing about any machine.

mod folder;
mod form;
mod hcl;
mod json;
mod named;
mod parts;
mod raw;
#[cfg(test)]
mod tests;

#[cfg(feature = "tdx")]
pub(crate) use named::NotRead;

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use dvm::{Keys, Rumor, Unsigned};
use job::{Attestation, Digest, Timestamp};

use crate::exit::{Exit, Problem};
use crate::files;
use crate::state::records::Evidence;
use zeroize::Zeroizing;

/// Longest file of evidence: a quote whose JSON carries the firmware's whole event
/// log, 256 KiB of it in base64. All others are shorter.
const MAX_FILE: u64 = 1024 * 1024;

/// A report without the job it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bare {
    /// The report's bytes; they are a report by their form.
    pub(crate) report: Vec<u8>,
    /// DER of the signing key's certificate; empty when none came with it.
    pub(crate) certificate: Vec<u8>,
    /// What else came with it.
    pub(crate) beside: Beside,
}

/// A quote of TDX without the job it is for, as it was found. Nothing about it is
/// verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quoted {
    /// The bytes; their first ones are a quote's.
    pub(crate) quote: Vec<u8>,
    /// What else came with it.
    pub(crate) beside: Beside,
}

/// What came with a report or quote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Beside {
    /// SHA-256 of the data that the first half of REPORT_DATA has to be the digest of.
    pub(crate) runtime_data: Option<Digest>,
    /// What is not looked at, in words.
    pub(crate) unread: Vec<&'static str>,
}

/// Evidence alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Alone {
    /// Of SEV-SNP.
    Report(Bare),
    /// Of TDX.
    Quote(Quoted),
}

impl Alone {
    fn beside(&mut self) -> &mut Beside {
        match self {
            Self::Report(bare) => &mut bare.beside,
            Self::Quote(quoted) => &mut quoted.beside,
        }
    }

    /// With one thing more that is not looked at.
    fn noting(mut self, unread: &'static str) -> Self {
        self.beside().unread.push(unread);
        self
    }
}

/// Evidence alone, in every form that is known here.
pub(super) fn alone(path: &Path) -> Result<Alone> {
    if path.is_dir() {
        return folder::read(path);
    }
    form::form(&bytes(path)?).map_err(|not_read| not_read.problem(path).into())
}

fn bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let read = files::read(path, MAX_FILE);
    read.map_err(|error| named::not_had(&error).into())
}

/// As [`alone`], or the evidence that is kept of a job.
pub(crate) fn any(path: &Path) -> Result<Alone> {
    if path.is_dir() {
        return alone(path);
    }
    let bytes = bytes(path)?;
    let Ok(kept) = serde_json::from_slice::<Evidence>(&bytes) else {
        return form::form(&bytes).map_err(|not_read| not_read.problem(path).into());
    };
    let attestation = readable(path, || kept.attestation())?;
    Ok(Alone::Report(Bare {
        report: attestation.report,
        certificate: attestation.certificate,
        beside: Beside::default(),
    }))
}

/// An attestation as an event brought it.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) attestation: Attestation,
    /// Who vouches for its author.
    pub(crate) author: Author,
}

/// Who vouches for the author of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    /// The seal it came in.
    Sealed,
    /// Nobody: a rumor is not signed.
    Claimed,
}

/// A gift wrap that `keys` open, or the rumor that was in one.
pub(crate) fn event(path: &Path, keys: Option<&Keys>) -> Result<Heard> {
    let json = readable(path, || files::read_text(path, MAX_FILE))?;
    let value: serde_json::Value = readable(path, || Ok(serde_json::from_str(&json)?))?;
    let (rumor, author) = if value.get("sig").is_some() {
        let event = readable(path, || Ok(dvm::parse_event(&json)?))?;
        let Some(keys) = keys else {
            let what = format!("{} is sealed", path.display());
            let next = "name the key of its reader: --key FILE; that of a job is key.nsec where the job is kept";
            return Err(Problem::usage(what, next).into());
        };
        let opened = || {
            let opened = dvm::open(&event, keys);
            opened.context("failed to open it with this key")
        };
        (readable(path, opened)?, Author::Sealed)
    } else {
        (readable(path, || rumor(&json))?, Author::Claimed)
    };
    let attestation = readable(path, || Ok(dvm::attestation::from_rumor(&rumor)?))?;
    Ok(Heard {
        attestation,
        author,
    })
}

/// A rumor whose id is its content's.
fn rumor(json: &str) -> Result<Rumor> {
    let rumor: Rumor = serde_json::from_str(json).context("not an event")?;
    let again = Rumor::new(
        rumor.pubkey,
        Unsigned {
            kind: rumor.kind,
            created_at: Timestamp::from_secs(rumor.created_at),
            tags: rumor.tags.clone(),
            content: rumor.content.clone(),
        },
    );
    if rumor.tags.iter().any(Vec::is_empty) || again != rumor {
        bail!("the rumor's id does not fit its content");
    }
    Ok(rumor)
}

/// What fails here is a file that is not what it should be. What one should
/// have typed instead stays that.
pub(crate) fn readable<T>(path: &Path, read: impl FnOnce() -> Result<T>) -> Result<T> {
    read().map_err(|error| match error.downcast_ref::<Problem>() {
        Some(problem) if problem.exit != Exit::Usage => error,
        Some(_) | None => Problem::unreadable(path, &error).into(),
    })
}
