//! Evidence in JSON as others write it: the guest components and Trustee, Azure's
//! attesters, Constellation, and whoever puts a report's bytes beside a certificate.

use evidence::{EndorsementKey, from_guest_components, signing_certificate};
use job::Digest;
use serde_json::{Map, Value};

use super::hcl::{self, Hardware};
use super::named::NotRead;
use super::parts::{decoded, is_quote, report};
use super::raw::raw;
use super::{Alone, Beside, Quoted};

/// Envelopes around evidence, one in the other: a request to Trustee has two.
const MOST_ENVELOPES: usize = 4;

/// Members whose value holds the evidence: of Trustee's requests and answers, and of
/// Constellation's attestation documents.
const ENVELOPES: [&str; 7] = [
    "verification_requests",
    "tee-evidence",
    "tee_evidence",
    "primary_evidence",
    "evidence",
    "InstanceInfo",
    "sevSnpAttestation",
];

/// Members that hold a report's or quote's bytes as text.
const REPORTS: [&str; 7] = [
    "AttestationReport",
    "attestationReport",
    "attestation_report",
    "report",
    "raw_report",
    "rawReport",
    "snp_report",
];

/// Members that hold the certificate of the signing key, or a chain with it.
const CERTIFICATES: [(EndorsementKey, &str); 10] = [
    (EndorsementKey::Vcek, "vcek"),
    (EndorsementKey::Vcek, "Vcek"),
    (EndorsementKey::Vcek, "vcekCert"),
    (EndorsementKey::Vcek, "vcek_cert"),
    (EndorsementKey::Vcek, "ReportSigner"),
    (EndorsementKey::Vlek, "vlek"),
    (EndorsementKey::Vlek, "vlekCert"),
    (EndorsementKey::Vlek, "vlek_cert"),
    (EndorsementKey::Vlek, "ReportSigner"),
    (EndorsementKey::Vcek, "certificate"),
];

/// What is said of other members.
const EVENT_LOG: &str =
    "the event log is not read: it is no proof, and RTMR0 to 3 are compared as a whole";
const DEVICES: &str = "evidence of the machine's devices is not read";

type Object = Map<String, Value>;

/// Evidence in a JSON text.
pub(super) fn read(text: &str) -> Result<Alone, NotRead> {
    let value = serde_json::from_str(text)
        .map_err(|error| NotRead::new(format!("JSON that cannot be read: {error}")))?;
    // The guest components' form is strict: the text itself is read, not what a
    // tolerant reader made of it.
    if is_guest_components(&value) {
        return guest_components(text.as_bytes());
    }
    of_value(&value, MOST_ENVELOPES)
}

fn of_value(value: &Value, envelopes: usize) -> Result<Alone, NotRead> {
    if is_guest_components(value) {
        return guest_components(value.to_string().as_bytes());
    }
    let object = match value {
        Value::Object(object) => object,
        Value::Array(values) if values.len() == 1 && envelopes > 0 => {
            return of_value(values.first().unwrap_or(&Value::Null), envelopes - 1);
        }
        Value::Array(values) => {
            let what = format!("a list of {} things: give one evidence alone", values.len());
            return Err(NotRead::new(what));
        }
        Value::String(text) => return of_text(text, envelopes),
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            return Err(NotRead::new("JSON that is no object"));
        }
    };
    if let Some(alone) = azure(object)? {
        return Ok(alone);
    }
    if let Some(alone) = quote(object)? {
        return Ok(alone);
    }
    if let Some(alone) = bytes_and_certificates(object)? {
        return Ok(alone);
    }
    let inner = ENVELOPES.iter().find_map(|name| object.get(*name));
    match inner.filter(|inner| !inner.is_null()) {
        Some(inner) if envelopes > 0 => {
            let alone = of_value(inner, envelopes - 1)?;
            let devices = object.get("additional_evidence").is_some_and(is_there);
            Ok(if devices {
                alone.noting(DEVICES)
            } else {
                alone
            })
        }
        Some(_) | None => Err(known_otherwise(object)),
    }
}

