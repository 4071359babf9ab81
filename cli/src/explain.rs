//! `cdvm verify --explain`: what verified evidence proves, and what it does not,
//! in words. Pure. It says no more than the checks do, and nothing about the
//! machine that was just verified that they did not see.

/// What was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The machine of an order.
    Job,
    /// A machine, by its report alone.
    Machine {
        /// Whether HOST_DATA was compared.
        bound_to_job: bool,
        /// Whether REPORT_DATA was compared.
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
    /// A check did not hold, or nothing could be read.
    Refused,
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

/// What this outcome means.
pub(crate) fn explain(outcome: Outcome) -> Explanation {
    let (standing, subject) = match outcome {
        Outcome::Accepted(subject) => (
            "Every check held. If AMD's processors and firmware do what AMD says, this is proven:",
            Some(subject),
        ),
        Outcome::Simulated(_) => (
            "SIMULATED: no hardware vouches for this machine. Whoever has the simulated vendor's key can make \
             such evidence: it proves NOTHING.",
            None,
        ),
        Outcome::Refused => (
            "It was refused: rely on nothing it says. Of evidence that passes, this would hold:",
            Some(Subject::Job),
        ),
    };
    let proves = match outcome {
        Outcome::Accepted(subject) => proves(subject),
        Outcome::Refused => proves(Subject::Job),
        Outcome::Simulated(_) => Vec::new(),
    };
    Explanation {
        standing,
        proves,
        does_not: does_not(subject),
        attacks: ATTACKS.to_vec(),
    }
}

fn proves(subject: Subject) -> Vec<&'static str> {
    let mut proven = vec![
        "A genuine AMD processor signed it: the key's certificate leads to AMD's root, compiled in here, and AMD had \
         not revoked what is above it on the day of the revocation list shown.",
        "The firmware is at least what your trust file asks for, and cannot be rolled back below that.",
        "The machine's memory was encrypted and debugging by the host was off when it started; both cannot be changed \
         while it runs, and nobody may migrate it.",
        "It started as one of the guest releases of your trust file: firmware, kernel, command line and, through the \
         root hash there, the root file system.",
    ];
    match subject {
        Subject::Job => proven.extend([
            "It was started for your order, with exactly the rules, agent, workload and terms shown: another order, \
             offer or policy would give another HOST_DATA.",
            "The key shown was made inside it, for this order and your challenge: what is sealed to this key, nobody \
             outside this machine opens. An old or foreign report would give another REPORT_DATA.",
        ]),
        Subject::Machine {
            bound_to_job,
            bound_to_key,
        } => {
            if bound_to_job {
                proven.push("It was started with the init data whose digest you gave (HOST_DATA).");
            }
            if bound_to_key {
                proven.push("It asked for this report with the value you gave (REPORT_DATA).");
            }
        }
    }
    proven
}

fn does_not(subject: Option<Subject>) -> Vec<&'static str> {
    let mut open = Vec::new();
    if let Some(Subject::Machine {
        bound_to_job,
        bound_to_key,
    }) = subject
    {
        if !bound_to_job {
            open.push(
                "Which job it runs: HOST_DATA was not compared, by choice. Any workload, any policy may be in it.",
            );
        }
        if !bound_to_key {
            open.push(
                "Who showed it, and when: REPORT_DATA was not compared, by choice. Anybody can show a copy, years later.",
            );
        }
    }
    open.extend([
        "Availability: the provider can stop, delay or forget the machine at any time, and keep its answer from you.",
        "Location: nothing in it says where the machine stands, under whose law, or in whose hands.",
        "Physical attacks: who can open the machine is outside of what AMD protects against. See the attacks below.",
        "That the workload is right or harmless: it is the program that was offered, and does what it does with your data.",
        "Side channels: timing, memory access patterns, sizes and power are seen by the host to some degree.",
        "Soundness of the processor: what is broken and not revoked still signs. On EPYC Milan, researchers reported in \
         2026, software alone extracts the seed of all attestation keys (arXiv 2605.12990): then evidence for any \
         firmware can be forged, and no floor excludes it.",
    ]);
    open
}

/// Published attacks by who holds the machine. Evidence looks the same before,
/// during and after them.
const ATTACKS: [(&str, &str); 4] = [
    (
        "Battering RAM (2025)",
        "an interposer on the DDR4 memory bus that redirects memory after the boot-time checks; reads and changes a \
         guest's memory on SEV-SNP. No firmware update helps",
    ),
    (
        "TEE.fail (2025)",
        "an interposer that records the DDR5 memory bus; encryption is deterministic, so keys can be read out of what \
         is written; shown on SGX and TDX, and on SEV-SNP with ciphertext hiding on. No firmware update helps",
    ),
    (
        "WireTap (2025)",
        "an interposer that records the DDR4 memory bus; shown on Intel SGX, where it read the key that signs \
         evidence. The same kind of attack",
    ),
    (
        "BadRAM (2024, CVE-2024-21944)",
        "memory modules that lie about their size, without an interposer; evidence can be forged. Newer firmware checks \
         for it at boot: the check `alias check` says whether this machine's did",
    ),
];

#[cfg(test)]
mod tests {
    use super::{Outcome, Subject, explain};

    #[test]
    fn simulated_evidence_proves_nothing() {
        let explained = explain(Outcome::Simulated(Subject::Job));
        assert!(explained.proves.is_empty() && explained.standing.contains("NOTHING"));
    }

    #[test]
    fn what_was_not_compared_is_not_proven() {
        let loose = Subject::Machine {
            bound_to_job: false,
            bound_to_key: false,
        };
        let explained = explain(Outcome::Accepted(loose));
        let proves = explained.proves.join(" ");
        assert!(!proves.contains("HOST_DATA") && !proves.contains("REPORT_DATA"));
        let open = explained.does_not.join(" ");
        assert!(open.contains("HOST_DATA") && open.contains("REPORT_DATA"));
        assert!(
            !explain(Outcome::Accepted(Subject::Job))
                .does_not
                .join(" ")
                .contains("by choice")
        );
    }

    #[test]
    fn what_evidence_cannot_show_is_named_every_time() {
        for outcome in [
            Outcome::Accepted(Subject::Job),
            Outcome::Simulated(Subject::Job),
            Outcome::Refused,
        ] {
            let explained = explain(outcome);
            let open = explained.does_not.join(" ");
            for word in ["Availability", "Location", "Physical"] {
                assert!(open.contains(word), "{word}");
            }
            let attacks: Vec<&str> = explained.attacks.iter().map(|(name, _)| *name).collect();
            let attacks = attacks.join(" ");
            for name in ["Battering RAM", "TEE.fail", "WireTap", "BadRAM"] {
                assert!(attacks.contains(name), "{name}");
            }
        }
    }
}
