//! Feedback (kind 7000) in its three directions: the provider to the customer,
//! the guest to the customer, and the guest's few constants to the provider.

use core::fmt;
use core::str::FromStr;

use job::{Digest, JobId, PublicKey, Timestamp};

use crate::event::Unsigned;
use crate::tags::{MessageError, all, once, parsed, tag};
use crate::{Rumor, kind};

/// Longest text of a status: for people, one line.
const MAX_TEXT: usize = 4096;

/// What a feedback says (NIP-90's statuses).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing more happens until it is paid.
    PaymentRequired,
    /// It is being worked on.
    Processing,
    /// It failed.
    Error,
    /// It is done.
    Success,
    /// A part of the result.
    Partial,
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::PaymentRequired => "payment-required",
            Self::Processing => "processing",
            Self::Error => "error",
            Self::Success => "success",
            Self::Partial => "partial",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = MessageError;

    fn from_str(text: &str) -> Result<Self, MessageError> {
        [
            Self::PaymentRequired,
            Self::Processing,
            Self::Error,
            Self::Success,
            Self::Partial,
        ]
        .into_iter()
        .find(|status| status.as_str() == text)
        .ok_or(MessageError::Tag("status"))
    }
}

/// Feedback to the customer, by the provider or by the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// What it says.
    pub status: Status,
    /// For people.
    pub text: String,
    /// Digest of the input, when it was accepted.
    pub input: Option<Digest>,
    /// Number of this progress report or part, from 1.
    pub seq: Option<u64>,
    /// How far the workload is: done, of.
    pub progress: Option<(u64, u64)>,
    /// Part of the result.
    pub part: Option<String>,
}

impl Feedback {
    /// Feedback that says only this.
    pub fn new(status: Status, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
            input: None,
            seq: None,
            progress: None,
            part: None,
        }
    }

    /// The message about `job` to `customer`.
    pub fn to_unsigned(&self, job: JobId, customer: PublicKey, now: Timestamp) -> Unsigned {
        let Self {
            status,
            text,
            input,
            seq,
            progress,
            part,
        } = self;
        let mut tags = vec![
            tag(["e", &job.to_string()]),
            tag(["p", &customer.to_string()]),
            tag(["status", status.as_str(), text]),
        ];
        if let Some(input) = input {
            tags.push(tag(["x", &input.to_string()]));
        }
        if let Some(seq) = seq {
            tags.push(tag(["seq", &seq.to_string()]));
        }
        if let Some((done, of)) = progress {
            tags.push(tag(["progress", &done.to_string(), &of.to_string()]));
        }
        Unsigned {
            kind: kind::FEEDBACK,
            created_at: now,
            tags,
            content: part.clone().unwrap_or_default(),
        }
    }

    /// Reads tags and content of such a message about `job`.
    ///
    /// # Errors
    /// When it is about another job or of the wrong form.
    pub fn parse(tags: &[Vec<String>], content: &str, job: JobId) -> Result<Self, MessageError> {
        if parsed::<JobId>(tags, "e")? != job {
            return Err(MessageError::Tag("e"));
        }
        let (status, text) = match once(tags, "status")? {
            [status] => (status, ""),
            [status, text] if text.len() <= MAX_TEXT => (status, text.as_str()),
            _ => return Err(MessageError::Tag("status")),
        };
        let status: Status = status.parse()?;
        let progress = match all(tags, "progress").next() {
            None => None,
            Some([done, of]) => match (done.parse(), of.parse()) {
                (Ok(done), Ok(of)) => Some((done, of)),
                _ => return Err(MessageError::Tag("progress")),
            },
            Some(_) => return Err(MessageError::Tag("progress")),
        };
        Ok(Self {
            status,
            text: text.to_owned(),
            input: optional(tags, "x")?,
            seq: optional(tags, "seq")?,
            progress,
            part: (status == Status::Partial).then(|| content.to_owned()),
        })
    }
}

fn optional<T: FromStr>(
    tags: &[Vec<String>],
    name: &'static str,
) -> Result<Option<T>, MessageError> {
    if all(tags, name).next().is_none() {
        return Ok(None);
    }
    parsed(tags, name).map(Some)
}

/// What the guest tells the provider: constants, once each. No text, digest or
/// size: nothing the workload wrote or timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestNote {
    /// Evidence was sent.
    Attested,
    /// The customer's input was accepted.
    InputAccepted,
    /// The agent ends with this exit code.
    Ended(u8),
}

impl fmt::Display for GuestNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attested => f.write_str("attested"),
            Self::InputAccepted => f.write_str("input-accepted"),
            Self::Ended(code) => write!(f, "ended:{code}"),
        }
    }
}

impl FromStr for GuestNote {
    type Err = MessageError;

    fn from_str(text: &str) -> Result<Self, MessageError> {
        let wrong = MessageError::Tag("status");
        let note = match text {
            "attested" => Self::Attested,
            "input-accepted" => Self::InputAccepted,
            _ => match text.strip_prefix("ended:").map(str::parse) {
                Some(Ok(code)) => Self::Ended(code),
                _ => return Err(wrong),
            },
        };
        // One value has one spelling: `ended:07` is not `ended:7`.
        if note.to_string() == text {
            Ok(note)
        } else {
            Err(wrong)
        }
    }
}

impl GuestNote {
    /// The message by A about `job` to `provider`.
    pub fn to_rumor(
        self,
        one_time_key: PublicKey,
        job: JobId,
        provider: PublicKey,
        now: Timestamp,
    ) -> Rumor {
        let message = Unsigned {
            kind: kind::FEEDBACK,
            created_at: now,
            tags: vec![
                tag(["e", &job.to_string()]),
                tag(["p", &provider.to_string()]),
                tag(["status", &self.to_string()]),
            ],
            content: String::new(),
        };
        Rumor::new(one_time_key, message)
    }

    /// Reads the message: which job, and what.
    ///
    /// # Errors
    /// When it is anything but one of the constants.
    pub fn from_rumor(rumor: &Rumor) -> Result<(JobId, Self), MessageError> {
        if rumor.kind != kind::FEEDBACK {
            return Err(MessageError::Kind(rumor.kind));
        }
        if !rumor.content.is_empty() || rumor.tags.len() != 3 {
            return Err(MessageError::Content);
        }
        Ok((parsed(&rumor.tags, "e")?, parsed(&rumor.tags, "status")?))
    }
}