/// Text inside of JSON: JSON again, or bytes.
fn of_text(text: &str, envelopes: usize) -> Result<Alone, NotRead> {
    let bytes = decoded(text);
    let inner = bytes
        .as_deref()
        .map_or(Some(text), |b| std::str::from_utf8(b).ok());
    if let Some(value) = inner.and_then(|inner| serde_json::from_str(inner).ok())
        && envelopes > 0
    {
        return of_value(&value, envelopes - 1);
    }
    let alone = bytes.map_or(Ok(None), |bytes| raw(&bytes))?;
    alone
        .ok_or_else(|| NotRead::new("JSON with text in it that holds neither a report nor a quote"))
}

/// With the report's fields one by one.
fn is_guest_components(value: &Value) -> bool {
    value
        .get("attestation_report")
        .is_some_and(Value::is_object)
}

fn guest_components(json: &[u8]) -> Result<Alone, NotRead> {
    let evidence = from_guest_components(json).map_err(|error| {
        let cause = std::error::Error::source(&error);
        let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
        NotRead::new(format!(
            "the guest components' JSON of SEV-SNP, and {error}{cause}"
        ))
    })?;
    report(evidence, Beside::default())
}

/// Azure's attesters (Trustee `az-snp-vtpm` and `az-tdx-vtpm`): the HCL report, the
/// vTPM's quote, and the key's certificate or the TDX quote.
fn azure(object: &Object) -> Result<Option<Alone>, NotRead> {
    let report = ["hcl_report", "report"].iter().find_map(|name| {
        let bytes = bytes(object.get(*name)?)?;
        hcl::is_one(&bytes).then_some(bytes)
    });
    let Some(report) = report else {
        return Ok(None);
    };
    let hcl = hcl::read(&report)?;
    match (hcl.hardware, object.get("td_quote").and_then(bytes)) {
        (Hardware::Tdx, Some(quote)) if is_quote(&quote) => Ok(Some(Alone::Quote(Quoted {
            quote,
            beside: hcl::beside(hcl.runtime_data),
        }))),
        (Hardware::Snp | Hardware::Tdx, _) => {
            let certificate = certificate(hcl.report, &[object]);
            hcl::with_certificate(&hcl, certificate).map(Some)
        }
    }
}

/// The guest components' evidence of TDX.
fn quote(object: &Object) -> Result<Option<Alone>, NotRead> {
    let Some(text) = object.get("quote").or_else(|| object.get("td_quote")) else {
        return Ok(None);
    };
    // Of a vTPM it is an object.
    let Some(quote) = bytes(text) else {
        return match text {
            Value::String(_) => Err(NotRead::new("JSON whose `quote` is neither base64 nor hex")),
            _ => Ok(None),
        };
    };
    if !is_quote(&quote) {
        let what = super::named::named(&quote);
        return Err(what.inside("JSON whose `quote` is no quote of TDX, but "));
    }
    let log = ["cc_eventlog", "aa_eventlog", "event_log"];
    let log = log
        .iter()
        .any(|name| object.get(*name).is_some_and(is_there));
    Ok(Some(Alone::Quote(Quoted {
        quote,
        beside: Beside {
            runtime_data: None,
            unread: log.then_some(EVENT_LOG).into_iter().collect(),
        },
    })))
}

