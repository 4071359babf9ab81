//! Which guest a grant means: each change refused by its check.

use job::{Manifest, PublicKey, Terms, Timestamp, policy_digest};
use serde_json::{Value, json};

use super::{Grant, Limit, Program, explain, parse, render, workload_digest};
use crate::examples::{NOW, RESOURCE, guest, manifest, manifest_with, order, terms};

/// A grant for the example's job, as an owner would write it.
fn text() -> String {
    format!(
        "version = 1\n[[grant]]\nname = \"score\"\nresource = \"{RESOURCE}\"\nsecret = \"model-key\"\n\
         agents = [\"registry.example/agent@sha256:{}\"]\npolicies = [\"{}\"]\nparams = []\n\
         input_max_bytes = 67108864\noutput_from = \"stdout\"\noutput_max_bytes = 16777216\n\
         customers = [\"{}\"]\nnot_before = 2026-09-01\nnot_after = 2026-12-31T00:00:00Z\nruns = 1\n\
         runs_per_customer = \"unlimited\"\nruns_per_day = 5\n[grant.workload]\n\
         image = \"registry.example/score@sha256:{}\"\nimageEnv = [\"PATH=/\"]\nargv = [\"/score\"]\n\
         env = [{{ name = \"LANG\", value = \"C\" }}]\n",
        "77".repeat(32),
        policy_digest(),
        dvm::keys::npub(PublicKey::from_bytes([3; 32])),
        "91".repeat(32),
    )
}

fn grant() -> Grant {
    parse("acme", &text()).unwrap().remove(0)
}

fn now() -> Timestamp {
    Timestamp::from_secs(NOW)
}

/// The check by which `grant` refuses this manifest; empty when it does not.
fn refused(grant: &Grant, manifest: &Manifest) -> String {
    let check = grant.allows(&guest(manifest, "one"), now());
    check
        .err()
        .map(|check| check.name.into_owned())
        .unwrap_or_default()
}

fn with(change: impl FnOnce(&mut Value)) -> Manifest {
    let mut value = serde_json::to_value(terms()).unwrap();
    change(&mut value);
    let terms: Terms = serde_json::from_value(value).unwrap();
    manifest_with(order(3), terms, 1)
}

#[test]
fn the_job_that_is_meant_is_allowed_and_another_attempt_of_it_too() {
    assert_eq!(refused(&grant(), &manifest(1)), "");
    assert_eq!(refused(&grant(), &manifest(2)), "");
}

#[test]
fn every_other_job_is_refused_by_what_differs() {
    let other = format!("registry.example/cat@sha256:{}", "92".repeat(32));
    for (manifest, check) in [
        (
            with(|t| t["workload"]["image"] = json!(other)),
            "workload image",
        ),
        (
            with(|t| t["workload"]["argv"] = json!(["/bin/cat", "/cdvm/job/secrets/model-key"])),
            "workload command",
        ),
        (
            with(|t| {
                t["workload"]["env"] =
                    json!([{"name": "LANG", "value": "C"}, {"name": "LD_PRELOAD", "value": "/x"}]);
            }),
            "workload environment",
        ),
        (
            with(|t| t["workload"]["env"] = json!([])),
            "workload environment",
        ),
        (
            with(|t| t["workload"]["imageEnv"] = json!(["PATH=/tmp"])),
            "workload image's ENV",
        ),
        (
            with(|t| t["params"] = json!([{"name": "print", "required": false, "values": []}])),
            "parameters",
        ),
        (with(|t| t["output"]["from"] = json!("file")), "output"),
        (
            with(|t| t["output"]["maxBytes"] = json!(16_777_217)),
            "output size",
        ),
        (
            with(|t| t["input"]["maxBytes"] = json!(67_108_865)),
            "input",
        ),
        (
            with(|t| t["secrets"][0]["resource"] = json!("kbs:///acme/models/other")),
            "secret",
        ),
        (
            with(|t| t["secrets"][0]["name"] = json!("another-name")),
            "secret",
        ),
        (
            with(|t| t["secrets"] = json!([{"name": "model-key", "resource": "job"}])),
            "secret",
        ),
        (manifest_with(order(9), terms(), 1), "customer"),
    ] {
        assert_eq!(refused(&grant(), &manifest), check);
    }
    let mut grant = grant();
    grant.agents = vec![
        format!("registry.example/agent@sha256:{}", "78".repeat(32))
            .parse()
            .unwrap(),
    ]
    .into();
    assert_eq!(refused(&grant, &manifest(1)), "agent");
    let mut grant = self::grant();
    grant.policies = vec![job::Digest::of(b"allow all")].into();
    assert_eq!(refused(&grant, &manifest(1)), "policy");
}

