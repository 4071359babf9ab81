//! Verdicts for tests, and what people read of them.

use job::{Check, PublicKey, Simulated, Trust};
use simvendor::{Fields, Generation, Vendor};

use super::{Finding, Mark, Verdict, in_full, summary};

/// A verdict as `job::accept` gives it; made up, and so is every value.
pub(crate) fn accepted(mark: Mark) -> Verdict {
    let class = if mark.is_simulated() {
        "SIMULATED"
    } else {
        "vendor"
    };
    let chain = format!("ARK-Milan ({class}), valid");
    let image =
        |name: &str, byte: &str| format!("registry.example/{name}@sha256:{}", byte.repeat(32));
    let guest = format!("kata 4.1.0 ({})", "c0".repeat(48));
    let tcb = "bootloader 4, tee 0, snp 22, microcode 213";
    let agent = format!("0.1.0 ({})", image("agent", "77"));
    let seen = [
        ("recipient", "03"),
        ("answers this order", "02"),
        ("manifest", "SHA-256 06"),
        ("order", "02"),
        ("offer", "0f"),
        ("provider", "04"),
        ("workload image", &image("analyse", "91")),
        ("workload command", "[\"/analyse\"]"),
        ("workload environment", "[]"),
        ("workload image's ENV", "[]"),
        ("terms", "the same"),
        ("attempt", "1"),
        ("ends", "2026-09-21T14:43:20Z"),
        ("policy", "5d08"),
        ("agent", &agent),
        ("report version", "3"),
        ("processor", "Milan"),
        ("vendor chain", &chain),
        ("signing key", "signed"),
        ("signing key's validity", "2026 to 2033"),
        ("signing key's product", "\"SEV-VCEK\" for \"Milan-B0\""),
        (
            "revocation list",
            "made 2026-09-20T14:13:20Z, in force until 2027-09-20T14:13:20Z",
        ),
        ("not revoked", "not on it"),
        ("signature algorithm", "1"),
        ("signing key's kind", "VCEK"),
        ("signature", "it fits"),
        ("reported TCB", tcb),
        ("committed TCB", tcb),
        ("launch TCB", tcb),
        ("current TCB", tcb),
        ("signing key's chip", "3f0a"),
        ("signing key's TCB", tcb),
        ("privilege level", "0"),
        ("debug", "off"),
        ("migration", "off"),
        ("SMT allowed", "on"),
        ("single socket", "off"),
        ("firmware ABI asked for", "0.0"),
        ("platform SMT", "on"),
        ("platform TSME", "off"),
        ("platform ECC", "off"),
        ("platform RAPL off", "off"),
        ("ciphertext hiding", "off"),
        ("alias check", "off"),
        ("chip", &"3f0a".repeat(32)),
        ("ID key", &"00".repeat(48)),
        ("author key", &"00".repeat(48)),
        ("report id", &"1d".repeat(32)),
        ("migration agent", &"ff".repeat(32)),
        ("guest image", &guest),
        ("HOST_DATA", &"8a41".repeat(16)),
        ("REPORT_DATA", &"35623065".repeat(16)),
    ];
    Verdict {
        key: Some(PublicKey::from_bytes([1; 32])),
        mark,
        checks: seen
            .map(|(name, seen)| Check::new(name, seen.to_owned(), seen.to_owned()))
            .to_vec(),
        finding: Finding::Accepted,
    }
}

pub(crate) fn refused(mark: Mark) -> Verdict {
    let image = |byte: &str| format!("registry.example/analyse@sha256:{}", byte.repeat(32));
    let mut verdict = accepted(mark);
    verdict.checks.truncate(6);
    verdict
        .checks
        .push(Check::new("workload image", image("91"), image("e5")));
    verdict.finding = Finding::Refused {
        meaning: "the machine would run something else than the offer says".to_owned(),
        advice: "ask the provider, or choose an offer whose workload you know".to_owned(),
        source: "offer \"analyse\", signed by the provider on 2026-09-20".to_owned(),
    };
    verdict
}

#[test]
fn an_accepted_machine_in_eight_lines() {
    insta::assert_snapshot!(summary(&accepted(Mark::Hardware)).join("\n"));
}

#[test]
fn every_line_about_a_simulated_machine_says_so() {
    for verdict in [accepted(Mark::Simulated), refused(Mark::Simulated)] {
        for line in summary(&verdict).iter().chain(&in_full(&verdict)) {
            let detail = line.starts_with("      ");
            assert!(detail || line.contains("simulated · "), "{line}");
        }
    }
    insta::assert_snapshot!(summary(&accepted(Mark::Simulated))[0]);
}

#[test]
fn a_refused_machine_shows_what_had_to_be_and_what_was() {
    insta::assert_snapshot!(summary(&refused(Mark::Hardware)).join("\n"));
}

