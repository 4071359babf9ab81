//! `cdvm verify` on files and events: what passes, what is refused, what cannot
//! be read, and what it means.

use dvm::wrap;
use job::{Order, init_data};

use crate::parties::{Guest, Provider};
use crate::world::{World, machine, now};

/// An order that is kept, and an honest guest for it.
pub(crate) async fn ordered(world: &World) -> (Order, Guest) {
    let mut provider = Provider::of(world).await;
    world
        .cdvm(&["request", "analyse"])
        .end()
        .await
        .assert(0, &[]);
    let order = provider.order().await;
    let guest = Guest::honest(world, &order).await;
    (order, guest)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_opened_and_held_against_the_order_that_is_kept() {
    let world = World::new().await;
    let (order, guest) = ordered(&world).await;
    let rumor = dvm::attestation::to_rumor(&guest.attestation, now());
    let sealed = wrap(&rumor, &guest.keys, order.customer(), now()).unwrap();
    std::fs::write(world.path("event.json"), dvm::event::to_json(&sealed)).unwrap();
    std::fs::write(
        world.path("rumor.json"),
        serde_json::to_vec(&rumor).unwrap(),
    )
    .unwrap();
    let dir = world.job_dir();
    let file = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let (key, order_file, offer_file) = (file("key.nsec"), file("order.json"), file("offer.json"));

    let event = ["verify", "--event", "event.json", "--key", &key];
    world
        .cdvm(&event)
        .end()
        .await
        .assert(0, &["✓ simulated · REPORT_DATA: expected "]);
    world
        .cdvm(&event[..3])
        .end()
        .await
        .assert(2, &["is sealed", "--key FILE"]);
    let rumor = [
        "verify",
        "--event",
        "rumor.json",
        "--order",
        &order_file,
        "--offer",
        &offer_file,
    ];
    world
        .cdvm(&rumor)
        .end()
        .await
        .assert(0, &["a rumor is not signed", "✓ simulated · HOST_DATA"]);
    // Nothing was committed to: a file proves nothing about who may have the data.
    assert!(!dir.join("committed").exists() && !dir.join("attestation.json").exists());

    // Another key opens nothing, and a changed rumor is none.
    world
        .cdvm_bare(&["key", "new", "--out", "other.nsec"])
        .end()
        .await;
    let other = ["verify", "--event", "event.json", "--key", "other.nsec"];
    world
        .cdvm(&other)
        .end()
        .await
        .assert(7, &["failed to open it with this key"]);
    let text = std::fs::read_to_string(world.path("rumor.json")).unwrap();
    std::fs::write(
        world.path("rumor.json"),
        text.replace("\"kind\":23793", "\"kind\":7000"),
    )
    .unwrap();
    world
        .cdvm(&rumor[..3])
        .end()
        .await
        .assert(7, &["the rumor's id does not fit"]);

    // A thief's rumor about somebody else's evidence reads well and is refused.
    let mut stolen = guest.attestation.clone();
    stolen.author = dvm::Keys::generate().public_key();
    let stolen = dvm::attestation::to_rumor(&stolen, now());
    std::fs::write(
        world.path("rumor.json"),
        serde_json::to_vec(&stolen).unwrap(),
    )
    .unwrap();
    world
        .cdvm(&rumor[..3])
        .end()
        .await
        .assert(3, &["✗ simulated · REPORT_DATA"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_alone_is_held_against_what_is_given_and_says_what_is_not() {
    let world = World::new().await;
    let (_, guest) = ordered(&world).await;
    let (_, chip) = machine();
    let report = &guest.attestation.report;
    let json = simvendor::guest_components_json(report, chip);
    std::fs::write(world.path("evidence.json"), json.to_string()).unwrap();
    let manifest = job::Manifest::parse(&guest.attestation.manifest, |_| true).unwrap();
    let host_data = init_data(&manifest).unwrap().digest().to_string();
    let report_data = String::from_utf8(report[0x50..0x90].to_vec()).unwrap();

    let verify = |host_data: &str, report_data: &str| {
        world.cdvm(&[
            "verify",
            "--evidence",
            "evidence.json",
            "--host-data",
            host_data,
            "--report-data",
            report_data,
        ])
    };
    let ended = verify(&host_data, &report_data).end().await;
    ended.assert(
        0,
        &["✓ simulated · guest image: expected ", "simulated guest ("],
    );
    assert!(!ended.says("by choice"));
    verify("any", "any").end().await.assert(
        0,
        &[
            "HOST_DATA: expected any, by choice, seen ",
            "REPORT_DATA: expected any, by choice, seen ",
            "! HOST_DATA NOT compared, by choice",
            "! REPORT_DATA NOT compared, by choice",
        ],
    );
    let other = "ab".repeat(32);
    verify(&other, "any")
        .end()
        .await
        .assert(3, &["✗ simulated · HOST_DATA"]);
    verify("any", &other)
        .end()
        .await
        .assert(3, &["✗ simulated · REPORT_DATA"]);
    // Nothing is left open by saying nothing.
    let silent = ["verify", "--evidence", "evidence.json"];
    world
        .cdvm(&silent)
        .end()
        .await
        .assert(2, &["--host-data any"]);
    let size = [
        "verify",
        "--evidence",
        "evidence.json",
        "--host-data",
        "any",
        "--report-data",
        "any",
        "--vcpus",
        "3",
    ];
    world.cdvm(&size).end().await.assert(
        3,
        &[
            "✗ simulated · guest image",
            "nothing is accepted; nearest are ",
            "(of 2 vCPUs: ",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_alone_in_summary_says_nothing_of_a_job() {
    let world = World::new().await;
    let (_, guest) = ordered(&world).await;
    let (_, chip) = machine();
    let report = &guest.attestation.report;
    let json = simvendor::guest_components_json(report, chip);
    std::fs::write(world.path("evidence.json"), json.to_string()).unwrap();
    let summary = |host_data: &str, more: &[&str]| {
        let args = [
            "verify",
            "--evidence",
            "evidence.json",
            "--summary",
            "--report-data",
            "any",
            "--host-data",
            host_data,
        ];
        world.cdvm(&[&args[..], more].concat())
    };
    let host_data = hex::encode(&report[0xc0..0xe0]);
    let ended = summary(&host_data, &[]).end().await;
    ended.assert(
        0,
        &[
            "✓ simulated · signed by a SIMULATED vendor",
            "✓ simulated · guest image",
            "✓ simulated · init data                         as given",
            "✓ simulated · what the guest asked to be signed NOT compared, by choice",
            "! REPORT_DATA NOT compared, by choice",
            "NOTHING is confidential",
        ],
    );
    for word in [
        "exactly this job",
        "this request",
        "also checked",
        "expected",
    ] {
        assert!(!ended.says(word), "{word}: {}", ended.out);
    }
    let left_open = summary("any", &[]).end().await;
    left_open.assert(
        0,
        &["✓ simulated · init data                         NOT compared"],
    );
    let refused = summary(&"ab".repeat(32), &[]).end().await;
    refused.assert(3, &["✗ simulated · HOST_DATA", "seen "]);
    assert!(!refused.says("✓"));

    // At another time, written as for every option, and as before.
    let at = ["--at", "2020-01-01T00:00:00Z"];
    let early = summary(&host_data, &at).end().await;
    early.assert(3, &["verified as on 2020-01-01T00:00:00Z"]);
    let at = ["--at", "1577836800"];
    let same = summary(&host_data, &at).end().await;
    same.assert(3, &["verified as on 2020-01-01T00:00:00Z"]);
    for wrong in ["yesterday", "2020-01-01", "2020-02-30T00:00:00Z", "-1"] {
        let at = format!("--at={wrong}");
        let ended = summary(&host_data, &[&at]).end().await;
        ended.assert(2, &["write it as 2026-11-20T00:00:00Z"]);
    }
}

/// Azure's HCL report around a report, with these runtime data.
fn hcl_report(report: &[u8], data: &[u8]) -> Vec<u8> {
    let len = u32::try_from(data.len()).unwrap();
    let mut hcl = b"HCLA".to_vec();
    hcl.resize(32, 0);
    hcl.extend_from_slice(report);
    // Of SEV-SNP, bound by SHA-256.
    for word in [20 + len, 1, 2, 1, len] {
        hcl.extend(word.to_le_bytes());
    }
    hcl.extend_from_slice(data);
    hcl
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_as_others_store_it_is_held_against_the_same() {
    let world = World::new().await;
    let (_, guest) = ordered(&world).await;
    let (_, chip) = machine();
    let report = &guest.attestation.report;
    let certificate = guest.attestation.certificate.as_slice();
    let verify = |name: &str| {
        let any = ["--host-data", "any", "--report-data", "any"];
        world.cdvm(&[&["verify", "--evidence", name], &any[..]].concat())
    };
    let write = |name: &str, bytes: &[u8]| std::fs::write(world.path(name), bytes).unwrap();
    let table = simvendor::certificate_table(&[(simvendor::VCEK_GUID, certificate)]);
    write("extended.bin", &[report, &*table].concat());
    std::fs::create_dir_all(world.path("folder/certs")).unwrap();
    write("folder/report.bin", report);
    let pem = simvendor::pem(&[certificate], "\n");
    write("folder/certs/vcek.pem", pem.as_bytes());
    for name in ["extended.bin", "folder"] {
        let ended = verify(name).end().await;
        ended.assert(
            0,
            &["✓ simulated · signature: ", "✓ simulated · guest image"],
        );
    }
    // Each is refused when it is not what the machine signed.
    let mut flipped = [report, &*table].concat();
    flipped[0x90] ^= 1;
    write("extended.bin", &flipped);
    write("folder/report.bin", &flipped[..1184]);
    for name in ["extended.bin", "folder"] {
        let ended = verify(name).end().await;
        ended.assert(3, &["✗ simulated · signature"]);
    }

    // Azure's: the report in it counts, and the runtime data are those it is bound to.
    let data = b"{\"keys\":[]}";
    let mut report_data = [0; 64];
    report_data[..32].copy_from_slice(job::Digest::of(data).as_bytes());
    let fields = simvendor::Fields {
        measurement: report[0x90..0xc0].try_into().unwrap(),
        report_data,
        ..simvendor::Fields::new(chip)
    };
    let report = fields.sign(chip).unwrap();
    let json = |data: &[u8]| {
        let hcl = hcl_report(&report, data);
        serde_json::json!({"quote": {}, "report": hcl, "vcek": pem}).to_string()
    };
    write("azure.json", json(data).as_bytes());
    let seen = [
        "the vTPM's quote is not verified",
        "✓ simulated · runtime data: ",
    ];
    verify("azure.json").end().await.assert(0, &seen);
    write("other.json", json(b"{\"keys\":[1]}").as_bytes());
    let refused = ["✗ simulated · runtime data", "are not this machine's"];
    verify("other.json").end().await.assert(3, &refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_no_refusal() {
    let world = World::new().await;
    let (_, guest) = ordered(&world).await;
    let dir = world.job_dir();
    let file = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let (order, offer) = (file("order.json"), file("offer.json"));
    std::fs::write(world.path("noise"), "noise").unwrap();
    std::fs::write(world.path("short.bin"), &guest.attestation.report[1..]).unwrap();
    let mut reserved = guest.attestation.report.clone();
    // Where no signature reaches: what is signed is judged, not misread.
    reserved[0x2d0] = 1;
    std::fs::write(world.path("reserved.bin"), reserved).unwrap();
    let any = ["--host-data", "any", "--report-data", "any"];
    for evidence in ["noise", "short.bin", "reserved.bin"] {
        let mut args = vec!["verify", "--evidence", evidence];
        args.extend(any);
        world
            .cdvm(&args)
            .end()
            .await
            .assert(7, &["Unreadable: ", evidence, "neither good nor bad"]);
    }
    for args in [
        vec!["verify", "--event", "noise"],
        vec![
            "verify",
            "--attestation",
            "noise",
            "--order",
            &order,
            "--offer",
            &offer,
        ],
    ] {
        world
            .cdvm(&args)
            .end()
            .await
            .assert(7, &["Unreadable: noise"]);
    }
    // A report that can be read and does not hold is refused.
    let (_, chip) = machine();
    let mut flipped = guest.attestation.report.clone();
    flipped[0x90] ^= 1;
    let json = simvendor::guest_components_json(&flipped, chip);
    std::fs::write(world.path("flipped.json"), json.to_string()).unwrap();
    let mut args = vec!["verify", "--evidence", "flipped.json", "--json"];
    args.extend(any);
    let ended = world.cdvm(&args).end().await;
    assert_eq!(ended.code, 3);
    let events = ended.events();
    let failed: Vec<_> = events
        .iter()
        .filter(|event| event["passed"] == false)
        .collect();
    assert_eq!((failed.len(), &failed[0]["name"]), (1, &"signature".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_evidence_proves_and_does_not_is_said_in_words() {
    let world = World::new().await;
    let (_, guest) = ordered(&world).await;
    guest.hello().await;
    let ended = world.cdvm(&["verify", "--explain"]).end().await;
    ended.assert(
        0,
        &[
            "it proves NOTHING",
            "Availability",
            "Location",
            "Battering RAM",
            "TEE.fail",
            "WireTap",
            "BadRAM",
        ],
    );
    let ended = world.cdvm(&["verify", "--explain", "--json"]).end().await;
    let events = ended.events();
    let explained = events
        .iter()
        .find(|event| event["event"] == "explained")
        .unwrap();
    assert_eq!(explained["proves"].as_array().unwrap().len(), 0);
    assert_eq!(explained["attacks"][0]["name"], "Battering RAM (2025)");
}
