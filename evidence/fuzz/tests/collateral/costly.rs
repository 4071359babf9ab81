//! Each shape that takes most memory for its bytes.

use evidence::tdx::{COLLATERAL_MAX, COLLATERAL_PART_MAX, Collateral, QUOTE_MAX, Quote, Reason};
use evidence_fuzz::{
    certificate as snp_certificate, revocation, tdx_collateral, tdx_quote, verify_with,
};
use serde_json::{Value, json};

use crate::der::{authority, certificate, extension, list, pem, platform, raw, time, tlv};

const ROOT: &[u8] = include_bytes!("../../../roots/intel.root.der");

/// Longest chain of collateral that is read.
const CHAIN_MAX: usize = 16 * 1024;

/// Longest list and certificate of SEV-SNP that are read.
const SNP_LIST_MAX: usize = 64 * 1024;
const SNP_CERTIFICATE_MAX: usize = 8 * 1024;

#[test]
fn nothing_that_is_read_takes_a_megabyte() {
    let real = include_bytes!("../../../tests/vectors/tdx/v4.collateral.json");
    let real: Value = serde_json::from_slice(real).unwrap();

    // Revoked keys, and levels with advisories of no letters, three bytes of JSON
    // each.
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
    for part in ["tcb_info", "qe_identity"] {
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
        costly[format!("{part}_issuer_chain")] = json!(chain(&[&certificate(&[], &[]), ROOT]));
        costly[part] = json!(text);
        // It got as far as it can: nobody but Intel has a certificate of Intel's.
        assert_eq!(refusal(&costly.to_string()), Reason::SignerChain, "{part}");
    }

    // Names and extensions in short parts, and a chain or list of nothing else.
    let names = |room| {
        filled(room, |_| {
            let pair = [tlv(0x06, &[0x55, 0x04]), tlv(0x05, &[])];
            tlv(0x31, &tlv(0x30, &pair.concat()))
        })
    };
    let extensions = |room| filled(room, |_| extension(0, &[]));
    let mut costly = real.clone();
    costly["pck_crl"] = json!(hex::encode(list(&names(COLLATERAL_PART_MAX - 200), &[])));
    for signer in [
        longest(CHAIN_MAX, |room| {
            chain(&[&certificate(&names(room), &[]), ROOT])
        }),
        longest(CHAIN_MAX, |room| {
            chain(&[&certificate(&[], &extensions(room)), ROOT])
        }),
    ] {
        for part in ["tcb_info", "qe_identity"] {
            let text = real[part].as_str().unwrap();
            costly[format!("{part}_signature")] = json!(hex::encode(raw(text.as_bytes())));
            costly[format!("{part}_issuer_chain")] = json!(signer);
        }
        assert_eq!(refusal(&costly.to_string()), Reason::SignerChain);
    }

    // The same in a quote's certificates, and what Intel says about a platform.
    let authority = authority();
    let with = |pck: &[u8]| quote(&chain(&[pck, &authority, ROOT]));
    for (quote, named) in [
        (
            longest(QUOTE_MAX, |room| {
                with(&certificate(&names(room), &platform(&[])))
            }),
            true,
        ),
        (
            longest(QUOTE_MAX, |room| {
                with(&certificate(
                    &[],
                    &[platform(&[]), extensions(room)].concat(),
                ))
            }),
            true,
        ),
        (
            longest(QUOTE_MAX, |room| {
                with(&certificate(&[], &platform(&vec![7; room])))
            }),
            true,
        ),
        (
            longest(QUOTE_MAX, |room| with(&certificate(&[], &extensions(room)))),
            false,
        ),
    ] {
        assert_eq!(Quote::parse(&quote).unwrap().platform().is_some(), named);
        tdx_quote(&quote);
    }

    // Lists and certificates of SEV-SNP, in the same shapes.
    revocation(&list(&names(SNP_LIST_MAX - 300), &[]));
    revocation(&list(&[], &revoked(SNP_LIST_MAX - 300)));
    snp_certificate(&certificate(&names(SNP_CERTIFICATE_MAX - 600), &[]));

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

/// Why a real quote is refused with this collateral.
fn refusal(json: &str) -> Reason {
    tdx_collateral(json.as_bytes());
    let collateral = Collateral::from_json(json.as_bytes()).unwrap();
    verify_with(collateral).unwrap_err().reason
}

/// The real quote with other certificates in it.
fn quote(chain: &str) -> Vec<u8> {
    let real = include_bytes!("../../../tests/vectors/tdx/v4.quote");
    let length = |bytes: usize| u32::try_from(bytes).unwrap().to_le_bytes();
    // Header and report; signature, key and the quoting enclave's report.
    let (signed, signature, enclave) = (&real[..632], &real[636..766], &real[770..1252]);
    let enclave = [enclave, &[5, 0], &length(chain.len()), chain.as_bytes()].concat();
    let data = [signature, &length(enclave.len()), &enclave].concat();
    [signed, &length(data.len()), &data].concat()
}

fn chain(certificates: &[&[u8]]) -> String {
    certificates.iter().map(|der| pem(der)).collect()
}

/// The longest of at most `max` bytes that `make` makes of as many bytes as it is
/// given room for.
fn longest<T: AsRef<[u8]>>(max: usize, make: impl Fn(usize) -> T) -> T {
    let fits = |room| make(room).as_ref().len() <= max;
    let (mut room, mut step) = (0, max);
    while step > 0 {
        if fits(room + step) {
            room += step;
        }
        step /= 2;
    }
    let longest = make(room);
    assert!(longest.as_ref().len() + 100 > max);
    longest
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
