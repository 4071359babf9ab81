//! What a message means, by who wrote it. Pure. Before a commitment nobody but
//! the provider is heard, and whoever claims to be the machine; after it the
//! machine of the commitment, and no other, speaks about data.

use dvm::feedback::Feedback;
use dvm::outcome::Outcome;
use dvm::{Rumor, kind};
use job::{Attestation, Event, Order, PublicKey};

/// A message that means something for this order.
pub(crate) enum Heard {
    /// The provider's word.
    Provider(Feedback),
    /// Somebody claims to be the machine, with evidence nobody verified yet.
    Claim(Box<Attestation>),
    /// Somebody claims to be the machine, with evidence nobody can read.
    Unreadable(PublicKey, String),
    /// The machine's word.
    Machine(Feedback),
    /// The workload asks something.
    Question(String),
    /// The result.
    Outcome(Box<Outcome>),
}

/// What a rumor means; its author was verified when it was opened. `None` for
/// everything that means nothing here, such as messages of another job under
/// the same key.
pub(crate) fn sort(rumor: &Rumor, order: &Order, machine: Option<PublicKey>) -> Option<Heard> {
    if !is_about(&rumor.tags, order) {
        return None;
    }
    let feedback = || Feedback::parse(&rumor.tags, &rumor.content, order.id()).ok();
    let by_machine = machine == Some(rumor.pubkey);
    match rumor.kind {
        kind::ATTESTATION => Some(claim(rumor)),
        kind::FEEDBACK if by_machine => feedback().map(Heard::Machine),
        kind::FEEDBACK if rumor.pubkey == order.provider() => feedback().map(Heard::Provider),
        kind::CHAT if by_machine => Some(Heard::Question(rumor.content.clone())),
        _ if by_machine => {
            let outcome = Outcome::from_rumor(rumor, order).ok()?;
            Some(Heard::Outcome(Box::new(outcome)))
        }
        _ => None,
    }
}

/// What a public event means; its signature was verified when it was read.
pub(crate) fn sort_public(event: &Event, order: &Order) -> Option<Heard> {
    if event.kind != kind::FEEDBACK || event.pubkey != order.provider() {
        return None;
    }
    let feedback = Feedback::parse(&event.tags, &event.content, order.id());
    feedback.ok().map(Heard::Provider)
}

fn claim(rumor: &Rumor) -> Heard {
    match dvm::attestation::from_rumor(rumor) {
        Ok(attestation) => Heard::Claim(Box::new(attestation)),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            Heard::Unreadable(rumor.pubkey, cause.unwrap_or_else(|| error.to_string()))
        }
    }
}

fn is_about(tags: &[Vec<String>], order: &Order) -> bool {
    let job = order.id().to_string();
    tags.iter().any(|tag| match tag.as_slice() {
        [name, value, ..] => name == "e" && *value == job,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use dvm::feedback::{Feedback, Status};
    use dvm::order::{NewOrder, sign_order};
    use dvm::outcome::Outcome;
    use dvm::payload::Payload;
    use dvm::{Keys, Rumor, Unsigned};
    use job::{Attestation, Digest, OfferId, Order, PublicKey, Timestamp};

    use super::{Heard, sort, sort_public};

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);
    const A: PublicKey = PublicKey::from_bytes([1; 32]);
    const O: PublicKey = PublicKey::from_bytes([4; 32]);
    const STRANGER: PublicKey = PublicKey::from_bytes([9; 32]);

    fn order() -> Order {
        let new = NewOrder {
            kind: 5999,
            provider: O,
            offer: OfferId::from_bytes([15; 32]),
            relays: vec!["wss://relay.example".to_owned()],
            expiration: NOW.plus(3600),
            params: Vec::new(),
        };
        sign_order(&Keys::generate(), new, NOW).unwrap()
    }

    fn feedback(author: PublicKey, order: &Order) -> Rumor {
        let feedback = Feedback::new(Status::Processing, "x");
        Rumor::new(
            author,
            feedback.to_unsigned(order.id(), order.customer(), NOW),
        )
    }

    fn outcome(author: PublicKey, order: &Order) -> Rumor {
        let outcome = Outcome {
            payload: Payload::inline("result"),
            input: Digest::of(b""),
            partials: 0,
        };
        outcome.to_rumor(order, author, NOW)
    }

    fn chat(author: PublicKey, order: &Order) -> Rumor {
        let message = Unsigned {
            kind: 14,
            created_at: NOW,
            tags: vec![vec!["e".to_owned(), order.id().to_string()]],
            content: "which column?".to_owned(),
        };
        Rumor::new(author, message)
    }

    fn claim(author: PublicKey, order: &Order) -> Rumor {
        let attestation = Attestation {
            author,
            recipient: order.customer(),
            job: order.id(),
            report: Vec::new(),
            certificate: Vec::new(),
            manifest: Vec::new(),
        };
        dvm::attestation::to_rumor(&attestation, NOW)
    }

    #[test]
    fn before_a_commitment_only_the_provider_and_claims_are_heard() {
        let order = order();
        let heard = |rumor: &Rumor| sort(rumor, &order, None);
        assert!(matches!(
            heard(&feedback(O, &order)),
            Some(Heard::Provider(_))
        ));
        assert!(matches!(heard(&claim(A, &order)), Some(Heard::Claim(_))));
        for author in [A, O, STRANGER] {
            assert!(heard(&outcome(author, &order)).is_none());
            assert!(heard(&chat(author, &order)).is_none());
        }
        assert!(heard(&feedback(A, &order)).is_none());
    }

    #[test]
    fn after_a_commitment_only_its_machine_speaks_about_data() {
        let order = order();
        let heard = |rumor: &Rumor| sort(rumor, &order, Some(A));
        assert!(matches!(
            heard(&feedback(A, &order)),
            Some(Heard::Machine(_))
        ));
        assert!(matches!(
            heard(&outcome(A, &order)),
            Some(Heard::Outcome(_))
        ));
        assert!(matches!(heard(&chat(A, &order)), Some(Heard::Question(_))));
        assert!(matches!(
            heard(&feedback(O, &order)),
            Some(Heard::Provider(_))
        ));
        for author in [O, STRANGER] {
            assert!(heard(&outcome(author, &order)).is_none());
            assert!(heard(&chat(author, &order)).is_none());
        }
        assert!(heard(&feedback(STRANGER, &order)).is_none());
    }

    #[test]
    fn messages_about_another_order_mean_nothing() {
        let (ours, other) = (order(), order());
        for rumor in [
            feedback(O, &other),
            feedback(A, &other),
            outcome(A, &other),
            claim(A, &other),
        ] {
            assert!(sort(&rumor, &ours, Some(A)).is_none());
        }
    }

    #[test]
    fn evidence_nobody_can_read_is_not_silence() {
        let order = order();
        let mut rumor = claim(A, &order);
        rumor.content = "{}".to_owned();
        assert!(matches!(
            sort(&rumor, &order, None),
            Some(Heard::Unreadable(A, _))
        ));
    }

    #[test]
    fn in_public_only_the_provider_is_heard() {
        let order = order();
        let keys = Keys::generate();
        let message = Feedback::new(Status::Processing, "x");
        let unsigned = message.to_unsigned(order.id(), order.customer(), NOW);
        let mut event = dvm::sign(&keys, unsigned);
        assert!(sort_public(&event, &order).is_none());
        event.pubkey = O;
        assert!(matches!(
            sort_public(&event, &order),
            Some(Heard::Provider(_))
        ));
        event.kind = 1;
        assert!(sort_public(&event, &order).is_none());
    }
}
