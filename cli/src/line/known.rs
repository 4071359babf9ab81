//! What is known of a job from its messages, whatever order they come in:
//! relays replay, repeat and mix. Pure.

use std::collections::VecDeque;

use dvm::feedback::{Feedback, Status};
use dvm::outcome::Outcome;
use job::{Attestation, Digest};

use super::heard::Heard;
use crate::news::News;
use crate::text::short_key;

/// Claims kept until they are judged, 64 kB each at most. One job has one
/// machine; whoever sends more wants to waste our time.
const MAX_CLAIMS: usize = 256;

/// What a job's messages said so far.
#[derive(Default)]
pub(crate) struct Known {
    /// Who claims to be the machine, in the order they came.
    pub(crate) claims: VecDeque<Attestation>,
    /// Whether the provider said anything.
    pub(crate) provider_spoke: bool,
    /// Which input the machine says to have.
    pub(crate) input: Option<Digest>,
    /// The result, unchecked.
    pub(crate) outcome: Option<Outcome>,
    /// Why it is over, says the machine.
    pub(crate) machine_ended: Option<String>,
    /// Why it is over, says the provider.
    pub(crate) provider_ended: Option<String>,
    /// That the machine is gone, says the provider.
    pub(crate) destroyed: Option<String>,
    /// Whether a second machine answered that could have been the one.
    pub(crate) another: bool,
    /// Number and content of the last report.
    seq: u64,
    report: Option<(String, Option<(u64, u64)>)>,
}

impl Known {
    /// Whether the machine itself ended it: with a result, or with a reason.
    pub(crate) const fn machine_is_done(&self) -> bool {
        self.outcome.is_some() || self.machine_ended.is_some()
    }

    /// Whether no more is to be expected, if the provider is right.
    pub(crate) const fn is_over(&self) -> bool {
        self.machine_is_done() || self.provider_ended.is_some() || self.destroyed.is_some()
    }

    /// Takes a message, and says what is new about it.
    pub(crate) fn take(&mut self, heard: Heard) -> Option<News> {
        match heard {
            Heard::Provider(feedback) => self.provider(feedback),
            Heard::Claim(claim) => {
                if self.claims.len() >= MAX_CLAIMS {
                    self.claims.pop_front();
                }
                self.claims.push_back(*claim);
                None
            }
            Heard::Unreadable(key, why) => {
                let text = format!(
                    "{} sent evidence that cannot be read: {why}",
                    short_key(key)
                );
                Some(News::Warning { text })
            }
            Heard::Machine(feedback) => self.machine(feedback),
            Heard::Question(text) => Some(News::Question { text }),
            Heard::Outcome(outcome) => {
                // The first one counts: a machine has one result.
                self.outcome.get_or_insert(*outcome);
                None
            }
        }
    }

    fn provider(&mut self, feedback: Feedback) -> Option<News> {
        let Feedback { status, text, .. } = feedback;
        self.provider_spoke = true;
        if text.starts_with("destroyed") {
            let first = self.destroyed.is_none();
            self.destroyed.get_or_insert_with(|| text.clone());
            return first.then_some(News::Destroyed { text });
        }
        // Why it is over is told when the command ends with it.
        if status == Status::Error {
            self.provider_ended.get_or_insert(text);
            return None;
        }
        Some(News::Provider { status, text })
    }

    fn machine(&mut self, feedback: Feedback) -> Option<News> {
        let Feedback {
            status,
            text,
            input,
            seq,
            progress,
            part,
        } = feedback;
        if status == Status::Error {
            self.machine_ended.get_or_insert(text);
            return None;
        }
        if let Some(input) = input {
            let first = self.input.is_none();
            self.input.get_or_insert(input);
            return first.then_some(News::InputAccepted { input });
        }
        // Reports that were overtaken say nothing any more.
        if let Some(seq) = seq {
            if seq <= self.seq {
                return None;
            }
            self.seq = seq;
        }
        if let Some(part) = part {
            let (number, bytes) = (seq, part.len() as u64);
            return Some(News::Part { number, bytes });
        }
        // A machine reports at a steady beat, also when nothing is new.
        let report = Some((text.clone(), progress));
        if self.report == report {
            return None;
        }
        self.report = report;
        Some(News::Progress { text, progress })
    }
}

#[cfg(test)]
mod tests {
    use dvm::feedback::{Feedback, Status};
    use job::Digest;

    use super::{Heard, Known};
    use crate::news::News;

    fn accepted(input: &[u8]) -> Heard {
        Heard::Machine(Feedback {
            input: Some(Digest::of(input)),
            ..Feedback::new(Status::Processing, "input accepted")
        })
    }

    fn step(seq: u64) -> Heard {
        Heard::Machine(Feedback {
            seq: Some(seq),
            progress: Some((seq, 9)),
            ..Feedback::new(Status::Processing, "columns")
        })
    }

    #[test]
    fn what_was_said_first_is_what_counts() {
        let mut known = Known::default();
        assert!(matches!(
            known.take(accepted(b"a")),
            Some(News::InputAccepted { .. })
        ));
        assert!(known.take(accepted(b"b")).is_none());
        assert_eq!(known.input, Some(Digest::of(b"a")));
        let error = |text: &str| Heard::Machine(Feedback::new(Status::Error, text));
        assert!(known.take(error("first")).is_none());
        assert!(known.take(error("second")).is_none());
        assert_eq!(known.machine_ended.as_deref(), Some("first"));
        assert!(known.is_over());
    }

    #[test]
    fn progress_that_was_overtaken_is_not_told() {
        let mut known = Known::default();
        let told: Vec<bool> = [2, 1, 2, 3]
            .map(|seq| known.take(step(seq)).is_some())
            .to_vec();
        assert_eq!(told, [true, false, false, true]);
    }

    #[test]
    fn a_report_without_news_is_not_told() {
        let mut known = Known::default();
        let mut beat = |seq: u64| {
            let feedback = Feedback {
                seq: Some(seq),
                ..Feedback::new(Status::Processing, "running")
            };
            known.take(Heard::Machine(feedback)).is_some()
        };
        assert_eq!([beat(1), beat(2), beat(3)], [true, false, false]);
    }

    #[test]
    fn destroyed_is_told_once() {
        let mut known = Known::default();
        let destroyed = || Heard::Provider(Feedback::new(Status::Success, "destroyed: gone"));
        assert!(matches!(
            known.take(destroyed()),
            Some(News::Destroyed { .. })
        ));
        assert!(known.take(destroyed()).is_none());
        assert!(known.is_over() && !known.machine_is_done());
    }
}
