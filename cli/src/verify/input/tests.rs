//! Evidence as others store it: each form is the same evidence, what came with it is
//! taken along, and what is no evidence is called by its name.

use std::path::PathBuf;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use job::Digest;
use serde_json::json;
use simvendor::{Chip, ChipSpec, Fields, VCEK_GUID, Vendor, certificate_table, pem};

use super::form::form;
use super::{Alone, Bare, Beside, Quoted, alone, hcl};

const NOW: u64 = 1_795_000_000;
const QUOTE: &[u8] = include_bytes!("../../../../evidence/tests/vectors/tdx/v4.quote");

struct World {
    vendor: Vendor,
    chip: Chip,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let genoa = simvendor::Generation::Genoa;
        let vendor = Vendor::generate(genoa, NOW).unwrap();
        let chip = vendor.chip(&ChipSpec::new(genoa, NOW)).unwrap();
        World { vendor, chip }
    })
}

fn report() -> Vec<u8> {
    let chip = &world().chip;
    Fields::new(chip).sign(chip).unwrap()
}

fn certificate() -> &'static [u8] {
    world().chip.certificate()
}

/// Digits in pairs, as OpenSSL prints them.
fn with_colons(hex: &str) -> String {
    let pairs = hex.as_bytes().chunks(2).map(String::from_utf8_lossy);
    pairs.collect::<Vec<_>>().join(":")
}

/// The chain of the chip's key in PEM.
fn chain() -> String {
    let World { vendor, chip } = world();
    pem(&[chip.certificate(), vendor.ask(), vendor.ark()], "\r\n")
}

const RUNTIME_DATA: &[u8] = br#"{"keys":[{"kid":"HCLAkPub","kty":"RSA"}],"user-data":"00"}"#;

/// Azure's HCL report around a report, of this kind and digest.
fn hcl_report(report: &[u8], kind: u32, digest: u32, data: &[u8]) -> Vec<u8> {
    let len = u32::try_from(data.len()).unwrap();
    let mut hcl = b"HCLA".to_vec();
    hcl.resize(32, 0);
    hcl.extend_from_slice(report);
    for word in [20 + len, 1, kind, digest, len] {
        hcl.extend(word.to_le_bytes());
    }
    hcl.extend_from_slice(data);
    // As long as the vTPM's index.
    hcl.resize(2600, 0);
    hcl
}

fn bare(certificate: &[u8], beside: Beside) -> Alone {
    Alone::Report(Bare {
        report: report_of_run().to_vec(),
        certificate: certificate.to_vec(),
        beside,
    })
}

/// One for all: signatures differ from run to run.
fn report_of_run() -> &'static [u8] {
    static REPORT: OnceLock<Vec<u8>> = OnceLock::new();
    REPORT.get_or_init(report)
}

fn read(bytes: impl AsRef<[u8]>) -> Alone {
    form(bytes.as_ref()).unwrap_or_else(|error| panic!("{error:?}"))
}

/// What somebody is told of bytes that are not read.
fn told(bytes: impl AsRef<[u8]>) -> String {
    let problem = form(bytes.as_ref()).unwrap_err().problem("file".as_ref());
    assert_eq!(problem.exit.code(), 7);
    assert!(problem.next.starts_with("cdvm reads "), "{}", problem.next);
    problem.what
}

fn lines(text: &str, end: &str) -> String {
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!("{}{end}", lines.join(end))
}

#[test]
fn a_report_is_the_same_in_bytes_and_as_text_with_and_without_a_table() {
    let report = report_of_run();
    let nothing = Beside::default();
    let extended = [
        report,
        &certificate_table(&[([9; 16], b"other"), (VCEK_GUID, certificate())]),
    ]
    .concat();
    for (bytes, with) in [(report, &[][..]), (&extended, certificate())] {
        let hex = hex::encode(bytes);
        let base64 = STANDARD.encode(bytes);
        for text in [
            hex.clone(),
            hex.to_uppercase(),
            format!("0x{hex}\n"),
            format!("\u{feff}{hex}\r\n"),
            with_colons(&hex),
            lines(&hex, "\n"),
            base64.clone(),
            lines(&base64, "\r\n"),
            URL_SAFE.encode(bytes),
            URL_SAFE_NO_PAD.encode(bytes),
        ] {
            assert_eq!(read(&text), bare(with, nothing.clone()), "{text}");
        }
        assert_eq!(read(bytes), bare(with, nothing.clone()));
    }
    for (wrong, word) in [
        (extended[..1200].to_vec(), "behind it"),
        ([report, &[1; 100]].concat(), "behind it"),
        (report[..1183].to_vec(), "1183 bytes"),
        (
            hex::encode(&report[..1183]).into(),
            "text that holds 1183 bytes",
        ),
        (
            [&[1, 0, 0, 0], &report[4..]].concat(),
            "not a report of SEV-SNP: ",
        ),
    ] {
        let told = told(&wrong);
        assert!(told.contains(word), "{told}");
    }
    // A version to come is one: what it is worth is judged, not misread.
    let newer = [&[9, 0, 0, 0], &report[4..]].concat();
    assert!(matches!(read(newer), Alone::Report(_)));
}