#[test]
fn in_full_no_check_is_left_out() {
    let verdict = accepted(Mark::Hardware);
    assert_eq!(in_full(&verdict).len(), verdict.checks.len());
    let verdict = refused(Mark::Hardware);
    let lines = in_full(&verdict);
    assert_eq!(lines.len(), verdict.checks.len() + 1);
    assert!(lines[..6].iter().all(|line| line.starts_with("  ✓ ")));
    assert!(lines[6].starts_with("  ✗ workload image"));
}

#[test]
fn a_check_this_table_does_not_know_is_shown() {
    let mut verdict = accepted(Mark::Hardware);
    verdict
        .checks
        .push(Check::new("moon phase", "full", "full"));
    let last = summary(&verdict).pop().unwrap();
    assert!(last.contains("also checked") && last.contains("moon phase"));
}

#[test]
fn a_providers_key_is_of_no_certain_chip() {
    let mut verdict = accepted(Mark::Hardware);
    let mut checks = verdict.checks.iter_mut();
    let kind = checks.find(|check| check.name == "signing key's kind");
    kind.unwrap().seen = "VLEK".into();
    let lines = summary(&verdict);
    assert!(
        lines[0].contains("Milan, VLEK, of no certain chip"),
        "{lines:#?}"
    );
    assert!(!lines[0].contains("3f0a"));
}

#[test]
fn a_refusal_is_marked_by_the_root_it_was_held_against() {
    let vendor = Vendor::generate(Generation::Milan, 1_795_000_000).unwrap();
    let chip = vendor.chip(&simvendor::ChipSpec::new(Generation::Milan, 1_795_000_000));
    let chip = chip.unwrap();
    let milan = Fields::new(&chip).sign(&chip).unwrap();
    // Genoa's root is simulated.
    let (genoa, simulated) = genoa();
    let built_in = Trust::built_in().unwrap();
    let mixed = mixed(&simulated);
    let processor = [Check::new("processor", "one", "one")];
    let before = [Check::new("report version", "3", "2")];
    for (report, checks, trust, mark) in [
        (&milan, &processor, &mixed, Mark::Hardware),
        (&genoa, &processor, &mixed, Mark::Simulated),
        // No root was found: none for this processor, or not yet.
        (&milan, &processor, &simulated, Mark::Simulated),
        (&milan, &before, &mixed, Mark::Either),
        (&genoa, &before, &mixed, Mark::Either),
        (&genoa, &before, &simulated, Mark::Simulated),
        (&genoa, &before, &built_in, Mark::Hardware),
        (&b"no report".to_vec(), &processor, &mixed, Mark::Either),
    ] {
        assert_eq!(Mark::of_refused(report, checks, trust), mark);
    }
    assert!(Mark::Either.is_simulated() && Mark::Simulated.is_simulated());
}

/// A trust file with the vendor's root of Milan, and a simulated one of Genoa.
fn mixed(simulated: &Trust) -> Trust {
    let vendors = Trust::built_in().unwrap();
    let milan = vendors.root(evidence::Generation::Milan).unwrap();
    let genoa = simulated.root(evidence::Generation::Genoa).unwrap();
    let own = |root: &evidence::Root| (root.ark().der().to_vec(), root.ask().der().to_vec());
    trust(&[
        ("vendor", "milan", own(milan)),
        ("simulated", "genoa", own(genoa)),
    ])
}

/// A report of a simulated processor, and a trust file with its root alone.
fn genoa() -> (Vec<u8>, Trust) {
    let (genoa, now) = (Generation::Genoa, 1_795_000_000);
    let vendor = Vendor::generate(genoa, now).unwrap();
    let chip = vendor.chip(&simvendor::ChipSpec::new(genoa, now)).unwrap();
    let own = (vendor.ark().to_vec(), vendor.ask().to_vec());
    (
        Fields::new(&chip).sign(&chip).unwrap(),
        trust(&[("simulated", "genoa", own)]),
    )
}

/// ARK and ASK.
type Own = (Vec<u8>, Vec<u8>);

/// A trust file with these roots: class, generation, ARK and ASK.
fn trust(roots: &[(&str, &str, Own)]) -> Trust {
    use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
    let mut text = "version = 1\nrevocation_max_age_days = 30\n".to_owned();
    for (class, generation, (ark, ask)) in roots {
        let (ark, ask) = (BASE64.encode(ark), BASE64.encode(ask));
        text = format!(
            "{text}[[roots]]\nclass = \"{class}\"\ngeneration = \"{generation}\"\n\
             ark = \"{ark}\"\nask = \"{ask}\"\nsource = \"test\"\n"
        );
    }
    Trust::parse(&text, Simulated::Accepted).unwrap()
}
