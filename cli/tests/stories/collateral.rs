//! `cdvm` and a stand-in of the vendor's key server. What can be shown here with
//! real certificates is: the fetching under the built-in roots, the throttle
//! between runs, bundles. That fetched collateral makes evidence pass, and every
//! outage, is shown beside the code, with a simulated vendor (`src/collateral`).

use crate::key_server::{Answer, KeyServer};
use crate::world::{Cdvm, World};

const VCEK: &[u8] = include_bytes!("../../../evidence/tests/vectors/milan-vcek.der");
pub(crate) const REPORT: &str = include_str!("../../../evidence/tests/vectors/milan-v2-report.hex");
pub(crate) const ARK: &[u8] = include_bytes!("../../../evidence/roots/milan.ark.der");
pub(crate) const ASK: &[u8] = include_bytes!("../../../evidence/roots/milan.ask.der");

const ANY: [&str; 4] = ["--host-data", "any", "--report-data", "any"];

/// The report of a real chip, made one of version 3, which says that it is
/// Milan's: what was signed is changed, so nothing makes it pass.
pub(crate) fn report() -> Vec<u8> {
    let mut report = hex::decode(REPORT.trim()).unwrap();
    report[0] = 3;
    (report[0x188], report[0x189], report[0x18a]) = (0x19, 0x01, 0x01);
    report
}

/// Where the certificate of this report's key is.
fn path(report: &[u8]) -> String {
    let chip = hex::encode(&report[0x1a0..0x1e0]);
    let [bootloader, tee, _, _, _, _, snp, microcode] = report[0x180..0x188] else {
        panic!("a TCB");
    };
    format!(
        "vcek/v1/Milan/{chip}?blSPL={bootloader:02}&teeSPL={tee:02}&snpSPL={snp:02}&ucodeSPL={microcode:02}"
    )
}

fn pem(ders: &[&[u8]]) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let pem = |der: &&[u8]| {
        let text = STANDARD.encode(der);
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        let lines = lines.join("\n");
        format!("-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n")
    };
    ders.iter().map(pem).collect::<String>().into_bytes()
}

struct Bench {
    world: World,
    server: KeyServer,
}

impl Bench {
    async fn new() -> Self {
        let (world, server) = (World::new().await, KeyServer::start().await);
        std::fs::write(world.path("report.bin"), report()).unwrap();
        server.answers(&path(&report()), &[Answer::Body(VCEK.to_vec())]);
        Self { world, server }
    }