/// A report's bytes with certificates beside them, here or one level below; as
/// Constellation and others write it.
fn bytes_and_certificates(object: &Object) -> Result<Option<Alone>, NotRead> {
    let found = REPORTS
        .iter()
        .find_map(|name| raw(&bytes(object.get(*name)?)?).transpose());
    let Some(found) = found else {
        return Ok(None);
    };
    let below = ["certificateChain", "certificate_chain", "Azure"];
    let below = below
        .iter()
        .filter_map(|name| object.get(*name)?.as_object());
    let places: Vec<&Object> = std::iter::once(object).chain(below).collect();
    let runtime = places.iter().find_map(|place| {
        let data = ["RuntimeData", "runtimeData", "runtime_data"];
        data.iter().find_map(|name| bytes(place.get(*name)?))
    });
    let runtime = runtime.filter(|data| !data.is_empty());
    let mut alone = found?;
    if let Some(data) = runtime {
        *alone.beside() = hcl::beside(Digest::of(&data));
    }
    if let Alone::Report(bare) = &mut alone
        && bare.certificate.is_empty()
    {
        bare.certificate = certificate(&bare.report, &places);
    }
    Ok(Some(alone))
}

/// The certificate of the key that signed, from these objects' members.
fn certificate(report: &[u8], places: &[&Object]) -> Vec<u8> {
    let mut found: Vec<(EndorsementKey, Vec<u8>)> = Vec::new();
    for place in places {
        for (key, name) in CERTIFICATES {
            let data = place.get(name).and_then(bytes);
            found.extend(data.map(|data| (key, data)));
        }
    }
    let enclosed: Vec<_> = found.iter().map(|(key, data)| (*key, &**data)).collect();
    signing_certificate(report, &enclosed)
}

/// Bytes as JSON holds them: numbers, hex, base64, or the text itself of PEM.
fn bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) if text.contains("-----BEGIN ") => Some(text.clone().into_bytes()),
        Value::String(text) => decoded(text),
        Value::Array(numbers) => {
            let byte = |number: &Value| u8::try_from(number.as_u64()?).ok();
            numbers.iter().map(byte).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

fn is_there(value: &Value) -> bool {
    !matches!(value, Value::Null) && value.as_str() != Some("")
}

/// JSON that holds no evidence which is read, by its members.
fn known_otherwise(object: &Object) -> NotRead {
    let has = |names: &[&str]| names.iter().all(|name| object.contains_key(*name));
    NotRead::new(if has(&["sig", "pubkey", "kind"]) {
        "a Nostr event: name it with --event FILE".to_owned()
    } else if has(&["checks"]) && has(&["attestation"]) {
        "what cdvm keeps of a job: name it with --attestation FILE --order FILE --offer FILE"
            .to_owned()
    } else if has(&["sev_snp_attestation"]) || has(&["report"]) {
        // go-sev-guest's `Attestation`.
        "an attestation whose report is taken apart into fields, as go-tpm-tools and go-sev-guest print \
         theirs: give the report's bytes (go-sev-guest: -outform bin)"
            .to_owned()
    } else if has(&["tdxAttestation"]) || has(&["tdx_attestation"]) {
        "an attestation whose TDX quote is taken apart into fields, as go-tpm-tools prints it: give the \
         quote's bytes"
            .to_owned()
    } else if has(&["akPub"]) || has(&["ak_pub"]) || has(&["tpm_quote"]) {
        "an attestation by a TPM, without a report of the hardware".to_owned()
    } else if has(&["tcb_info"]) || has(&["tcbInfo"]) || has(&["enclaveIdentity"]) {
        "Intel's collateral, without a quote".to_owned()
    } else if has(&["token"]) || has(&["payload", "signatures"]) {
        "an attestation service's token: its word about evidence, not the evidence".to_owned()
    } else if has(&["svn"]) {
        "Trustee's sample evidence: it comes from no machine".to_owned()
    } else {
        let names: Vec<&str> = object.keys().map(String::as_str).take(5).collect();
        // Of somebody else's making, so bounded and quoted.
        let names: Vec<String> = names
            .iter()
            .map(|name| format!("{:?}", name.chars().take(32).collect::<String>()))
            .collect();
        format!(
            "JSON without a report or quote; it has {}",
            names.join(", ")
        )
    })
}
