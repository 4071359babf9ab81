//! What the customer reads of an ending. The guest's words, the kubelet's and those of
//! evidence that anybody can send are for the provider, in the status; the customer
//! reads the programs' own.

use crate::{Ending, Record};

/// What the status says of a container that took more memory than it may.
pub const OUT_OF_MEMORY: &str = "out of memory";

/// Between what the agent's exit code means and which evidence was refused.
pub(crate) const REFUSED_HERE: &str = "; evidence seen here was refused: ";

const GUEST_REFUSED: &str = "the machine refused what it was to start, so nothing of it ran: \
    something in the provider's cluster had changed it";

const KILLED: &str = "something else than the agent ended the machine";

impl Record {
    /// What the customer reads of the recorded ending, besides its word.
    pub fn told_of_the_end(&self) -> &str {
        let Some(ended) = &self.ended else {
            return "";
        };
        let message = ended.message.as_str();
        match ended.ending {
            // Nodes, quotas and registries are the cluster's own.
            Ending::NeverStarted => {
                let attempt = self.attempt.as_ref();
                let waiting = attempt.and_then(|attempt| attempt.waiting.as_ref());
                waiting.map_or("", |waiting| waiting.wait.what.told())
            }
            Ending::GuestRefused => GUEST_REFUSED,
            Ending::Killed if message == OUT_OF_MEMORY => OUT_OF_MEMORY,
            Ending::Killed => KILLED,
            Ending::Received
            | Ending::Unacknowledged
            | Ending::WorkloadFailed
            | Ending::Timeout
            | Ending::NoInput
            | Ending::NoEvidence
            | Ending::Undeliverable
            | Ending::BadManifest
            | Ending::SecretRefused
            | Ending::BadInput
            | Ending::AgentDefect
            | Ending::Drained => message.split(REFUSED_HERE).next().unwrap_or_default(),
            // Our own words: about time, the customer's order, or by whom it was stopped.
            Ending::PodLost
            | Ending::Deadline
            | Ending::ByCustomer
            | Ending::ByCluster
            | Ending::Deleted
            | Ending::ProviderRemoved
            | Ending::BadOrder
            | Ending::NoSuchOffer
            | Ending::OfferChanged
            | Ending::NameMismatch
            | Ending::SecretsNotConfigured
            | Ending::TooLarge
            | Ending::Expired
            | Ending::NotAdmitted => message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{GUEST_REFUSED, KILLED, OUT_OF_MEMORY};
    use crate::{Ended, Ending, Record, Timestamp};

    /// What no customer may read: a guest's, a node's, a stranger's words.
    const FREE: &str = "node-7: \"pay to bc1q\" 10.0.0.7";

    fn told(ending: Ending, message: &str) -> String {
        let ended = Ended {
            ending,
            at: Timestamp::from_secs(1),
            message: message.to_owned(),
        };
        let record = Record {
            ended: Some(ended),
            ..Record::default()
        };
        record.told_of_the_end().to_owned()
    }

    #[test]
    fn words_of_guest_kubelet_and_scheduler_reach_no_customer() {
        assert_eq!(told(Ending::GuestRefused, FREE), GUEST_REFUSED);
        assert_eq!(told(Ending::Killed, &format!("Evicted: {FREE}")), KILLED);
        assert_eq!(told(Ending::Killed, OUT_OF_MEMORY), OUT_OF_MEMORY);
        assert_eq!(told(Ending::NeverStarted, FREE), "");
    }

    #[test]
    fn evidence_that_anybody_can_send_is_not_repeated_to_the_customer() {
        for (ending, ours) in [
            (Ending::NoInput, "the agent ended with code 12"),
            (
                Ending::NoEvidence,
                "the agent ended with code 25: other host data",
            ),
        ] {
            let message = format!("{ours}; evidence seen here was refused: {FREE}");
            assert_eq!(told(ending, &message), ours);
            assert_eq!(told(ending, ours), ours);
        }
    }

    #[test]
    fn of_every_rejection_and_cancellation_the_customer_reads_all() {
        let all = Ending::ALL.into_iter();
        let words = all.filter(|ending| told(*ending, "because") == "because");
        let words: Vec<Ending> = words.collect();
        for ending in [Ending::BadOrder, Ending::OfferChanged, Ending::ByCustomer] {
            assert!(words.contains(&ending), "{ending}");
        }
        assert!(!words.contains(&Ending::GuestRefused));
    }
}
