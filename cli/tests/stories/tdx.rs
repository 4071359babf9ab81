//! `cdvm verify --evidence` on quotes of Intel TDX: real ones, with the signatures
//! and the collateral of Intel, as on days at which that was valid.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use evidence::tdx::Quote;

use crate::key_server::{Answer, KeyServer};
use crate::world::{Cdvm, Ended, SIMULATED, World, machine, simulated_root};

/// 2025-07-01, in the days of `v4`'s collateral.
const IN_2025: &str = "1751328000";

/// 2026-10-20, in those of `v5-td15ex`'s.
const IN_2026: &str = "1792454400";

/// The parts of both.
const PARTS: [&str; 4] = [
    "tcbinfo-b0c06f000000",
    "qeidentity",
    "rootcacrl",
    "pckcrl-platform",
];

const RULES: &str = "collateral_max_age_days = 30\nlowest_status = \"UpToDate\"\nadvisories = []\n\
     evaluation_minimum = 17\n";

fn vector(name: &str) -> Vec<u8> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../evidence/tests/vectors/tdx");
    std::fs::read(format!("{dir}/{name}")).unwrap()
}

fn quote(name: &str) -> Quote {
    Quote::parse(&vector(&format!("{name}.quote"))).unwrap()
}

/// A guest with these registers, hex or `any`.
fn guest(name: &str, mr_td: &[u8; 48], rtmrs: &[String; 4]) -> String {
    let mr_td = hex::encode(mr_td);
    format!("[[tdx_guests]]\nname = \"{name}\"\nmr_td = \"{mr_td}\"\nrtmrs = {rtmrs:?}\n")
}

/// The guest that the quote is of.
fn guest_of(name: &str, quote: &Quote) -> String {
    guest(name, &quote.mr_td(), &quote.rtmrs().map(hex::encode))
}

/// A customer with quotes and collateral, and a trust file of her own.
struct Customer(World);

impl Customer {
    async fn new() -> Self {
        let world = World::new().await;
        for name in ["v4", "v5-td15", "v5-td15ex"] {
            for file in [format!("{name}.quote"), format!("{name}.collateral.json")] {
                std::fs::write(world.path(&file), vector(&file)).unwrap();
            }
        }
        let customer = Self(world);
        let guests = ["v4", "v5-td15ex"].map(|name| guest_of(name, &quote(name)));
        customer.trusts(RULES, &guests);
        customer
    }

    /// Writes the trust file: rules, if there are any, and guests.
    fn trusts(&self, rules: &str, guests: &[String]) {
        let dates =
            "source = \"test\"\nfrom = 2025-01-01T00:00:00Z\nuntil = 2100-01-01T00:00:00Z\n";
        let rules = match rules {
            "" => String::new(),
            rules => format!("[tdx]\n{rules}{dates}"),
        };
        let guests = guests.iter().map(|guest| format!("{guest}{dates}"));
        let guests: String = guests.collect();
        let text = format!("version = 1\nrevocation_max_age_days = 30\n{rules}{guests}");
        std::fs::write(self.0.path("tdx.toml"), text).unwrap();
    }

    /// `cdvm verify` with this trust file.
    fn verify(&self, args: &[&str]) -> Cdvm {
        let mut all = vec!["verify", "--trust", "tdx.toml"];
        all.extend(args);
        self.0.cdvm_bare(&all)
    }

    /// Holds a quote against the trust file alone, on this day.
    async fn held(&self, quote: &str, collateral: &str, at: &str, more: &[&str]) -> Ended {
        let mut args = vec!["--evidence", quote, "--collateral", collateral, "--at", at];
        args.extend(["--host-data", "any", "--report-data", "any"]);
        args.extend(more);
        self.verify(&args).end().await
    }

