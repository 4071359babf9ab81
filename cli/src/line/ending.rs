//! Why a job is over, for its customer: what happened, what it means, what to
//! do, and which exit code that is. Pure.

use job::{Ending, JobId, Phase};

use crate::exit::{Exit, Problem};
use crate::state::Stage;
use crate::text::short_hex;

/// The machine says that it is over. Its word is sealed: nobody else wrote it.
pub(crate) fn by_machine(text: &str) -> Problem {
    let what = if text.is_empty() {
        "the machine gave no reason"
    } else {
        text
    };
    let meaning = "The machine ended the job without a result";
    let next = "see whether the input is what the service takes, and order again";
    Problem::new(Exit::JobFailed, what, meaning, next)
}

/// The provider says that it is over; `stage` says what had happened by then.
pub(crate) fn by_provider(text: &str, stage: Stage) -> Problem {
    let ending = ending_in(text);
    let rejected = match ending.map(Ending::phase) {
        Some(phase) => phase == Phase::Rejected,
        // Words we do not know: before there was a machine it was a rejection.
        None => stage == Stage::Ordered,
    };
    let exit = if rejected {
        Exit::Rejected
    } else {
        Exit::JobFailed
    };
    let what = if text.is_empty() {
        "the provider gave no reason"
    } else {
        without_phase(text)
    };
    let meaning = match stage {
        Stage::Ordered | Stage::Committed => "Your data was not sent",
        Stage::Started | Stage::Saved => {
            "The machine, if it still runs, can open your data; nobody else can"
        }
    };
    let next = ending.map_or(
        "ask the provider, or choose another one: cdvm offers",
        advice,
    );
    Problem::new(exit, format!("{what} (says the provider)"), meaning, next)
}

/// The word for an ending in what a provider wrote: `Rejected/TooLarge: …`.
fn ending_in(text: &str) -> Option<Ending> {
    let mut words = text.split(|character: char| !character.is_ascii_alphanumeric());
    words.find_map(|word| word.parse().ok())
}

/// The phase says what the exit code's class says already.
fn without_phase(text: &str) -> &str {
    ["Rejected/", "Failed/", "Cancelled/", "Succeeded/"]
        .into_iter()
        .find_map(|phase| text.strip_prefix(phase))
        .unwrap_or(text)
}

const fn advice(ending: Ending) -> &'static str {
    match ending {
        Ending::Received | Ending::Unacknowledged => {
            "collect the result: cdvm result --output FILE"
        }
        Ending::WorkloadFailed | Ending::BadInput => {
            "see whether the input is what the service takes, and order again"
        }
        Ending::Timeout => "order again with less input, or ask the provider for more time",
        Ending::NoInput => "order again, and send the data in time: cdvm run does",
        Ending::Undeliverable => "order again with other relays: --relay wss://…",
        Ending::NoEvidence
        | Ending::BadManifest
        | Ending::SecretRefused
        | Ending::AgentDefect
        | Ending::GuestRefused
        | Ending::SecretsNotConfigured => {
            "tell the provider; another try will hardly help until they change something"
        }
        Ending::NeverStarted | Ending::Killed | Ending::PodLost | Ending::Drained => {
            "order again; if it happens again, tell the provider"
        }
        Ending::Deadline => "order again with a longer life: --expires SECONDS",
        Ending::ByCustomer => "order again if you still want it",
        Ending::ByCluster | Ending::Deleted => {
            "the provider ended it, not you: ask them why, or order again"
        }
        Ending::ProviderRemoved => "order again from another provider: cdvm offers",
        Ending::BadOrder | Ending::NameMismatch => {
            "order again with this program; if it happens again, tell the provider"
        }
        Ending::NoSuchOffer | Ending::OfferChanged => {
            "read what is offered now (cdvm offers), and order again"
        }
        Ending::TooLarge => "order again with shorter parameters, or give them with --secret-param",
        Ending::Expired => "order again; is your clock right?",
        Ending::NotAdmitted => {
            "ask the provider to admit your key, and order again with --key FILE"
        }
    }
}

/// What state things are in, and how to go on: for whoever stops waiting.
pub(crate) fn where_it_stands(stage: Stage, job: JobId) -> (&'static str, String) {
    let id = job.to_string();
    let job = short_hex(&id).trim_end_matches('…').to_owned();
    match stage {
        Stage::Ordered => (
            "Your data was not sent",
            format!("go on with cdvm verify {job}, or end it with cdvm cancel {job}"),
        ),
        Stage::Committed => (
            "The machine was verified, and your data was not sent",
            format!("go on with cdvm send {job} --input FILE, or end it with cdvm cancel {job}"),
        ),
        Stage::Started => (
            "Your data is with the verified machine, and with nobody else",
            format!(
                "go on with cdvm result {job} --output FILE, look with cdvm watch {job}, or end it with cdvm cancel {job}"
            ),
        ),
        Stage::Saved => ("The result was saved", String::new()),
    }
}

/// What it is when a second machine answers and the first one does not.
pub(crate) fn another_machine(meaning: &str) -> Problem {
    let what = "another machine answers for this order; one job has one machine";
    let next = "if the first one is gone, order again";
    Problem::new(Exit::Refused, what, meaning, next)
}

#[cfg(test)]
mod tests {
    use job::{Ending, Phase};

    use super::{by_provider, ending_in};
    use crate::exit::Exit;
    use crate::state::Stage;

    #[test]
    fn every_ending_has_its_class_and_something_to_do() {
        for ending in Ending::ALL {
            let text = format!("{}/{ending}: some words", ending.phase());
            assert_eq!(ending_in(&text), Some(ending));
            let problem = by_provider(&text, Stage::Ordered);
            let rejected = ending.phase() == Phase::Rejected;
            assert_eq!(problem.exit == Exit::Rejected, rejected, "{ending}");
            assert!(!problem.next.is_empty() && !problem.meaning.is_empty());
        }
    }

    #[test]
    fn words_nobody_knows_are_a_rejection_until_there_is_a_machine() {
        for text in ["", "no", "we are closed"] {
            assert_eq!(by_provider(text, Stage::Ordered).exit, Exit::Rejected);
            assert_eq!(by_provider(text, Stage::Started).exit, Exit::JobFailed);
        }
    }
}