#[test]
fn json_of_others_is_the_same_evidence() {
    let report = report_of_run();
    let nothing = Beside::default();
    let whole = simvendor::guest_components_json(report, &world().chip);
    let with = bare(certificate(), nothing.clone());
    let text = whole.to_string();
    let base64 = STANDARD.encode(report);
    let instance = json!({
        "ReportSigner": STANDARD.encode(pem(&[certificate()], "\n")),
        "CertChain": "", "AttestationReport": base64, "Azure": null,
    });
    for (name, json) in [
        ("guest components", whole.clone()),
        // Trustee: to the broker, with devices' evidence, to the attestation service.
        ("broker", json!({"tee-pubkey": {}, "tee-evidence": whole})),
        (
            "attestation service",
            json!({"verification_requests": [
                {"tee": "snp", "evidence": URL_SAFE_NO_PAD.encode(&text)},
            ]}),
        ),
        ("text in it", json!({"tee": "snp", "evidence": text})),
        // Constellation, now and before.
        (
            "Constellation",
            json!({
                "Attestation": {"ak_pub": "AA=="}, "UserData": "AA==",
                "InstanceInfo": STANDARD.encode(instance.to_string()),
            }),
        ),
        (
            "Constellation before",
            json!({"Vcek": STANDARD.encode(chain()), "AttestationReport": base64}),
        ),
        // A report's bytes beside certificates.
        ("numbers", json!({"report": report, "vcek": chain()})),
        (
            "go-sev-guest's chain",
            json!({"report": base64, "certificateChain": {
                "arkCert": "AA==", "vcekCert": STANDARD.encode(certificate()),
            }}),
        ),
    ] {
        assert_eq!(read(json.to_string()), with, "{name}");
    }
    let without = json!({"raw_report": hex::encode(report)});
    assert_eq!(read(without.to_string()), bare(&[], nothing.clone()));
    let devices = json!({"primary_evidence": whole, "additional_evidence": "{\"x\":1}"});
    let Alone::Report(with_devices) = read(devices.to_string()) else {
        panic!("no report");
    };
    assert_eq!(with_devices.certificate, certificate());
    assert!(with_devices.beside.unread[0].contains("devices"));
    // Envelopes end somewhere.
    let mut deep = whole;
    for _ in 0..5 {
        deep = json!({"evidence": deep});
    }
    assert!(told(deep.to_string()).contains("JSON without a report"));
}