    /// `v4` in 2025.
    async fn v4(&self) -> Ended {
        let (quote, collateral) = ("v4.quote", "v4.collateral.json");
        self.held(quote, collateral, IN_2025, &[]).await
    }
}

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
async fn collateral_is_asked_for_and_has_to_be_of_this_day_and_platform() {
    let customer = Customer::new().await;
    let any = ["--host-data", "any", "--report-data", "any"];
    let without = ["--offline", "--evidence", "v4.quote", "--at", IN_2025];
    let ended = customer
        .verify(&[without.as_slice(), &any].concat())
        .end()
        .await;
    ended.assert(
        3,
        &[
            "no TCB info of Intel platforms b0c06f000000: --offline: nothing is fetched",
            "✗ collateral      expected TCB info of Intel platforms b0c06f000000",
            "without Intel's collateral nothing is known about the machine",
            "cdvm collateral import BUNDLE",
        ],
    );
    // Without a day it is today, and today it is over.
    let with = [
        "--evidence",
        "v4.quote",
        "--collateral",
        "v4.collateral.json",
    ];
    let ended = customer
        .verify(&[with.as_slice(), &any].concat())
        .end()
        .await;
    ended.assert(3, &["✗ collateral's validity"]);
    for (quote, collateral, at, check) in [
        (
            "v4.quote",
            "v4.collateral.json",
            "1753920000",
            "✗ collateral's validity",
        ),
        (
            "v4.quote",
            "v4.collateral.json",
            "1740787200",
            "✗ collateral's validity",
        ),
        (
            "v4.quote",
            "v5-td15.collateral.json",
            "1771545600",
            "✗ TCB info's platform",
        ),
    ] {
        let ended = customer.held(quote, collateral, at, &[]).await;
        ended.assert(3, &[check, "with this collateral nothing is known"]);
    }
    // What is no collateral says nothing about the machine, and AMD has no use for it.
    std::fs::write(customer.0.path("noise"), "noise").unwrap();
    for wrong in ["noise", "v4.quote", "not-there"] {
        let ended = customer.held("v4.quote", wrong, IN_2025, &[]).await;
        ended.assert(
            7,
            &[&format!("Unreadable: {wrong}"), "neither good nor bad"],
        );
    }
    let (_, chip) = machine();
    let report = simvendor::Fields::new(chip).sign(chip).unwrap();
    std::fs::write(customer.0.path("report.bin"), report).unwrap();
    let ended = customer
        .held("report.bin", "v4.collateral.json", IN_2025, &[])
        .await;
    ended.assert(2, &["--collateral is Intel's"]);
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
        ("cut.quote", "not a report"),
        ("sgx.json", "no quote of TDX"),
        ("more.json", "unknown field `more`"),
        ("base64.json", "not base64"),
    ] {
        let ended = held(name).await;
        ended.assert(7, &[&format!("Unreadable: {name}"), why]);
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

#[tokio::test(flavor = "multi_thread")]
async fn a_given_part_that_is_not_intels_has_no_date() {
    let customer = Customer::new().await;
    let mut json: serde_json::Value =
        serde_json::from_slice(&vector("v4.collateral.json")).unwrap();
    let identity = json["qe_identity"].as_str().unwrap();
    json["qe_identity"] = identity.replace("2025-0", "2025-1").into();
    std::fs::write(customer.0.path("changed.json"), json.to_string()).unwrap();
    let held =
        |more: &'static [&'static str]| customer.held("v4.quote", "changed.json", IN_2025, more);
    let ended = held(&["--json"]).await;
    assert_eq!(ended.code, 3);
    let events = ended.events();
    let collateral = events.iter().filter(|event| event["event"] == "collateral");
    let parts: Vec<_> = collateral.map(|event| event["part"].as_str()).collect();
    let [info, _, root, keys] = PARTS;
    assert_eq!(parts, [Some(info), Some(root), Some(keys), None]);
    held(&[])
        .await
        .assert(3, &["Intel's, from changed.json: 1 part without a date"]);
}

