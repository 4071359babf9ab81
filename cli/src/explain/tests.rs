//! What is said, by outcome, subject and key.

use super::{Explanation, Outcome, Subject, Tee, explain};
use crate::verdict::{Mark, tests as verdicts};
use collateral::item::Signer::{Vcek, Vlek};

const TD: Subject = alone(Tee::Tdx, true, false);

const fn alone(tee: Tee, bound_to_job: bool, bound_to_key: bool) -> Subject {
    Subject::Machine {
        tee,
        bound_to_job,
        bound_to_key,
    }
}

/// Proven, and not proven.
fn words(explained: &Explanation) -> (String, String) {
    (explained.proves.join(" "), explained.does_not.join(" "))
}

#[test]
fn simulated_evidence_proves_nothing_accepted_or_refused() {
    for outcome in [
        Outcome::Simulated(Subject::Job(Vcek)),
        Outcome::Refused(Subject::Job(Vcek), Mark::Simulated),
    ] {
        let explained = explain(outcome);
        assert!(explained.proves.is_empty() && explained.standing.contains("NOTHING"));
    }
    // Either may be meant: both are said.
    let either = explain(Outcome::Refused(Subject::Job(Vcek), Mark::Either));
    assert!(!either.proves.is_empty() && either.standing.contains("NOTHING"));
    let hardware = explain(Outcome::Refused(Subject::Job(Vcek), Mark::Hardware));
    assert!(!hardware.proves.is_empty() && !hardware.standing.contains("SIMULATED"));
}

#[test]
fn an_outcome_is_the_verdicts_and_not_the_trust_files() {
    let subject = Subject::Job(Vcek);
    for (mark, accepted) in [
        (Mark::Hardware, Outcome::Accepted(subject)),
        (Mark::Simulated, Outcome::Simulated(subject)),
    ] {
        assert_eq!(Outcome::of(&verdicts::accepted(mark), subject), accepted);
        let refused = Outcome::Refused(subject, mark);
        assert_eq!(Outcome::of(&verdicts::refused(mark), subject), refused);
    }
}

#[test]
fn what_was_not_compared_is_not_proven_nor_would_it_be() {
    for (tee, init_data, report_data) in [
        (Tee::SevSnp(Vcek), "HOST_DATA", "REPORT_DATA"),
        (Tee::SevSnp(Vlek), "HOST_DATA", "REPORT_DATA"),
        (Tee::Tdx, "MRCONFIGID", "REPORTDATA"),
    ] {
        for (job, key) in [(false, false), (true, false), (false, true), (true, true)] {
            let subject = alone(tee, job, key);
            for outcome in [
                Outcome::Accepted(subject),
                Outcome::Refused(subject, Mark::Hardware),
                Outcome::Refused(subject, Mark::Either),
            ] {
                let (proves, open) = words(&explain(outcome));
                assert_eq!(proves.contains(init_data), job);
                assert_eq!(open.contains(init_data), !job);
                assert_eq!(proves.contains(report_data), key);
                assert_eq!(open.contains(report_data), !key);
                assert!(!proves.contains("your order") && !proves.contains("your challenge"));
            }
        }
    }
    for outcome in [
        Outcome::Accepted(Subject::Job(Vcek)),
        Outcome::Refused(Subject::Job(Vcek), Mark::Hardware),
    ] {
        let (proves, open) = words(&explain(outcome));
        assert!(proves.contains("your order") && !open.contains("by choice"));
    }
}

#[test]
fn a_providers_key_certifies_no_chip() {
    for of_signer in [
        |signer| Outcome::Accepted(Subject::Job(signer)),
        |signer| Outcome::Accepted(alone(Tee::SevSnp(signer), true, true)),
        |signer| Outcome::Refused(Subject::Job(signer), Mark::Hardware),
    ] {
        let (proves, open) = words(&explain(of_signer(Vlek)));
        assert!(proves.contains("lent to a cloud provider (VLEK)"));
        assert!(!proves.contains("A genuine AMD processor signed it"));
        assert!(open.contains("Which chip") && open.contains("Whose provider's key"));
        let (proves, open) = words(&explain(of_signer(Vcek)));
        assert!(proves.contains("A genuine AMD processor signed it"));
        assert!(!proves.contains("VLEK") && !open.contains("Which chip"));
    }
}

#[test]
fn what_evidence_cannot_show_is_named_every_time() {
    for outcome in [
        Outcome::Accepted(Subject::Job(Vcek)),
        Outcome::Accepted(Subject::Job(Vlek)),
        Outcome::Accepted(TD),
        Outcome::Simulated(Subject::Job(Vcek)),
        Outcome::Refused(Subject::Job(Vcek), Mark::Hardware),
        Outcome::Refused(Subject::Job(Vcek), Mark::Simulated),
        Outcome::Refused(TD, Mark::Hardware),
    ] {
        let explained = explain(outcome);
        let (_, open) = words(&explained);
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

#[test]
fn of_intels_machines_nothing_is_said_that_is_about_amds() {
    for outcome in [Outcome::Accepted(TD), Outcome::Refused(TD, Mark::Hardware)] {
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