    fn cdvm(&self, args: &[&str]) -> Cdvm {
        let mut all = args.to_vec();
        all.extend(["--key-server", &self.server.url]);
        self.world.cdvm_bare(&all)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_machine_did_not_send_is_asked_for_in_turns() {
    let bench = Bench::new().await;
    let mut args = vec!["verify", "--evidence", "report.bin"];
    args.extend(ANY);
    let ended = bench.cdvm(&args).end().await;
    // The certificate came; the vendor's list did not, and without it nothing passes.
    ended.assert(
        3,
        &[
            "asking localhost:",
            "for the key certificate of Milan chip ",
            "it takes one request in 10 s",
            "no revocation list of Milan: localhost:",
            "404",
            "✗ revocation list",
            "none was given",
            "cdvm collateral import",
        ],
    );
    assert_eq!(
        bench.server.asked(),
        [
            format!("/{}", path(&report())),
            "/vcek/v1/Milan/crl".to_owned()
        ]
    );
    assert!(
        bench.server.pauses()[0] >= 9_500,
        "{:?}",
        bench.server.pauses()
    );

    // The next run waits its turn too. JSON says the same.
    args.push("--json");
    let ended = bench.cdvm(&args).end().await;
    assert_eq!(ended.code, 3, "{ended:#?}");
    let events = ended.events();
    let event = |name: &str| {
        let mut events = events.iter();
        events
            .find(|event| event["event"] == name)
            .unwrap_or_else(|| panic!("{name}: {ended:#?}"))
    };
    assert!(event("waiting")["seconds"].as_u64().unwrap() <= 10);
    assert_eq!(event("asking")["item"], "key");
    assert_eq!(event("asking")["generation"], "milan");
    assert_eq!(event("collateral")["from"], "server");
    assert_eq!(event("missing")["item"], "list");
    assert_eq!(event("refused")["check"], "revocation list");
    assert!(bench.server.pauses().iter().all(|pause| *pause >= 9_500));
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_nothing_is_asked() {
    let bench = Bench::new().await;
    let mut args = vec!["verify", "--offline", "--evidence", "report.bin"];
    args.extend(ANY);
    bench.cdvm(&args).end().await.assert(
        3,
        &[
            "no key certificate of Milan chip ",
            "--offline: nothing is fetched",
            "cdvm collateral export --evidence FILE",
            "cdvm collateral import BUNDLE",
        ],
    );
    let export = [
        "collateral",
        "export",
        "--offline",
        "--for",
        "milan",
        "--output",
        "b",
    ];
    bench
        .cdvm(&export)
        .end()
        .await
        .assert(1, &["--offline", "Nothing was written"]);
    assert!(bench.server.asked().is_empty());
    assert!(!bench.world.path("b").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_for_a_simulated_machine() {
    let bench = Bench::new().await;
    let (_, chip) = crate::world::machine();
    let report = simvendor::Fields::new(chip).sign(chip).unwrap();
    std::fs::write(bench.world.path("simulated.bin"), report).unwrap();
    let mut args = vec![
        "verify",
        "--evidence",
        "simulated.bin",
        "--key-server",
        &bench.server.url,
    ];
    args.extend(ANY);
    bench
        .world
        .cdvm(&args)
        .end()
        .await
        .assert(3, &["✗ simulated · signing key", "none was sent"]);
    let export = [
        "collateral",
        "export",
        "--evidence",
        "simulated.bin",
        "--output",
        "b",
        "--key-server",
        &bench.server.url,
    ];
    bench
        .world
        .cdvm(&export)
        .end()
        .await
        .assert(2, &["needs no collateral of a vendor"]);
    assert!(bench.server.asked().is_empty());
}

/// Evidence by a provider's key of the SIMULATED vendor, as the guest components
/// print it; the intermediate above that key.
pub(crate) fn by_provider() -> (String, Vec<u8>) {
    let (vendor, _) = crate::world::machine();
    let now = crate::world::now().as_secs();
    let provider = vendor.provider(now).unwrap();
    let spec = simvendor::ChipSpec::vlek(vendor.generation(), now);
    let vlek = provider.vlek(&spec).unwrap();
    let report = simvendor::Fields::new(&vlek).sign(&vlek).unwrap();
    let evidence = simvendor::guest_components_json(&report, &vlek);
    (evidence.to_string(), provider.asvk().to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_above_a_providers_key_is_asked_for_and_only_the_vendors_counts() {
    let bench = Bench::new().await;
    let (evidence, asvk) = by_provider();
    std::fs::write(bench.world.path("lent.json"), evidence).unwrap();
    let (vendor, _) = crate::world::machine();
    bench.server.answers(
        "vlek/v1/Genoa/cert_chain",
        &[Answer::Body(pem(&[&asvk, vendor.ark()]))],
    );
    // Under the vendor's roots, where this provider is nobody's.
    let mut args = vec!["verify", "--json", "--evidence", "lent.json"];
    args.extend(ANY);
    let ended = bench.cdvm(&args).end().await;
    assert_eq!(ended.code, 3, "{ended:#?}");
    for words in [
        "for the certificates above the keys of Genoa (VLEK)",
        "no certificates above the keys of Genoa (VLEK): localhost:",
        "not an intermediate and the root that the trust file has",
        "without an intermediate for a VLEK",
    ] {
        assert!(ended.says(words), "{words:?} in {ended:#?}");
    }
    let events = ended.events();
    let event = |name: &str| events.iter().find(|event| event["event"] == name).unwrap();
    for name in ["asking", "missing"] {
        assert_eq!(event(name)["item"], "chain");
        assert_eq!(event(name)["generation"], "genoa");
        assert_eq!(event(name)["signer"], "vlek");
    }
    assert_eq!(event("refused")["check"], "vendor chain");
    assert_eq!(bench.server.asked(), ["/vlek/v1/Genoa/cert_chain"]);

    // Under the simulated root nothing is asked for.
    args.retain(|arg| *arg != "--json");
    args.extend(["--key-server", &bench.server.url]);
    bench.world.cdvm(&args).end().await.assert(
        3,
        &[
            "✗ simulated · vendor chain",
            "SIMULATED without an intermediate",
        ],
    );
    assert_eq!(bench.server.asked().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_carries_what_is_kept_and_only_what_verifies() {
    let bench = Bench::new().await;
    let (world, server) = (&bench.world, &bench.server);
    world
        .cdvm_bare(&["collateral", "list"])
        .end()
        .await
        .assert(0, &["nothing is kept"]);
    // The vendor's chain, and, as an earlier run would have left it, a certificate.
    server.answers(
        "vcek/v1/Milan/cert_chain",
        &[Answer::Body(pem(&[ARK, ASK]))],
    );
    let export = [
        "collateral",
        "export",
        "--for",
        "milan",
        "--output",
        "b.json",
    ];
    bench
        .cdvm(&export)
        .end()
        .await
        .assert(1, &["not the intermediate and root"]);
    let dir = world.path(".local/share/cdvm/collateral");
    std::fs::write(dir.join("milan-chain-vcek.pem"), pem(&[ASK, ARK])).unwrap();
    let chip = hex::encode(&report()[0x1a0..0x1e0]);
    let name = format!("milan-key-{chip}-0.3.0.8.115.der");
    std::fs::write(dir.join(&name), VCEK).unwrap();
    world.cdvm_bare(&["collateral", "list"]).end().await.assert(
        0,
        &[
            "key certificate of Milan chip ",
            "certificates above the keys of Milan",
            "kept here",
        ],
    );
    let export = ["collateral", "export", "--output", "b.json"];
    world
        .cdvm_bare(&export)
        .end()
        .await
        .assert(0, &["2 items", "written to b.json"]);

    // Elsewhere.
    let there = ["--state", "elsewhere", "--offline"];
    let mut import = vec!["collateral", "import", "b.json"];
    import.extend(there);
    world
        .cdvm_bare(&import)
        .end()
        .await
        .assert(0, &["2 items verified and kept", "from b.json"]);
    let kept = std::fs::read(world.path("elsewhere/collateral").join(&name)).unwrap();
    assert_eq!(kept, VCEK);

    // One wrong item, and nothing of it is taken.
    let text = std::fs::read_to_string(world.path("b.json")).unwrap();
    std::fs::write(
        world.path("wrong.json"),
        text.replace(&chip, &"ab".repeat(64)),
    )
    .unwrap();
    let mut import = vec!["collateral", "import", "wrong.json", "--state", "third"];
    world
        .cdvm_bare(&import)
        .end()
        .await
        .assert(1, &["another chip", "Nothing of the bundle was taken"]);
    assert!(!world.path("third").exists());
    std::fs::write(world.path("wrong.json"), &text[..text.len() / 2]).unwrap();
    import = vec!["collateral", "import", "wrong.json"];
    world
        .cdvm_bare(&import)
        .end()
        .await
        .assert(7, &["not a bundle of collateral"]);
    // What lies on the disk and does not verify is named, and not carried.
    std::fs::write(dir.join(&name), &VCEK[1..]).unwrap();
    world
        .cdvm_bare(&["collateral", "list"])
        .end()
        .await
        .assert(0, &["is kept and not used"]);
    world.cdvm_bare(&export).end().await.assert(0, &["1 item,"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_server_is_named_by_an_encrypted_url_unless_for_development() {
    let world = World::new().await;
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_cdvm"));
    command
        .args(["collateral", "list"])
        .env_clear()
        .env("HOME", &world.dir);
    command.env("CDVM_KEY_SERVER", "http://mirror.example");
    let output = command.output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        text.contains("is not encrypted") && text.contains("--key-server https://"),
        "{text}"
    );
}