#[test]
fn azures_report_is_the_one_in_it_bound_to_the_runtime_data() {
    let report = report_of_run();
    let hcl = hcl_report(report, 2, 1, RUNTIME_DATA);
    let beside = hcl::beside(Digest::of(RUNTIME_DATA));
    assert!(beside.unread[0].contains("the vTPM's quote is not verified"));
    let without = bare(&[], beside.clone());
    let with = bare(certificate(), beside);
    assert_eq!(read(&hcl), without);
    assert_eq!(read(STANDARD.encode(&hcl)), without);
    let quote = json!({"signature": "", "message": "", "pcrs": []});
    let v0 = json!({"quote": quote, "report": hcl, "vcek": chain()});
    let later = |version: u32| {
        json!({
            "version": version, "tpm_quote": quote, "hcl_report": URL_SAFE_NO_PAD.encode(&hcl),
            "vcek": URL_SAFE.encode(certificate()),
        })
    };
    for json in [v0, later(1), later(2), json!({"evidence": later(2)})] {
        assert_eq!(read(json.to_string()), with);
    }
    // Constellation keeps the runtime data beside the report.
    let instance = json!({
        "AttestationReport": STANDARD.encode(report), "ReportSigner": STANDARD.encode(chain()),
        "Azure": {"RuntimeData": STANDARD.encode(RUNTIME_DATA), "MAAToken": ""},
    });
    assert_eq!(read(instance.to_string()), with);
    // Of TDX it is a quote with the data, or nothing that can be verified.
    let td = hcl_report(&[0x81; 1184], 4, 1, RUNTIME_DATA);
    let tdx = json!({"hcl_report": STANDARD.encode(&td), "td_quote": STANDARD.encode(QUOTE)});
    let Alone::Quote(Quoted { quote, beside }) = read(tdx.to_string()) else {
        panic!("no quote");
    };
    assert_eq!(quote, QUOTE);
    assert_eq!(beside.runtime_data, Some(Digest::of(RUNTIME_DATA)));
    for (wrong, word) in [
        (td, "only a quote can be verified"),
        (hcl_report(report, 3, 1, RUNTIME_DATA), "of kind 3"),
        (hcl_report(report, 2, 2, RUNTIME_DATA), "a digest of kind 2"),
        (hcl_report(&[7; 1184], 2, 1, RUNTIME_DATA), "not a report"),
    ] {
        let told = told(&wrong);
        assert!(told.contains(word), "{told}");
    }
    let end = 32 + 1184 + 20 + RUNTIME_DATA.len();
    assert_eq!(read(&hcl[..end]), without);
    for len in 4..end {
        assert!(told(&hcl[..len]).contains("cut short"), "{len}");
    }
    let mut endless = hcl;
    endless[32 + 1184 + 16..][..4].fill(0xff);
    assert!(told(&endless).contains("cut short"));
}

#[test]
fn a_quote_is_the_same_in_bytes_as_text_and_in_json() {
    let quoted = |unread: &[&'static str]| {
        Alone::Quote(Quoted {
            quote: QUOTE.to_vec(),
            beside: Beside {
                runtime_data: None,
                unread: unread.to_vec(),
            },
        })
    };
    let base64 = STANDARD.encode(QUOTE);
    for text in [
        hex::encode(QUOTE),
        lines(&hex::encode_upper(QUOTE), "\n"),
        base64.clone(),
        lines(&base64, "\n"),
        URL_SAFE_NO_PAD.encode(QUOTE),
        json!({"quote": base64}).to_string(),
        json!({"quote": hex::encode(QUOTE), "cc_eventlog": null}).to_string(),
        json!({"evidence": {"quote": base64}}).to_string(),
        json!({"AttestationReport": base64}).to_string(),
    ] {
        assert_eq!(read(&text), quoted(&[]), "{text}");
    }
    assert_eq!(read(QUOTE), quoted(&[]));
    let Alone::Quote(with_log) = read(json!({"quote": base64, "cc_eventlog": "AA=="}).to_string())
    else {
        panic!("no quote");
    };
    assert!(with_log.beside.unread[0].contains("the event log is not read"));
}

#[test]
fn a_folder_is_a_report_with_the_certificates_beside_it() {
    let World { vendor, chip } = world();
    let report = report_of_run();
    let nothing = Beside::default();
    let own = pem(&[chip.certificate()], "\n");
    let ask = pem(&[vendor.ask()], "\n");
    let with = bare(certificate(), nothing.clone());
    let table = certificate_table(&[(VCEK_GUID, certificate())]);
    for (name, files, expected) in [
        (
            "bare",
            vec![("report.bin", report)],
            bare(&[], nothing.clone()),
        ),
        (
            "snpguest",
            vec![
                ("attestation-report.bin", report),
                ("request-data.txt", &[1; 64]),
                ("certs/ark.pem", ask.as_bytes()),
                ("certs/ask.pem", ask.as_bytes()),
                ("certs/vcek.pem", own.as_bytes()),
            ],
            with.clone(),
        ),
        (
            "der",
            vec![("report.bin", report), ("vcek.der", certificate())],
            with.clone(),
        ),
        // The other kind's is no obstacle.
        (
            "both",
            vec![
                ("report.bin", report),
                ("certs/vlek.pem", ask.as_bytes()),
                ("certs/vcek.pem", own.as_bytes()),
            ],
            with.clone(),
        ),
        (
            "configfs",
            vec![("outblob", report), ("auxblob", &table)],
            with.clone(),
        ),
    ] {
        let folder = Folder::with(name, &files);
        assert_eq!(alone(&folder.0).unwrap(), expected, "{name}");
    }
    for (name, files, word) in [
        ("empty", vec![], "a folder without a report"),
        (
            "other",
            vec![("certs/vcek.pem", own.as_bytes())],
            "a folder without a report",
        ),
        (
            "two",
            vec![("report.bin", report), ("outblob", report)],
            "several reports, report.bin and outblob",
        ),
        (
            "none",
            vec![("report.bin", ask.as_bytes())],
            "a certificate in PEM",
        ),
        (
            "table",
            vec![("outblob", report), ("auxblob", &[1; 30])],
            "certificate table",
        ),
    ] {
        let folder = Folder::with(name, &files);
        let error = alone(&folder.0).unwrap_err().to_string();
        assert!(error.contains(word), "{name}: {error}");
    }
}

