//! The guest's hello with its evidence (kind 23793): A to C, and the same to O.

use job::{Attestation, AttestationError, Timestamp};

use crate::event::Unsigned;
use crate::tags::{MessageError, parsed, tag};
use crate::{Rumor, kind};

/// Why a message is not an attestation.
#[derive(Debug, thiserror::Error)]
pub enum AttestationMessageError {
    /// Another message, or without `e` or `p`.
    #[error("not an attestation")]
    Message(#[source] MessageError),
    /// Its content is none.
    #[error("failed to read the attestation")]
    Content(#[source] AttestationError),
}

/// The message by A.
pub fn to_rumor(attestation: &Attestation, now: Timestamp) -> Rumor {
    let message = Unsigned {
        kind: kind::ATTESTATION,
        created_at: now,
        tags: vec![
            tag(["e", &attestation.job.to_string()]),
            tag(["p", &attestation.recipient.to_string()]),
        ],
        content: attestation.to_content(),
    };
    Rumor::new(attestation.author, message)
}

/// Reads the message. Nothing in it is verified but its author.
///
/// # Errors
/// When it is another message or of the wrong form.
pub fn from_rumor(rumor: &Rumor) -> Result<Attestation, AttestationMessageError> {
    use AttestationMessageError::{Content, Message};
    if rumor.kind != kind::ATTESTATION {
        return Err(Message(MessageError::Kind(rumor.kind)));
    }
    let recipient = parsed(&rumor.tags, "p").map_err(Message)?;
    let job = parsed(&rumor.tags, "e").map_err(Message)?;
    Attestation::from_content(rumor.pubkey, recipient, job, &rumor.content).map_err(Content)
}

#[cfg(test)]
mod tests {
    use super::{AttestationMessageError, from_rumor, to_rumor};
    use job::{Attestation, JobId, PublicKey, Timestamp};

    #[test]
    fn an_attestation_is_read_as_it_was_written() {
        let attestation = Attestation {
            author: PublicKey::from_bytes([1; 32]),
            recipient: PublicKey::from_bytes([3; 32]),
            job: JobId::from_bytes([2; 32]),
            report: vec![7; 1184],
            certificate: Vec::new(),
            manifest: b"{}".to_vec(),
        };
        let rumor = to_rumor(&attestation, Timestamp::from_secs(1_790_000_000));
        assert_eq!(from_rumor(&rumor).unwrap(), attestation);
        let mut other = rumor.clone();
        other.kind = 7000;
        assert!(matches!(
            from_rumor(&other),
            Err(AttestationMessageError::Message(_))
        ));
        let mut nobody = rumor.clone();
        nobody.tags.pop();
        assert!(from_rumor(&nobody).is_err());
        let mut empty = rumor;
        empty.content.clear();
        assert!(matches!(
            from_rumor(&empty),
            Err(AttestationMessageError::Content(_))
        ));
    }
}
