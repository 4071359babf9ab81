//! The one message that starts the job: C → A, with everything in it.

use job::{Digest, Order, PublicKey, Timestamp, canonical};

use crate::event::Unsigned;
use crate::payload::Payload;
use crate::tags::{MessageError, all, parsed, tag};
use crate::{Rumor, kind};

/// Inputs and secret parameters of a job.
#[derive(Clone, PartialEq, Eq)]
pub struct Start {
    /// Inputs in order: `/cdvm/job/input/0`, `/cdvm/job/input/1`, …
    pub inputs: Vec<Payload>,
    /// Parameters that nobody else may see, in order.
    pub params: Vec<(String, Vec<String>)>,
}

impl Start {
    /// The message.
    pub fn to_rumor(&self, order: &Order, one_time_key: PublicKey, now: Timestamp) -> Rumor {
        let mut tags = vec![
            tag(["e", &order.id().to_string()]),
            tag(["p", &one_time_key.to_string()]),
        ];
        tags.extend(self.inputs.iter().map(|input| input.to_tag("i")));
        tags.extend(self.params.iter().map(param_tag));
        let message = Unsigned {
            kind: order.kind(),
            created_at: now,
            tags,
            content: String::new(),
        };
        Rumor::new(order.customer(), message)
    }

    /// Reads the message; `order` is the one the guest was made for.
    ///
    /// # Errors
    /// When it is another message, for another order, or of the wrong form.
    pub fn from_rumor(rumor: &Rumor, order: &Order) -> Result<Self, MessageError> {
        if rumor.kind != order.kind() || rumor.kind == kind::CHAT {
            return Err(MessageError::Kind(rumor.kind));
        }
        let job: job::JobId = parsed(&rumor.tags, "e")?;
        if job != order.id() {
            return Err(MessageError::Tag("e"));
        }
        if !rumor.content.is_empty() {
            return Err(MessageError::Content);
        }
        for tag in &rumor.tags {
            let name = tag.first().map_or("", String::as_str);
            if !["e", "p", "i", "param"].contains(&name) {
                return Err(MessageError::Unknown(name.to_owned()));
            }
        }
        let mut params: Vec<(String, Vec<String>)> = Vec::new();
        for values in all(&rumor.tags, "param") {
            let (name, values) = values.split_first().ok_or(MessageError::Tag("param"))?;
            let given = |(seen, _): &(String, Vec<String>)| seen == name;
            let twice = params.iter().any(given) || order.params().iter().any(given);
            if values.is_empty() || twice {
                return Err(MessageError::Tag("param"));
            }
            params.push((name.clone(), values.to_vec()));
        }
        Ok(Self {
            inputs: all(&rumor.tags, "i")
                .map(Payload::from_values)
                .collect::<Result<_, _>>()?,
            params,
        })
    }

    /// Input digest: SHA-256 of the canonical JSON of the `i` and `param` tags in
    /// order, blobs by the hash of their data: who gets a result for it knows for
    /// which input it was made.
    pub fn digest(&self) -> Digest {
        let input = |input: &Payload| match input {
            Payload::Inline(_) => input.to_tag("i"),
            Payload::Blob(blob) => tag(["i", &blob.digest.to_string(), "blob"]),
        };
        let mut tags: Vec<Vec<String>> = self.inputs.iter().map(input).collect();
        tags.extend(self.params.iter().map(param_tag));
        // Lists of texts always have a canonical form.
        Digest::of(&canonical::to_vec(&tags).unwrap_or_default())
    }
}

fn param_tag((name, values): &(String, Vec<String>)) -> Vec<String> {
    let mut tag = tag(["param", name]);
    tag.extend_from_slice(values);
    tag
}
