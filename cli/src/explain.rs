//! `cdvm verify --explain`: what verified evidence proves, and what it does not,
//! in words. Pure. It says no more than the checks do, and nothing about the
//! machine that was just verified that they did not see. What is true of one
//! vendor's machines stands in `explain/amd.rs` and `explain/intel.rs`.

mod amd;
mod intel;

/// Whose evidence it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tee {
    /// A report of AMD SEV-SNP.
    SevSnp,
    /// A quote of Intel TDX.
    Tdx,
}

/// What was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The machine of an order; it is one with SEV-SNP.
    Job,
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
    /// A check did not hold.
    Refused(Tee),
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
    /// What is open because of the trust file.
    left_open: &'static [&'static str],
    physical: &'static str,
    soundness: &'static str,
    attacks: &'static [(&'static str, &'static str)],
}

impl Tee {
    const fn words(self) -> &'static Words {
        match self {
            Self::SevSnp => &amd::WORDS,
            Self::Tdx => &intel::WORDS,
        }
    }
}

impl Subject {
    const fn tee(self) -> Tee {
        match self {
            Self::Job => Tee::SevSnp,
            Self::Machine { tee, .. } => tee,
        }
    }
}

/// What this outcome means.
pub(crate) fn explain(outcome: Outcome) -> Explanation {
    match outcome {
        Outcome::Accepted(subject) => {
            let words = subject.tee().words();
            let proves = proves(words, subject);
            in_words(words, words.accepted, proves, Some(subject))
        }
        Outcome::Simulated(subject) => in_words(
            subject.tee().words(),
            "SIMULATED: no hardware vouches for this machine. Whoever has the simulated vendor's key can make \
             such evidence: it proves NOTHING.",
            Vec::new(),
            None,
        ),
        Outcome::Refused(tee) => {
            let subject = match tee {
                Tee::SevSnp => Subject::Job,
                Tee::Tdx => Subject::Machine {
                    tee,
                    bound_to_job: true,
                    bound_to_key: true,
                },
            };
            let words = tee.words();
            in_words(
                words,
                "It was refused: rely on nothing it says. Of evidence that passes, this would hold:",
                proves(words, subject),
                Some(subject),
            )
        }
    }
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
        Subject::Job => proven.extend(words.of_order),
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
mod tests {
    use super::{Outcome, Subject, Tee, explain};

    #[test]
    fn simulated_evidence_proves_nothing() {
        let explained = explain(Outcome::Simulated(Subject::Job));
        assert!(explained.proves.is_empty() && explained.standing.contains("NOTHING"));
    }

    #[test]
    fn what_was_not_compared_is_not_proven() {
        for (tee, init_data, report_data) in [
            (Tee::SevSnp, "HOST_DATA", "REPORT_DATA"),
            (Tee::Tdx, "MRCONFIGID", "REPORTDATA"),
        ] {
            for (bound_to_job, bound_to_key) in [(false, false), (true, false), (false, true)] {
                let explained = explain(Outcome::Accepted(Subject::Machine {
                    tee,
                    bound_to_job,
                    bound_to_key,
                }));
                let (proves, open) = (explained.proves.join(" "), explained.does_not.join(" "));
                assert_eq!(proves.contains(init_data), bound_to_job);
                assert_eq!(open.contains(init_data), !bound_to_job);
                assert_eq!(proves.contains(report_data), bound_to_key);
                assert_eq!(open.contains(report_data), !bound_to_key);
            }
        }
        let explained = explain(Outcome::Accepted(Subject::Job));
        assert!(!explained.does_not.join(" ").contains("by choice"));
    }

    #[test]
    fn what_evidence_cannot_show_is_named_every_time() {
        for outcome in [
            Outcome::Accepted(Subject::Job),
            Outcome::Accepted(TD),
            Outcome::Simulated(Subject::Job),
            Outcome::Refused(Tee::SevSnp),
            Outcome::Refused(Tee::Tdx),
        ] {
            let explained = explain(outcome);
            let open = explained.does_not.join(" ");
            for word in ["Availability", "Location", "Physical", "Side channels"] {
                assert!(open.contains(word), "{word}");
            }
            let attacks: Vec<&str> = explained.attacks.iter().map(|(name, _)| *name).collect();
            let attacks = attacks.join(" ");
            for name in ["Battering RAM", "TEE.fail", "WireTap", "BadRAM"] {
                assert!(attacks.contains(name), "{name}");
            }
        }
    }

    const TD: Subject = Subject::Machine {
        tee: Tee::Tdx,
        bound_to_job: true,
        bound_to_key: false,
    };

    #[test]
    fn of_intels_machines_nothing_is_said_that_is_about_amds() {
        for outcome in [Outcome::Accepted(TD), Outcome::Refused(Tee::Tdx)] {
            let explained = explain(outcome);
            let mut all = vec![explained.standing];
            all.extend(explained.proves.iter().chain(&explained.does_not));
            all.extend(explained.attacks.iter().map(|(_, what)| what));
            let all = all.join(" ");
            for word in ["AMD", "EPYC", "HOST_DATA", "REPORT_DATA", "alias check"] {
                assert!(!all.contains(word), "{word}");
            }
            assert!(all.contains("Intel") && all.contains("TDX"));
        }
    }
}