/// A folder that is gone when it is not needed any more.
struct Folder(PathBuf);

impl Folder {
    fn with(name: &str, files: &[(&str, &[u8])]) -> Self {
        let path = std::env::temp_dir().join(format!("cdvm-input-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        for (file, contents) in files {
            let file = path.join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, contents).unwrap();
        }
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_is_no_evidence_is_called_by_its_name() {
    let mut sgx = QUOTE.to_vec();
    sgx[4] = 0;
    let texts: [(Vec<u8>, &str); 22] = [
        (vec![], "an empty file"),
        (b" \n".to_vec(), "an empty file"),
        (chain().into(), "a certificate in PEM"),
        (certificate().to_vec(), "a certificate or list in DER"),
        (
            STANDARD.encode(certificate()).into(),
            "text that holds a certificate or list in DER",
        ),
        (sgx.clone(), "a quote of Intel SGX"),
        (
            json!({"quote": STANDARD.encode(&sgx)}).to_string().into(),
            "no quote of TDX, but a quote of Intel SGX",
        ),
        ([&[0x81][..], &[0; 1023]].concat(), "a TD report of TDX"),
        (b"\xffTCG\x80\x18".to_vec(), "a quote of a TPM"),
        (
            b"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln".to_vec(),
            "a signed token (JWT)",
        ),
        (vec![0x1f, 0x8b, 8, 0], "compressed (gzip)"),
        (vec![0xff, 0xfe, b'0', 0], "text in UTF-16"),
        (b"\x7fELF\x02".to_vec(), "a program (ELF)"),
        (b"hello, machine".to_vec(), "text that is neither"),
        (b"{\"a\":".to_vec(), "JSON that cannot be read"),
        (b"[1, 2]".to_vec(), "a list of 2 things"),
        (
            json!({"attestation_report": {}}).to_string().into(),
            "the guest components' JSON of SEV-SNP, and",
        ),
        (
            json!({"sevSnpAttestation": {"report": {"version": 3}}})
                .to_string()
                .into(),
            "taken apart into fields",
        ),
        (
            json!({"akPub": "AA==", "quotes": []}).to_string().into(),
            "an attestation by a TPM",
        ),
        (
            json!({"id": "", "pubkey": "", "kind": 1, "sig": ""})
                .to_string()
                .into(),
            "a Nostr event",
        ),
        (
            json!({"token": "x"}).to_string().into(),
            "an attestation service's token",
        ),
        (
            json!({"foo": 1, "\u{1b}[31m": 2}).to_string().into(),
            "\"\\u{1b}[31m\"",
        ),
    ];
    for (bytes, word) in texts {
        let told = told(&bytes);
        assert!(told.starts_with("file: this is "), "{told}");
        assert!(told.contains(word), "{word}: {told}");
        assert!(!told.contains("as it was written"));
    }
}

#[test]
fn no_bytes_are_too_odd() {
    let report = report_of_run();
    let hcl = hcl_report(report, 2, 1, RUNTIME_DATA);
    let json = simvendor::guest_components_json(report, &world().chip).to_string();
    let table = [report, &certificate_table(&[(VCEK_GUID, certificate())])].concat();
    for whole in [&hcl[..], json.as_bytes(), &table, QUOTE] {
        for len in (0..whole.len()).step_by(13) {
            let _ = form(&whole[..len]);
            let mut changed = whole.to_vec();
            changed[len] ^= 0x5a;
            let _ = form(&changed);
        }
    }
    for text in [
        "0x",
        "0",
        "=",
        "====",
        "{}",
        "[]",
        "[[[[[[1]]]]]]",
        "\"\"",
        "null",
        "1e999",
    ] {
        assert!(form(text.as_bytes()).is_err(), "{text}");
    }
    let deep = "[".repeat(100_000);
    assert!(form(deep.as_bytes()).is_err());
}
