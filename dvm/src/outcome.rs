//! The result: A → C, kind of the order plus 1000; and its receipt, C → A.

use job::{Digest, JobId, Order, PublicKey, Timestamp};

use crate::event::Unsigned;
use crate::payload::Payload;
use crate::tags::{MessageError, once, parsed, tag, text};
use crate::{Rumor, kind};

/// A result.
#[derive(Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The data.
    pub payload: Payload,
    /// Digest of the input it was made from ([`crate::input::Start::digest`]).
    pub input: Digest,
    /// How many partial results went before it.
    pub partials: u64,
}

impl Outcome {
    /// The message, by A.
    pub fn to_rumor(&self, order: &Order, one_time_key: PublicKey, now: Timestamp) -> Rumor {
        let message = Unsigned {
            kind: order.kind() + 1000,
            created_at: now,
            tags: vec![
                tag(["e", &order.id().to_string()]),
                tag(["p", &order.customer().to_string()]),
                self.payload.to_tag("result"),
                tag(["x", &self.payload.digest().to_string()]),
                tag(["input", &self.input.to_string()]),
                tag(["partials", &self.partials.to_string()]),
                tag(["ending", "success"]),
            ],
            content: String::new(),
        };
        Rumor::new(one_time_key, message)
    }

    /// Reads the message.
    ///
    /// # Errors
    /// When it is another message, for another order, or of the wrong form; or
    /// when its data do not have the digest it says.
    pub fn from_rumor(rumor: &Rumor, order: &Order) -> Result<Self, MessageError> {
        if rumor.kind != order.kind() + 1000 {
            return Err(MessageError::Kind(rumor.kind));
        }
        if parsed::<JobId>(&rumor.tags, "e")? != order.id() {
            return Err(MessageError::Tag("e"));
        }
        if text(&rumor.tags, "ending")? != "success" {
            return Err(MessageError::Tag("ending"));
        }
        let payload = Payload::from_values(once(&rumor.tags, "result")?)?;
        if parsed::<Digest>(&rumor.tags, "x")? != payload.digest() {
            return Err(MessageError::Tag("x"));
        }
        Ok(Self {
            payload,
            input: parsed(&rumor.tags, "input")?,
            partials: parsed(&rumor.tags, "partials")?,
        })
    }
}

/// The customer's word that a result arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Digest of the result's data.
    pub output: Digest,
}

impl Received {
    /// The message, by C.
    pub fn to_rumor(self, order: &Order, one_time_key: PublicKey, now: Timestamp) -> Rumor {
        let message = Unsigned {
            kind: kind::FEEDBACK,
            created_at: now,
            tags: vec![
                tag(["e", &order.id().to_string()]),
                tag(["p", &one_time_key.to_string()]),
                tag(["status", "received"]),
                tag(["x", &self.output.to_string()]),
            ],
            content: String::new(),
        };
        Rumor::new(order.customer(), message)
    }

    /// Reads the message.
    ///
    /// # Errors
    /// When it is another message, for another order, or of the wrong form.
    pub fn from_rumor(rumor: &Rumor, order: &Order) -> Result<Self, MessageError> {
        if rumor.kind != kind::FEEDBACK {
            return Err(MessageError::Kind(rumor.kind));
        }
        if parsed::<JobId>(&rumor.tags, "e")? != order.id() {
            return Err(MessageError::Tag("e"));
        }
        if text(&rumor.tags, "status")? != "received" {
            return Err(MessageError::Tag("status"));
        }
        Ok(Self {
            output: parsed(&rumor.tags, "x")?,
        })
    }
}
