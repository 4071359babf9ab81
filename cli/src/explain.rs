//! `cdvm verify --explain`: what verified evidence proves, and what it does not,
//! in words. Pure. It says no more than the checks do, and nothing about the
//! machine that was just verified that they did not see. What is true of one
//! vendor's machines stands in `explain/amd.rs` and `explain/intel.rs`.

mod amd;
mod intel;

use crate::verdict::{Finding, Mark, Verdict};
use collateral::item::Signer;

/// Whose evidence it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tee {
    /// A report of AMD SEV-SNP, and the kind of key it says signed it. One that
    /// passes was signed by such a key.
    SevSnp(Signer),
    /// A quote of Intel TDX.
    #[cfg_attr(
        not(any(feature = "tdx", test)),
        expect(dead_code, reason = "this build verifies none")
    )]
    Tdx,
}

/// What was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The machine of an order; it is one with SEV-SNP.
    Job(Signer),
    /// A machine, by its evidence alone.
    Machine {
        /// Whose.
        tee: Tee,
        /// Whether HOST_DATA or MRCONFIGID was compared.
        bound_to_job: bool,
        /// Whether REPORT_DATA or REPORTDATA was compared.
        bound_to_key: bool,
    },
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Hardware vouches for it.
    Accepted(Subject),
    /// It passed, and was made without hardware.
    Simulated(Subject),
    /// A check did not hold; what would vouch for evidence that passes.
    Refused(Subject, Mark),
}

/// In words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Explanation {
    /// How the rest is to be read.
    pub(crate) standing: &'static str,
    /// What it proves.
    pub(crate) proves: Vec<&'static str>,
    /// What it does not.
    pub(crate) does_not: Vec<&'static str>,
    /// Published attacks that evidence cannot show: name, and what it does.
    pub(crate) attacks: Vec<(&'static str, &'static str)>,
}

/// What is said of one vendor's machines.
struct Words {
    /// How an accepted machine is to be read.
    accepted: &'static str,
    /// What is proven of every machine that passes.
    proven: &'static [&'static str],
    /// What is proven of the machine of an order.
    of_order: &'static [&'static str],
    /// What comparing the init data proves, and what is open without it.
    init_data: (&'static str, &'static str),
    /// What comparing the report data proves, and what is open without it.
    report_data: (&'static str, &'static str),
    /// What is open because of the trust file, or of the kind of key.
    left_open: &'static [&'static str],
    physical: &'static str,
    soundness: &'static str,
    attacks: &'static [(&'static str, &'static str)],
}

impl Tee {
    const fn words(self) -> &'static Words {
        match self {
            Self::SevSnp(Signer::Vcek) => &amd::BY_CHIP,
            Self::SevSnp(Signer::Vlek) => &amd::BY_PROVIDER,
            Self::Tdx => &intel::WORDS,
        }
    }
}

impl Subject {
    const fn tee(self) -> Tee {
        match self {
            Self::Job(signer) => Tee::SevSnp(signer),
            Self::Machine { tee, .. } => tee,
        }
    }
}

impl Outcome {
    /// What came of this subject.
    pub(crate) const fn of(verdict: &Verdict, subject: Subject) -> Self {
        match (&verdict.finding, verdict.mark) {
            (Finding::Accepted, Mark::Hardware) => Self::Accepted(subject),
            (Finding::Accepted, Mark::Simulated | Mark::Either) => Self::Simulated(subject),
            (Finding::Refused { .. }, mark) => Self::Refused(subject, mark),
        }
    }
}

/// What this outcome means.
pub(crate) fn explain(outcome: Outcome) -> Explanation {
    match outcome {
        Outcome::Accepted(subject) => {
            let words = subject.tee().words();
            proven(words, words.accepted, subject)
        }
        Outcome::Simulated(subject) => nothing(
            subject.tee().words(),
            "SIMULATED: no hardware vouches for this machine. Whoever has the simulated vendor's key can make \
             such evidence: it proves NOTHING.",
        ),
        Outcome::Refused(subject, mark) => {
            let words = subject.tee().words();
            match mark {
                Mark::Hardware => proven(
                    words,
                    "It was refused: rely on nothing it says. Of evidence that passes, this would hold:",
                    subject,
                ),
                Mark::Simulated => nothing(
                    words,
                    "It was refused: rely on nothing it says. Evidence that passes would be SIMULATED, and prove \
                     NOTHING: by your trust file, no hardware vouches for it.",
                ),
                Mark::Either => proven(
                    words,
                    "It was refused, before it was known whose root would vouch for it: rely on nothing it says. And \
                     some roots of your trust file are SIMULATED: evidence under them proves NOTHING. Of evidence \
                     that passes under the vendor's own, this would hold:",
                    subject,
                ),
            }
        }
    }
}

fn proven(words: &Words, standing: &'static str, subject: Subject) -> Explanation {
    in_words(words, standing, proves(words, subject), Some(subject))
}

fn nothing(words: &Words, standing: &'static str) -> Explanation {
    in_words(words, standing, Vec::new(), None)
}

fn in_words(
    words: &Words,
    standing: &'static str,
    proves: Vec<&'static str>,
    subject: Option<Subject>,
) -> Explanation {
    Explanation {
        standing,
        proves,
        does_not: does_not(words, subject),
        attacks: words.attacks.to_vec(),
    }
}

fn proves(words: &Words, subject: Subject) -> Vec<&'static str> {
    let mut proven = words.proven.to_vec();
    match subject {
        Subject::Job(_) => proven.extend(words.of_order),
        Subject::Machine {
            tee: _,
            bound_to_job,
            bound_to_key,
        } => {
            if bound_to_job {
                proven.push(words.init_data.0);
            }
            if bound_to_key {
                proven.push(words.report_data.0);
            }
        }
    }
    proven
}

fn does_not(words: &Words, subject: Option<Subject>) -> Vec<&'static str> {
    let mut open = Vec::new();
    if let Some(Subject::Machine {
        tee: _,
        bound_to_job,
        bound_to_key,
    }) = subject
    {
        if !bound_to_job {
            open.push(words.init_data.1);
        }
        if !bound_to_key {
            open.push(words.report_data.1);
        }
    }
    open.extend(words.left_open);
    open.extend([
        "Availability: the provider can stop, delay or forget the machine at any time, and keep its answer from you.",
        "Location: nothing in it says where the machine stands, under whose law, or in whose hands.",
        words.physical,
        "That the workload is right or harmless: it is the program that was offered, and does what it does with your data.",
        "Side channels: timing, memory access patterns, sizes and power are seen by the host to some degree.",
        words.soundness,
    ]);
    open
}

#[cfg(test)]
mod tests;
