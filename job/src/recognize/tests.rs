//! Which guests a broker recognises: each change refused by its check.

use evidence::{Evidence, Timestamp};
use simvendor::Fields;

use super::{Recognized, recognize};
use crate::accept::tests::{machine, trust};
use crate::checks::Refusal;
use crate::{Digest, Manifest, examples, init_data};

const BOUND: [u8; 64] = [7; 64];

fn evidence(host_data: Digest) -> Evidence {
    let (_, chip) = machine();
    let fields = Fields {
        measurement: simvendor::measurement(2, ""),
        host_data: *host_data.as_bytes(),
        report_data: BOUND,
        ..Fields::new(chip)
    };
    Evidence {
        report: fields.sign(chip).unwrap(),
        certificate: chip.certificate().to_vec(),
    }
}

/// What is found out about a guest that was started with `toml` and says so.
fn ask(toml: &str) -> Result<Recognized, Refusal> {
    let evidence = evidence(Digest::of(toml.as_bytes()));
    let now = Timestamp::from_secs(examples::NOW);
    recognize(&evidence, toml, BOUND, &trust(), |_| true, now)
}

fn refused(toml: &str) -> String {
    ask(toml).unwrap_err().check().to_owned()
}

#[test]
fn an_honest_guest_is_recognised_by_what_it_was_started_with() {
    let manifest = examples::manifest();
    let found = ask(init_data(&manifest).unwrap().as_str()).unwrap();
    assert_eq!(*found.manifest(), manifest);
    assert!(found.is_simulated());
    let names: Vec<&str> = found.checks().iter().map(|check| &*check.name).collect();
    assert!(names.starts_with(&[
        "manifest",
        "attempt",
        "ends",
        "policy",
        "agent",
        "init data"
    ]));
    assert!(names.contains(&"HOST_DATA") && names.contains(&"REPORT_DATA"));
}

#[test]
fn init_data_in_any_other_form_are_refused() {
    let text = init_data(&examples::manifest()).unwrap();
    let text = text.as_str();
    let last = text.rfind("job_data := {").unwrap();
    let (rules, data) = text.split_at(last);
    let other_rule = "default ExecProcessRequest := true\n";
    for (wrong, check) in [
        // Rules around the data, and rules in place of ours.
        (format!("{rules}{other_rule}{data}"), "init data"),
        (
            text.replace(
                "package agent_policy\n",
                "package agent_policy\nextra := 1\n",
            ),
            "init data",
        ),
        (
            text.replace("\n[kbc]", "\n# a comment\n[kbc]")
                .replacen("sha256", "sha384", 1),
            "init data",
        ),
        (
            text.replacen("[data]", "[data]\n\"more\" = \"\"", 1),
            "init data",
        ),
        (format!(" {text}"), "init data"),
        (text.replace('\n', "\r\n"), "manifest"),
        (format!("{text}\n"), "manifest"),
        (
            text.replace("\"}\n'''\n", "\"}\nallow_all := true\n'''\n"),
            "manifest",
        ),
        (
            text.replace("job_data := {", "policy_data := {"),
            "manifest",
        ),
        (rules.to_owned(), "manifest"),
        (String::new(), "manifest"),
    ] {
        assert_ne!(wrong, text);
        assert_eq!(refused(&wrong), check, "{wrong}");
    }
}

#[test]
fn another_job_is_another_guest() {
    let own = init_data(&examples::manifest()).unwrap();
    let mut deployment = examples::deployment();
    deployment.attempt = deployment.attempt.next().unwrap();
    let second = Manifest::new(examples::order(), examples::terms(), deployment).unwrap();
    // Started as the second attempt, it claims to be the first.
    let evidence = evidence(init_data(&second).unwrap().digest());
    let now = Timestamp::from_secs(examples::NOW);
    let refusal = recognize(&evidence, own.as_str(), BOUND, &trust(), |_| true, now);
    assert_eq!(refusal.unwrap_err().check(), "HOST_DATA");
}

#[test]
fn evidence_over_other_data_and_an_unsigned_order_are_refused() {
    let own = init_data(&examples::manifest()).unwrap();
    let now = Timestamp::from_secs(examples::NOW);
    let mut other = BOUND;
    other[63] ^= 1;
    for (bound, signed, check) in [(other, true, "REPORT_DATA"), (BOUND, false, "manifest")] {
        let evidence = evidence(own.digest());
        let refusal = recognize(&evidence, own.as_str(), bound, &trust(), |_| signed, now);
        assert_eq!(refusal.unwrap_err().check(), check);
    }
}

#[test]
fn agents_nobody_vouched_for_and_jobs_that_are_over_are_refused() {
    let mut deployment = examples::deployment();
    deployment.agent = format!("registry.example/other@sha256:{}", "66".repeat(32))
        .parse()
        .unwrap();
    let other = Manifest::new(examples::order(), examples::terms(), deployment).unwrap();
    assert_eq!(refused(init_data(&other).unwrap().as_str()), "agent");
    let mut deployment = examples::deployment();
    deployment.not_after = Timestamp::from_secs(examples::NOW);
    let over = Manifest::new(examples::order(), examples::terms(), deployment).unwrap();
    assert_eq!(refused(init_data(&over).unwrap().as_str()), "ends");
}