#[test]
fn less_than_is_granted_is_allowed() {
    let less = with(|t| {
        t["input"]["maxBytes"] = json!(1);
        t["output"]["maxBytes"] = json!(1);
    });
    assert_eq!(refused(&grant(), &less), "");
}

#[test]
fn a_grant_has_its_time() {
    let grant = grant();
    let guest = guest(&manifest(1), "one");
    let end = grant.not_after.unwrap();
    for (at, allowed) in [
        (grant.not_before, true),
        (grant.not_before.minus(1), false),
        (end, true),
        (end.plus(1), false),
    ] {
        assert_eq!(grant.allows(&guest, at).is_ok(), allowed, "{at}");
    }
}

#[test]
fn a_digest_stands_for_the_whole_workload() {
    let mut grant = grant();
    grant.workload = Program::Digest(workload_digest(&terms().workload).unwrap());
    assert_eq!(refused(&grant, &manifest(1)), "");
    let other = with(|t| t["workload"]["argv"] = json!(["/score", "-v"]));
    assert_eq!(refused(&grant, &other), "workload");
}

#[test]
fn what_is_written_reads_back_and_is_explained() {
    let mut all = parse(
        "acme",
        &text().replace("\"PATH=/\"", "\"PATH=/\", \"A=\\u007f\\\"\\\\\\n\""),
    )
    .unwrap();
    let mut second = all[0].clone();
    second.id = "acme/two".to_owned();
    second.customers = super::Customers::Any;
    second.params = super::Params::Any;
    second.not_after = None;
    second.limits.runs = Limit::Unlimited;
    second.workload = Program::Digest(job::Digest::of(b"x"));
    all.push(second);
    for (grant, name) in all.iter().zip(["score", "two"]) {
        let text = format!("version = 1\n{}", render(grant, name));
        assert_eq!(
            parse("acme", &text).unwrap(),
            core::slice::from_ref(grant),
            "{text}"
        );
    }
    let words = explain(&all[0]);
    for part in [
        "acme/score",
        RESOURCE,
        "/score",
        "npub1",
        "2026-12-31T00:00:00Z",
        "runs: 1 in all",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    let words = explain(&all[1]);
    for part in ["ANYBODY", "ANY parameters", "for ever", "unlimited in all"] {
        assert!(words.contains(part), "{part}: {words}");
    }
}

#[test]
fn many_grants_are_read_as_one_by_one_and_share_what_is_the_same() {
    let text = text();
    let block = text.trim_start_matches("version = 1\n");
    let many = (0..50).map(|n| block.replace("\"score\"", &format!("\"n{n}\"")));
    let all = parse(
        "acme",
        &format!("version = 1\n{}", many.collect::<String>()),
    )
    .unwrap();
    assert_eq!(all.len(), 50);
    assert_eq!(all[49].id, "acme/n49");
    assert!(std::sync::Arc::ptr_eq(&all[0].agents, &all[49].agents));
    let Program::Whole(workload) = &all[49].workload else {
        panic!("another form");
    };
    assert_eq!(**workload, terms().workload);
}

#[test]
fn a_file_with_anything_wrong_is_refused_as_a_whole_and_says_what() {
    let text = text();
    let twice = format!("{text}{}", text.trim_start_matches("version = 1\n"));
    for (wrong, says) in [
        (text.replace("version = 1", "version = 2"), "version 2"),
        (text.replace("version = 1\n", ""), "version"),
        (text.replace("runs = 1\n", ""), "runs"),
        (text.replace("runs = 1\n", "runs = -1\n"), "runs"),
        (text.replace("runs = 1\n", "runs = \"many\"\n"), "unlimited"),
        (text.replace("params = []\n", ""), "params"),
        (text.replace("params = []", "params = \"all\""), "\"any\""),
        (
            text.replace("runs_per_day = 5", "runs_per_day = 5\nrun = 1"),
            "run",
        ),
        (text.replace("acme/models", "rival/models"), "acme/"),
        (text.replace("acme/models", "cdvm/models"), "acme/"),
        (
            text.replace("acme/models/score-1", "acme/score-1"),
            "name of a secret",
        ),
        (text.replace("npub1", "npub2"), "customers"),
        (
            text.replace("2026-12-31T00:00:00Z", "2026-12-31T00:00:00"),
            "zone",
        ),
        (
            text.replace("2026-12-31T00:00:00Z", "\"sometime\""),
            "never",
        ),
        (
            text.replace("2026-12-31T00:00:00Z", "2026-08-31"),
            "before not_before",
        ),
        (text.replace("agents = [", "agents = [] # ["), "agents"),
        (
            text.replace("policies = [", "policies = [] # ["),
            "policies",
        ),
        (
            text.replace("name = \"score\"", "name = \"../score\""),
            "name",
        ),
        (
            text.split("[grant.workload]").next().unwrap().to_owned(),
            "workload",
        ),
        (
            text.replace("output_from = \"stdout\"", "output_from = \"network\""),
            "network",
        ),
        (twice, "two grants"),
        ("\0".to_owned(), "read"),
        (" ".repeat(17 << 20), "bytes"),
    ] {
        let error = parse("acme", &wrong).unwrap_err().to_string();
        assert!(error.contains(says), "{says}: {error}");
    }
    for owner in ["cdvm", "", "a/b", "../x", ".x"] {
        assert!(parse(owner, "version = 1\n").is_err(), "{owner}");
    }
    // A text of several lines may hold what else begins a grant.
    let lines = text.replace("\"PATH=/\"", "\"\"\"A=\n[[grant]]\nx\"\"\"");
    assert_eq!(parse("acme", &lines).unwrap().len(), 1);
    // What editors leave is no fault.
    let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert_eq!(parse("acme", &windows).unwrap().len(), 1);
    assert_eq!(parse("acme", "version = 1\n").unwrap().len(), 0);
}

mod anything {
    use proptest::collection::vec;
    use proptest::prelude::{any, proptest};

    use super::{parse, text};
    use crate::log::Head;
    use crate::rcar::{Attestation, Request};
    use crate::resource::Resource;
    use crate::session::SessionId;

    const ATTESTATION: &str = r#"{"init-data":{"format":"toml","body":"x"},"runtime-data":{"nonce":"n","tee-pubkey":{"kty":"EC","crv":"P-256","alg":"a","x":"AA","y":"AQ"}},"tee-evidence":{"primary_evidence":{},"additional_evidence":""}}"#;

    /// A text with these bytes in place of some of its own.
    fn spoilt(text: &str, at: usize, with: &[u8]) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        let at = at % bytes.len();
        let end = (at + with.len()).min(bytes.len());
        bytes.splice(at..end, with.iter().copied());
        bytes
    }

    fn read_all(bytes: &[u8]) {
        let _ = serde_json::from_slice::<Request>(bytes);
        let _ = serde_json::from_slice::<Attestation<'_>>(bytes);
        if let Ok(text) = core::str::from_utf8(bytes) {
            let _ = parse("acme", text);
            let _ = crate::admin::Admin::parse(text);
            let _ = (SessionId::parse(text), Head::parse(text));
            if let Ok(resource) = text.parse::<Resource>() {
                assert_eq!(resource.as_str().split('/').count(), 3);
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_parser_panic(bytes in vec(any::<u8>(), 0..400)) {
            read_all(&bytes);
        }

        #[test]
        fn nor_do_spoilt_files_and_requests(at in any::<usize>(), with in vec(any::<u8>(), 0..8)) {
            read_all(&spoilt(&text(), at, &with));
            read_all(&spoilt(ATTESTATION, at, &with));
        }
    }
}
