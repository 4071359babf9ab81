//! Reading what is to be verified from a file: evidence as a machine, the guest
//! components or this program wrote it, or a Nostr event. Evidence alone says
//! itself whether it is of SEV-SNP or TDX. What cannot be read is
//! no refusal: it says nothing about any machine.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use dvm::{Keys, Rumor, Unsigned};
use evidence::{REPORT_LEN, Report, from_guest_components};
use job::{Attestation, Timestamp};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::exit::{Exit, Problem};
use crate::files;
use crate::state::records::Evidence;

/// Longest file of evidence: a message with its checks, or the guest components'
/// JSON. Events are shorter.
const MAX_FILE: u64 = 256 * 1024;

/// A report without the job it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bare {
    /// The report's bytes; they are a report by their form.
    pub(crate) report: Vec<u8>,
    /// DER of the signing key's certificate; empty when none came with it.
    pub(crate) certificate: Vec<u8>,
}

/// A quote of TDX without the job it is for, as it was found. Nothing about it is
/// verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quoted {
    /// The bytes; their first ones are a quote's.
    pub(crate) quote: Vec<u8>,
    /// Whether an event log came with it.
    pub(super) event_log: EventLog,
}

/// The log of what the guest's registers were extended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventLog {
    /// It is there; it is not read.
    Given,
    /// There is none.
    Absent,
}

/// Evidence alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Alone {
    /// Of SEV-SNP.
    Report(Bare),
    /// Of TDX.
    Quote(Quoted),
}

/// Evidence alone: a report's 1184 bytes, a quote, or the guest components' JSON
/// of either.
pub(super) fn alone(path: &Path) -> Result<Alone> {
    readable(path, || form(&files::read(path, MAX_FILE)?))
}

/// As [`alone`], or the evidence that is kept of a job.
pub(crate) fn any(path: &Path) -> Result<Alone> {
    readable(path, || {
        let bytes = files::read(path, MAX_FILE)?;
        if let Ok(kept) = serde_json::from_slice::<Evidence>(&bytes) {
            let attestation = kept.attestation()?;
            return Ok(Alone::Report(Bare {
                report: attestation.report,
                certificate: attestation.certificate,
            }));
        }
        form(&bytes)
    })
}

fn form(bytes: &[u8]) -> Result<Alone> {
    let bare = if is_quote(bytes) {
        return Ok(Alone::Quote(Quoted {
            quote: bytes.to_vec(),
            event_log: EventLog::Absent,
        }));
    } else if bytes.len() == REPORT_LEN {
        Bare {
            report: bytes.to_vec(),
            certificate: Vec::new(),
        }
    } else if bytes.first() == Some(&b'{') {
        if serde_json::from_slice::<HasQuote>(bytes).is_ok() {
            return quoted(bytes).map(Alone::Quote);
        }
        let evidence = from_guest_components(bytes)?;
        Bare {
            report: evidence.report,
            certificate: evidence.certificate,
        }
    } else {
        bail!(
            "neither the {REPORT_LEN} bytes of a report, nor a quote of TDX, nor the guest components' JSON"
        );
    };
    Report::parse(&bare.report).context("not a report")?;
    Ok(Alone::Report(bare))
}

/// Version 4 or 5, and the TEE type of TDX: two bytes from 0, four from 4, both
/// little-endian. A report has its version in the first four bytes and its guest
/// SVN in the next: one of version 4 or 5 whose guest SVN is 0x81 has its own length.
fn is_quote(bytes: &[u8]) -> bool {
    matches!(bytes, [4 | 5, 0, _, _, 0x81, 0, 0, 0, ..]) && bytes.len() != REPORT_LEN
}

/// What no other evidence has.
#[derive(Deserialize)]
struct HasQuote {
    #[serde(rename = "quote")]
    _quote: IgnoredAny,
}

/// The guest components' evidence of TDX.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GuestComponentsQuote {
    cc_eventlog: Option<String>,
    quote: String,
}

fn quoted(json: &[u8]) -> Result<Quoted> {
    let GuestComponentsQuote { cc_eventlog, quote } =
        serde_json::from_slice(json).context("not the guest components' evidence of TDX")?;
    let quote = BASE64.decode(quote).context("the quote is not base64")?;
    if !is_quote(&quote) {
        bail!("what stands under `quote` is no quote of TDX");
    }
    Ok(Quoted {
        quote,
        event_log: cc_eventlog.map_or(EventLog::Absent, |_| EventLog::Given),
    })
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
