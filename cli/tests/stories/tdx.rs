//! `cdvm verify --evidence` on quotes of Intel TDX: real ones, with the signatures
//! and the collateral of Intel, as on days at which that was valid.

mod collateral;
mod customer;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use crate::world::{SIMULATED, simulated_root};
use customer::{Customer, IN_2025, IN_2026, PARTS, RULES, guest, guest_of, quote, vector};

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_with_the_registers_of_a_known_guest_is_accepted() {
    let customer = Customer::new().await;
    for (name, at) in [("v4", IN_2025), ("v5-td15ex", IN_2026)] {
        let (file, collateral) = (format!("{name}.quote"), format!("{name}.collateral.json"));
        let quote = quote(name);
        let (config_id, report_data) = (quote.mr_config_id(), quote.report_data());
        let args = [
            "--evidence",
            &file,
            "--collateral",
            &collateral,
            "--at",
            at,
            "--host-data",
            &hex::encode(config_id),
            "--report-data",
            &hex::encode(report_data),
        ];
        let ended = customer.verify(&args).end().await;
        let mr_td = hex::encode(quote.mr_td());
        ended.assert(
            0,
            &[
                "TCB info of Intel platforms b0c06f000000, made 202",
                "identity of Intel's quoting enclave, made 202",
                "revocation list of Intel's root, made 202",
                "revocation list of Intel's keys (platform), made 202",
                &format!(" old, from {collateral}"),
                "✓ root: expected the vendor root, seen vendor",
                "✓ TCB status: expected at least UpToDate, seen UpToDate, advisories: none",
                "✓ debug: expected off, seen off",
                "✓ profiling: expected off, seen off",
                "✓ provisioning agent: expected off, seen off",
                "✓ service TDs: expected nothing bound",
                "✓ devices: expected nothing bound",
                "✓ partition: expected 0",
                &format!("✓ signer of the TDX module: expected {}", "00".repeat(48)),
                "✓ attributes of the TDX module: expected 0x0, seen 0x0",
                &format!("✓ MRTD: expected {mr_td}, seen {name} ({mr_td})"),
                "✓ REPORTDATA: expected ",
                "verified as on 202",
            ],
        );
        for word in ["by choice", "imulated", "SIMULATED", "AMD", "✗"] {
            assert!(!ended.says(word), "{word} in {ended:#?}");
        }
    }
    // 64 digits are SHA-256, zeroes follow; what v4 says is all zeroes.
    let sha256 = "00".repeat(32);
    let args = [
        "--evidence",
        "v4.quote",
        "--collateral",
        "v4.collateral.json",
    ];
    let bound = [
        "--at",
        IN_2025,
        "--report-data",
        "any",
        "--host-data",
        &sha256,
    ];
    let ended = customer
        .verify(&[args.as_slice(), &bound].concat())
        .end()
        .await;
    ended.assert(
        0,
        &["! REPORTDATA NOT compared, by choice: anybody may show this quote"],
    );
    assert!(!ended.says("MRCONFIGID NOT compared"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_quote_is_bound_to_is_compared_or_left_open_by_name() {
    let customer = Customer::new().await;
    customer.v4().await.assert(
        0,
        &[
            "MRCONFIGID: expected any, by choice, seen ",
            "REPORTDATA: expected any, by choice, seen ",
            "! MRCONFIGID NOT compared, by choice: any job may run in this machine",
            "! REPORTDATA NOT compared, by choice: anybody may show this quote",
        ],
    );
    let ab = "ab".repeat(32);
    let verify = |more: &[&str]| {
        let mut args = vec!["--evidence", "v4.quote", "--at", IN_2025];
        args.extend(["--collateral", "v4.collateral.json"]);
        args.extend(more);
        customer.verify(&args)
    };
    for (host_data, report_data, check) in [
        (ab.as_str(), "any", "✗ MRCONFIGID"),
        ("any", ab.as_str(), "✗ REPORTDATA"),
    ] {
        let bound = ["--host-data", host_data, "--report-data", report_data];
        verify(&bound).end().await.assert(3, &[check, "Refused: "]);
    }
    // Nothing is left open by saying nothing, and a size is no part of a quote.
    verify(&[])
        .end()
        .await
        .assert(2, &["what MRCONFIGID has to be", "--host-data any"]);
    let half = ["--host-data", "any"];
    verify(&half)
        .end()
        .await
        .assert(2, &["what REPORTDATA has to be"]);
    let sized = ["--host-data", "any", "--report-data", "any", "--vcpus", "2"];
    verify(&sized)
        .end()
        .await
        .assert(2, &["--vcpus is about SEV-SNP"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_trust_file_does_not_accept_is_refused() {
    let customer = Customer::new().await;
    let v4 = quote("v4");
    let known = guest_of("v4", &v4);

    customer.trusts("", std::slice::from_ref(&known));
    customer.v4().await.assert(
        3,
        &[
            "✗ trust file      expected [tdx], accepted on 2025-07-01T00:00:00Z",
            "seen     none",
            "Refused: your trust file does not accept TDX",
        ],
    );
    for (rules, check) in [
        (RULES.replace("= 17", "= 18"), "✗ TCB evaluation"),
        (RULES.replace("= 30", "= 11"), "✗ collateral's age"),
    ] {
        customer.trusts(&rules, std::slice::from_ref(&known));
        customer
            .v4()
            .await
            .assert(3, &[check, "bring Intel's collateral for this platform"]);
    }

    // No guest, another one, and registers that belong to another release.
    customer.trusts(RULES, &[]);
    customer
        .v4()
        .await
        .assert(3, &["✗ MRTD", "expected nothing is accepted"]);
    let other = quote("v5-td15ex");
    customer.trusts(RULES, &[guest_of("other", &other)]);
    let mr_td = hex::encode(other.mr_td());
    customer
        .v4()
        .await
        .assert(3, &["✗ MRTD", &format!("expected {mr_td}")]);
    let [rtmr0, rtmr1, rtmr2, rtmr3] = v4.rtmrs().map(hex::encode);
    let ff = "ff".repeat(48);
    let mut registers = [rtmr0.clone(), rtmr1.clone(), rtmr2.clone(), rtmr3.clone()];
    for at in 0..4 {
        let right = std::mem::replace(&mut registers[at], ff.clone());
        customer.trusts(RULES, &[guest("changed", &v4.mr_td(), &registers)]);
        let check = format!("✗ RTMR{at}");
        customer
            .v4()
            .await
            .assert(3, &[&check, "✓ MRTD", "seen changed ("]);
        "any".clone_into(&mut registers[at]);
        customer.trusts(RULES, &[guest("open", &v4.mr_td(), &registers)]);
        let check = format!("✓ RTMR{at}: expected any, seen {right}");
        customer.v4().await.assert(0, &[&check]);
        registers[at] = right;
    }
    // Two releases with one firmware: each register is that of one of them.
    let kernel = [rtmr0.clone(), ff.clone(), rtmr2.clone(), rtmr3.clone()];
    let command_line = [rtmr0, rtmr1, ff, rtmr3];
    let mixed = [
        guest("kernel", &v4.mr_td(), &kernel),
        guest("command line", &v4.mr_td(), &command_line),
    ];
    customer.trusts(RULES, &mixed);
    customer
        .v4()
        .await
        .assert(3, &["✗ RTMR2", "seen command line ("]);
    let [kernel, command_line] = mixed;
    customer.trusts(RULES, &[command_line, kernel, known]);
    customer.v4().await.assert(0, &["seen v4 ("]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tcb_that_grew_old_passes_only_by_name() {
    let customer = Customer::new().await;
    let known = [guest_of("v4", &quote("v4"))];
    // The same kind of platform, and Intel's word of a later day.
    let later = || customer.held("v4.quote", "v5-td15ex.collateral.json", IN_2026, &[]);
    let ended = later().await;
    ended.assert(
        3,
        &["✗ TCB status", "expected at least UpToDate", "OutOfDate"],
    );
    let lower = RULES.replace("UpToDate", "OutOfDate");
    customer.trusts(&lower, &known);
    let ended = later().await;
    ended.assert(3, &["✗ advisories", "expected none"]);
    let (_, seen) = ended.out.rsplit_once("seen     ").unwrap();
    let named: Vec<&str> = seen.lines().next().unwrap().split(", ").collect();
    assert!(named.contains(&"INTEL-SA-01245"), "{named:?}");
    let named = lower.replace("advisories = []", &format!("advisories = {named:?}"));
    customer.trusts(&named, &known);
    later()
        .await
        .assert(0, &["✓ advisories: expected none but INTEL-SA-"]);
    // Good signatures, and a TCB that Intel does not know.
    let (quote, collateral) = ("v5-td15.quote", "v5-td15.collateral.json");
    customer.trusts(&named, &[guest_of("v5", &self::quote("v5-td15"))]);
    let in_february = "1771545600";
    customer
        .held(quote, collateral, in_february, &[])
        .await
        .assert(3, &["✗ vendor's rules", "✓ signature: "]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_is_recognised_as_bytes_and_in_the_guest_components_json() {
    let customer = Customer::new().await;
    let bytes = vector("v4.quote");
    let write = |name: &str, bytes: &[u8]| std::fs::write(customer.0.path(name), bytes).unwrap();
    let json = |log: Option<&str>, quote: &[u8]| {
        let quote = BASE64.encode(quote);
        serde_json::json!({"cc_eventlog": log, "quote": quote}).to_string()
    };
    let held = |name: &'static str| customer.held(name, "v4.collateral.json", IN_2025, &[]);
    write("plain.json", json(None, &bytes).as_bytes());
    let ended = held("plain.json").await;
    ended.assert(0, &["✓ MRTD"]);
    assert!(!ended.says("event log"));
    write("log.json", json(Some("AAAA"), &bytes).as_bytes());
    held("log.json")
        .await
        .assert(0, &["the event log is not read", "✓ MRTD"]);

    // A flipped byte of what is signed is refused; what is no quote is no refusal.
    let mut flipped = bytes.clone();
    flipped[48 + 520] ^= 1;
    write("flipped.quote", &flipped);
    held("flipped.quote").await.assert(3, &["✗ signature"]);
    write("short.quote", &bytes[..bytes.len() / 2]);
    write("short.json", json(None, &bytes[..600]).as_bytes());
    write("cut.quote", &bytes[..1184]);
    write("sgx.json", json(None, &bytes[1..]).as_bytes());
    let more = json(None, &bytes).replace('{', "{\"more\":1,");
    write("more.json", more.as_bytes());
    write("base64.json", b"{\"cc_eventlog\":null,\"quote\":\"!\"}");
    for (name, why) in [
        ("short.quote", "not a quote of TDX: the bytes end within"),
        ("short.json", "not a quote of TDX: the bytes end within"),
        ("cut.quote", "a quote of TDX that is cut short"),
        ("sgx.json", "no quote of TDX"),
        ("base64.json", "neither base64 nor hex"),
    ] {
        let ended = held(name).await;
        ended.assert(7, &[&format!("Unreadable: {name}"), why, "cdvm reads "]);
    }
    // What stands beside a quote changes nothing.
    held("more.json").await.assert(0, &["✓ MRTD"]);
    write("hex.txt", hex::encode(&bytes).as_bytes());
    held("hex.txt").await.assert(0, &["✓ MRTD"]);
    let mut odd = hex::encode(&bytes);
    odd.insert(2 * (48 + 520), '!');
    write("odd.txt", odd.as_bytes());
    held("odd.txt").await.assert(7, &["text that is neither"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_in_summary_is_what_its_checks_mean_together() {
    let customer = Customer::new().await;
    let (quote, collateral) = ("v5-td15ex.quote", "v5-td15ex.collateral.json");
    let at = "2026-10-20T00:00:00Z";
    let summary = customer.held(quote, collateral, at, &["--summary"]).await;
    summary.assert(
        0,
        &[
            "✓ signed by Intel hardware",
            "✓ not revoked, new enough",
            "✓ debug off, migration off",
            "✓ guest image",
            "✓ init data                         ",
            "✓ what the guest asked to be signed ",
        ],
    );
    for word in ["AMD", "also checked", "expected ", "exactly this job"] {
        assert!(!summary.says(word), "{word}: {}", summary.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_read_each_check_and_people_what_it_means() {
    let customer = Customer::new().await;
    let (quote, collateral) = ("v5-td15ex.quote", "v5-td15ex.collateral.json");
    let held = |more: &'static [&'static str]| customer.held(quote, collateral, IN_2026, more);
    let ended = held(&["--json"]).await;
    assert_eq!(ended.code, 0, "{ended:#?}");
    let events = ended.events();
    let of = |event: &'static str| events.iter().filter(move |object| object["event"] == event);
    // How old each part was on that day.
    let parts: Vec<_> = of("collateral").collect();
    let names: Vec<_> = parts.iter().map(|part| part["part"].as_str()).collect();
    assert_eq!(names, PARTS.map(Some));
    for part in parts {
        assert_eq!(
            (&part["item"], &part["from"], &part["place"]),
            (&"intel".into(), &"bundle".into(), &collateral.into())
        );
        let (made_at, age) = (&part["made_at"], &part["age_seconds"]);
        let day = made_at.as_u64().unwrap() + age.as_u64().unwrap();
        assert_eq!(day, 1_792_454_400, "{part}");
    }
    assert!(of("check").all(|check| check["passed"] == true && check["simulated"] == false));
    let names: Vec<_> = of("check")
        .map(|check| check["name"].as_str().unwrap())
        .collect();
    for name in [
        "quote",
        "migration",
        "TCB status",
        "MRTD",
        "RTMR3",
        "MRCONFIGID",
        "REPORTDATA",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let accepted = of("accepted").next().unwrap();
    assert_eq!(accepted["as_of"], 1_792_454_400_u64);
    assert_eq!(
        (&accepted["key"], &accepted["simulated"]),
        (&().into(), &false.into())
    );
    let unbound = of("unbound").next().unwrap();
    assert_eq!(
        unbound["fields"],
        serde_json::json!(["MRCONFIGID", "REPORTDATA"])
    );

    let ended = held(&["--explain"]).await;
    let words = [
        "If Intel's processors, TDX module",
        "Availability",
        "Location",
        "Physical attacks",
        "MRCONFIGID was not compared, by choice",
        "TEE.fail",
        "WireTap",
        "Battering RAM",
        "BadRAM",
    ];
    ended.assert(0, &words);
    assert!(!ended.says("AMD"), "{ended:#?}");
    // That a simulated root of AMD's is accepted makes no quote of Intel's simulated.
    let trust = std::fs::read_to_string(customer.0.path("tdx.toml")).unwrap();
    let trust = format!("{trust}{}", simulated_root());
    std::fs::write(customer.0.path("tdx.toml"), trust).unwrap();
    let ended = held(&["--explain", SIMULATED]).await;
    ended.assert(0, &["If Intel's processors, TDX module"]);
    assert!(!ended.says("imulated") && !ended.says("SIMULATED"));
    customer.trusts(RULES, &[]);
    let ended = held(&["--json", "--explain"]).await;
    assert_eq!(ended.code, 3);
    let events = ended.events();
    let refused = events
        .iter()
        .find(|object| object["event"] == "refused")
        .unwrap();
    assert_eq!(
        (&refused["check"], &refused["simulated"]),
        (&"MRTD".into(), &false.into())
    );
    let explained = events
        .iter()
        .find(|object| object["event"] == "explained")
        .unwrap();
    assert!(
        explained["standing"]
            .as_str()
            .unwrap()
            .contains("It was refused")
    );
    assert!(!explained.to_string().contains("AMD"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_quote_is_explained_by_what_was_asked_and_no_more() {
    let customer = Customer::new().await;
    customer.trusts(RULES, &[]);
    let (quote, collateral) = ("v4.quote", "v4.collateral.json");
    let ended = customer
        .held(quote, collateral, IN_2025, &["--explain"])
        .await;
    ended.assert(
        3,
        &[
            "✗ MRTD",
            "It was refused",
            "A genuine Intel platform signed it",
            "MRCONFIGID was not compared, by choice",
            "REPORTDATA was not compared, by choice",
        ],
    );
    for word in ["you gave", "kept in"] {
        assert!(!ended.says(word), "{word} in {ended:#?}");
    }
}
