//! Evidence and receipts as files, for later and for auditors.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use job::{Attestation, Check, Digest, JobId, OfferId, PublicKey, Timestamp};
use serde::{Deserialize, Serialize};

use super::json;
use crate::files;
use crate::state::commitment::Committed;
use crate::story;
use crate::verdict::{Finding, Verdict};

/// Longest evidence file: a message with its checks.
const MAX_EVIDENCE: u64 = 256 * 1024;

/// `attestation.json`: what a guest sent and what was found about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Evidence {
    author: PublicKey,
    recipient: PublicKey,
    job: JobId,
    /// The message's content.
    content: String,
    /// When it was checked.
    pub(crate) at: Timestamp,
    verdict: Word,
    /// Whether nothing is confidential.
    pub(crate) simulated: bool,
    checks: Vec<Check>,
    meaning: String,
    advice: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Accepted,
    Refused,
}

impl Evidence {
    /// Where the evidence of a job's machine is kept, in the job's directory.
    pub(crate) const FILE: &str = "attestation.json";
    const ANOTHER: &str = "another-attestation.json";

    /// Of an attestation and its verdict.
    pub(crate) fn new(attestation: &Attestation, verdict: &Verdict, at: Timestamp) -> Self {
        let (word, meaning, advice) = match &verdict.finding {
            Finding::Accepted => (Word::Accepted, String::new(), String::new()),
            Finding::Refused {
                meaning, advice, ..
            } => (Word::Refused, meaning.clone(), advice.clone()),
        };
        Self {
            author: attestation.author,
            recipient: attestation.recipient,
            job: attestation.job,
            content: attestation.to_content(),
            at,
            verdict: word,
            simulated: verdict.mark.is_simulated(),
            checks: verdict.checks.clone(),
            meaning,
            advice,
        }
    }

    /// Reads a file; what it says of the verdict is for people, not for us.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = files::read_text(path, MAX_EVIDENCE)?;
        serde_json::from_str(&text).with_context(|| format!("failed to read {}", path.display()))
    }

    /// As [`Evidence::read`], if it is there.
    pub(crate) fn of_job(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(Self::FILE);
        path.exists().then(|| Self::read(&path)).transpose()
    }

    /// Keeps it with the job. Evidence of the machine the job is committed to is
    /// never replaced, and that of another one is kept beside it.
    pub(crate) fn keep(&self, dir: &Path, committed: Option<Committed>) -> Result<PathBuf> {
        let is_first = committed.map(|first| first.key() == self.author);
        let path = match is_first {
            Some(false) => dir.join(Self::ANOTHER),
            Some(true) | None => dir.join(Self::FILE),
        };
        let settled = is_first == Some(true) && path.exists();
        if !settled {
            files::replace(&path, &serde_json::to_vec_pretty(self)?)?;
        }
        Ok(path)
    }

    /// The attestation, to be checked again.
    pub(crate) fn attestation(&self) -> Result<Attestation> {
        Attestation::from_content(self.author, self.recipient, self.job, &self.content)
            .context("failed to read the attestation that was kept")
    }

    /// Who showed it, and what became of that.
    pub(crate) fn machine(&self) -> story::Machine {
        let check = self.checks.last().map(|check| check.name.to_string());
        story::Machine {
            key: self.author,
            at: self.at,
            simulated: self.simulated,
            refused: (self.verdict == Word::Refused).then(|| story::Refused {
                check: check.unwrap_or_default(),
                meaning: self.meaning.clone(),
            }),
        }
    }

    /// The checks, as they were.
    pub(crate) fn checks(&self) -> &[Check] {
        &self.checks
    }
}

/// `receipt.json`: what ran where, for whom, on what, with what result.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Receipt {
    pub(crate) order: JobId,
    pub(crate) offer: OfferId,
    pub(crate) service: String,
    pub(crate) provider: PublicKey,
    pub(crate) customer: PublicKey,
    /// The machine's key.
    pub(crate) key: PublicKey,
    /// SHA-256 of the manifest the machine was started with.
    pub(crate) manifest: Digest,
    pub(crate) input: Digest,
    pub(crate) output: Digest,
    /// Whether nothing was confidential.
    pub(crate) simulated: bool,
    pub(crate) checks: Vec<Check>,
    pub(crate) times: Times,
}

/// When things happened, by the customer's clock.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Times {
    pub(crate) ordered: Timestamp,
    pub(crate) verified: Timestamp,
    pub(crate) saved: Timestamp,
}

impl Receipt {
    /// Where it is kept, in the job's directory.
    pub(crate) const FILE: &str = "receipt.json";

    /// Reads it, if it is there.
    pub(crate) fn of_job(dir: &Path) -> Result<Option<Self>> {
        json(&dir.join(Self::FILE), MAX_EVIDENCE)
    }

    /// Keeps it with the job.
    pub(crate) fn keep(&self, dir: &Path) -> Result<PathBuf> {
        let path = dir.join(Self::FILE);
        files::replace(&path, &serde_json::to_vec_pretty(self)?)?;
        Ok(path)
    }
}
