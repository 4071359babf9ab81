//! Each shape that takes most memory for its bytes.

use evidence::tdx::{COLLATERAL_MAX, COLLATERAL_PART_MAX, Collateral, Reason};
use evidence_fuzz::{certificate as snp_certificate, revocation, tdx_collateral, verify_with};
use serde_json::{Value, json};

use crate::der::{certificate, list, pem, raw, time, tlv};

/// Longest chain that is read, PEM; a quarter less in DER, and a little.
const CHAIN_DER: usize = 16 * 1024 * 3 / 4 - 600;

/// Longest list and certificate of SEV-SNP that are read.
const SNP_LIST_MAX: usize = 64 * 1024;
const SNP_CERTIFICATE_MAX: usize = 8 * 1024;

#[test]
fn nothing_that_is_read_takes_a_megabyte() {
    let real = include_bytes!("../../../tests/vectors/tdx/v4.collateral.json");
    let real: Value = serde_json::from_slice(real).unwrap();

    // dcap-qvl's memory: revoked keys, and levels with advisories of no letters,
    // three bytes of JSON each.
    let mut costly = real.clone();
    let revoked = |room| {
        filled(room, |n| {
            let [.., high, low] = n.to_be_bytes();
            let serial = tlv(0x02, &[1, high, low]);
            tlv(0x30, &[serial, time("250101000000Z")].concat())
        })
    };
    costly["pck_crl"] = json!(hex::encode(list(&[], &revoked(COLLATERAL_PART_MAX - 200))));
    let level = "{\"tcb\":{\"sgxtcbcomponents\":[],\"pcesvn\":0,\"isvsvn\":0},\"tcbDate\":\"\",\
                 \"tcbStatus\":\"UpToDate\",\"advisoryIDs\":[";
    for (part, name) in [("tcb_info", "TCB Info"), ("qe_identity", "QE Identity")] {
        let mut costly = costly.clone();
        let (start, end) = real[part]
            .as_str()
            .unwrap()
            .split_once("\"tcbLevels\":[")
            .unwrap();
        let start = format!("{start}\"tcbLevels\":[{level}");
        let count = (COLLATERAL_PART_MAX - start.len() - end.len() - 5) / 3;
        let text = format!("{start}\"\"{}]}},{end}", ",\"\"".repeat(count));
        assert!(text.len() <= COLLATERAL_PART_MAX && text.len() > COLLATERAL_PART_MAX - 3);
        costly[format!("{part}_signature")] = json!(hex::encode(raw(text.as_bytes())));
        costly[format!("{part}_issuer_chain")] = json!(pem(&certificate(&[])));
        costly[part] = json!(text);
        // It got as far as it can: nobody but Intel has a certificate of Intel's.
        let refused = refusal(&costly.to_string());
        assert!(
            refused.starts_with("Failed to verify certificate chain"),
            "{name}: {refused}"
        );
    }

    // Ours: names in short parts, and a chain or list of nothing else.
    let names = |room| {
        filled(room, |_| {
            let pair = [tlv(0x06, &[0x55, 0x04]), tlv(0x05, &[])];
            tlv(0x31, &tlv(0x30, &pair.concat()))
        })
    };
    let chain = pem(&certificate(&names(CHAIN_DER)));
    let mut costly = real.clone();
    for part in ["tcb_info", "qe_identity"] {
        let text = real[part].as_str().unwrap();
        costly[format!("{part}_signature")] = json!(hex::encode(raw(text.as_bytes())));
        costly[format!("{part}_issuer_chain")] = json!(chain);
    }
    costly["pck_crl"] = json!(hex::encode(list(&names(COLLATERAL_PART_MAX - 200), &[])));
    refusal(&costly.to_string());

    // Lists and certificates of SEV-SNP, in the same shapes.
    revocation(&list(&names(SNP_LIST_MAX - 300), &[]));
    revocation(&list(&[], &revoked(SNP_LIST_MAX - 300)));
    snp_certificate(&certificate(&names(SNP_CERTIFICATE_MAX - 600)));

    // The JSON form: all of it one part, in hex or not, with and without escapes.
    for part in ["pck_crl", "tcb_info", "unknown"] {
        for escaped in ["", "\\u0030"] {
            let mut form = format!("{{\"{part}\":\"{escaped}");
            form.push_str(&"0".repeat(COLLATERAL_MAX - form.len() - 2));
            tdx_collateral(format!("{form}\"").as_bytes());
            tdx_collateral(format!("{form}\"}}").as_bytes());
        }
    }
    tdx_collateral("[".repeat(COLLATERAL_MAX).as_bytes());
}

/// What Intel's rules say against collateral that passed everything before them.
fn refusal(json: &str) -> String {
    tdx_collateral(json.as_bytes());
    let collateral = Collateral::from_json(json.as_bytes()).unwrap();
    let refused = verify_with(collateral).unwrap_err();
    assert_eq!(refused.reason, Reason::Vendor, "{refused}");
    refused.checks.last().unwrap().seen.to_string()
}

/// As many as there is room for.
fn filled(room: usize, each: impl Fn(u64) -> Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    for n in 0.. {
        let next = each(n);
        if out.len() + next.len() > room {
            break;
        }
        out.extend(next);
    }
    out
}