/// A stand-in of Intel's service that has the parts of a day.
async fn intels_service(name: &str) -> KeyServer {
    let server = KeyServer::start().await;
    let json: serde_json::Value =
        serde_json::from_slice(&vector(&format!("{name}.collateral.json"))).unwrap();
    let text = |name: &str| json[name].as_str().unwrap();
    let header = |name: &str, chain: &str| {
        let set = percent_encoding::NON_ALPHANUMERIC;
        let chain = percent_encoding::utf8_percent_encode(text(chain), set);
        format!("{name}: {chain}")
    };
    let signed = |member: &str, name: &str| {
        let (signed, signature) = (text(name), text(&format!("{name}_signature")));
        format!("{{\"{member}\":{signed},\"signature\":\"{signature}\"}}").into_bytes()
    };
    let der = |name: &str| hex::decode(text(name)).unwrap();
    for (path, answer) in [
        (
            "tdx/certification/v4/tcb?fmspc=B0C06F000000",
            Answer::With(
                header("TCB-Info-Issuer-Chain", "tcb_info_issuer_chain"),
                signed("tcbInfo", "tcb_info"),
            ),
        ),
        (
            "tdx/certification/v4/qe/identity",
            Answer::With(
                header(
                    "SGX-Enclave-Identity-Issuer-Chain",
                    "qe_identity_issuer_chain",
                ),
                signed("enclaveIdentity", "qe_identity"),
            ),
        ),
        (
            "sgx/certification/v4/rootcacrl",
            Answer::Body(der("root_ca_crl")),
        ),
        (
            "sgx/certification/v4/pckcrl?ca=platform&encoding=der",
            Answer::With(
                header("SGX-PCK-CRL-Issuer-Chain", "pck_crl_issuer_chain"),
                der("pck_crl"),
            ),
        ),
    ] {
        server.answers(path, &[answer]);
    }
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn collateral_that_was_not_given_is_asked_for_kept_and_carried_away() {
    let customer = Customer::new().await;
    let server = intels_service("v5-td15ex").await;
    let any = ["--host-data", "any", "--report-data", "any"];
    let quote = ["--evidence", "v5-td15ex.quote", "--at", IN_2026];
    let verify = |more: &[&str]| customer.verify(&[&quote, &any, more].concat()).end();
    let service = ["--intel-server", server.url.as_str()];
    verify(&service).await.assert(
        0,
        &[
            "for the TCB info of Intel platforms b0c06f000000",
            "TCB info of Intel platforms b0c06f000000, made 2026-10-08, 11 days old, from localhost:",
            "revocation list of Intel's root, made ",
            "revocation list of Intel's keys (platform), made ",
            "✓ TCB status: expected at least UpToDate, seen UpToDate",
        ],
    );
    assert_eq!(server.asked().len(), 4);
    // Kept for the next time, which needs nobody.
    verify(&["--offline"]).await.assert(0, &["kept here"]);
    // In JSON each part says what it is.
    let ended = verify(&["--offline", "--json"]).await;
    let events = ended.events();
    let parts: Vec<&str> = events
        .iter()
        .filter(|event| event["event"] == "collateral" && event["item"] == "intel")
        .map(|event| event["part"].as_str().unwrap())
        .collect();
    assert_eq!(parts, PARTS);

    // Carried to where there is no network.
    let export = ["collateral", "export", "--evidence", "v5-td15ex.quote"];
    let export = [&export[..], &["--output", "intel.bundle"], &service].concat();
    let exported = customer.0.cdvm_bare(&export).end().await;
    exported.assert(0, &["4 items, ", "written to intel.bundle"]);
    let elsewhere = ["--state", "elsewhere"];
    verify(&[&elsewhere[..], &["--offline"]].concat())
        .await
        .assert(3, &["--offline: nothing is fetched"]);
    let import = [&["collateral", "import", "intel.bundle"], &elsewhere[..]].concat();
    let imported = customer.0.cdvm_bare(&import).end().await;
    imported.assert(0, &["4 items verified and kept"]);
    verify(&[&elsewhere[..], &["--offline"]].concat())
        .await
        .assert(0, &["✓ TCB status: "]);

    // What the service does not have is said, and no machine passes without it.
    let empty = KeyServer::start().await;
    let nobody = ["--intel-server", empty.url.as_str(), "--state", "another"];
    verify(&nobody).await.assert(
        3,
        &[
            "no TCB info of Intel platforms b0c06f000000: localhost:",
            "404",
            "without Intel's collateral nothing is known about the machine",
        ],
    );
}
