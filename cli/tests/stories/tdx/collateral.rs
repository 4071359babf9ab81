//! Intel's collateral for quotes of TDX: given, asked for, kept and carried away.

use super::customer::{Customer, IN_2025, IN_2026, PARTS, vector};
use crate::key_server::{Answer, KeyServer};
use crate::world::machine;

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
    for wrong in ["noise", "v4.quote"] {
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
    held(&[]).await.assert(
        3,
        &[
            "Intel's, from changed.json: 1 part without a date",
            "with this collateral nothing is known about the machine",
        ],
    );
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
