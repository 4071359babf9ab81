//! Writes seeds into a folder of each target below the one that is named, for
//! `corpus.sh pack`: real certificates and reports as
//! they are, the rest by the simulated vendor.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use simvendor::{Chip, ChipSpec, Fields, Generation, Vendor};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let now = 1_795_000_000;
    let corpus = std::env::args()
        .nth(1)
        .ok_or("name the folder to write to")?;
    let corpus = Path::new(&corpus);
    let put = |target: &str, name: &str, bytes: &[u8]| {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)
    };
    let vcek = include_bytes!("../../tests/vectors/milan-vcek.der");
    put("certificate", "seed-milan-vcek", vcek)?;
    put("chain", "seed-milan-vcek", vcek)?;
    let vcek = include_bytes!("../../tests/vectors/turin-vcek.der");
    put("certificate", "seed-turin-vcek", vcek)?;
    for root in evidence::built_in_roots() {
        let name = format!("seed-{}", root.generation());
        put("certificate", &name, root.ark().der())?;
        put("chain", &name, root.ask().der())?;
    }
    put(
        "tdx-quote",
        "seed-v4",
        include_bytes!("../../tests/vectors/tdx/v4.quote"),
    )?;
    put(
        "tdx-quote",
        "seed-v5",
        include_bytes!("../../tests/vectors/tdx/v5-td15ex.quote"),
    )?;
    let collateral = include_bytes!("../../tests/vectors/tdx/v4.collateral.json");
    put("tdx-collateral", "seed-v4", collateral)?;
    for (part, member, name) in [
        ("tcb_info", "tcbInfo", "seed-tcb-info"),
        ("qe_identity", "enclaveIdentity", "seed-qe-identity"),
    ] {
        let answer = answer(&serde_json::from_slice(collateral)?, part, member);
        put("tdx-collateral", name, answer.as_bytes())?;
    }
    put(
        "tdx-collateral",
        "seed-v5",
        include_bytes!("../../tests/vectors/tdx/v5-td15ex.collateral.json"),
    )?;
    put(
        "firmware",
        "seed-amdsev",
        include_bytes!("../../tests/vectors/ovmf-amdsev-end.bin"),
    )?;
    for generation in [Generation::Genoa, Generation::Turin] {
        let vendor = Vendor::generate(generation, now)?;
        let chip = vendor.chip(&ChipSpec::new(generation, now))?;
        let fields = Fields {
            version: 5,
            ..Fields::new(&chip)
        };
        let report = fields.sign(&chip)?;
        let name = format!("seed-{}", generation.name());
        put("report", &name, &report)?;
        let json = simvendor::guest_components_json(&report, &chip).to_string();
        put("json", &name, json.as_bytes())?;
        for (of, table) in tables(&vendor, &chip) {
            let mut json = simvendor::guest_components_json(&report, &chip);
            if let Some(members) = json.as_object_mut() {
                members.insert("cert_chain".to_owned(), table);
            }
            let name = format!("{name}-{of}");
            put("json", &name, json.to_string().as_bytes())?;
        }
        put("revocation", &name, &vendor.revocation_list(now, &[1, 2])?)?;
        put(
            "chain",
            &format!("{name}-list"),
            &vendor.revocation_list(now, &[])?,
        )?;
    }
    Ok(())
}

/// Certificate tables as hosts hand them over, and as they do not.
fn tables(vendor: &Vendor, chip: &Chip) -> [(&'static str, Value); 5] {
    let entry = |kind: &str, data: &[u8]| json!({"cert_type": kind, "data": data});
    let whole = [
        entry("ARK", vendor.ark()),
        entry("ASK", vendor.ask()),
        entry("VCEK", chip.certificate()),
    ];
    let kinds = ["CRL", "ASVK", "ARK", "", "OTHER", "VLEK", "VCEK", "VLEK"];
    let short = |kind: &&str| entry(kind, b"0");
    [
        ("whole-table", json!(whole)),
        (
            "table-of-kinds",
            kinds.iter().map(short).collect::<Vec<_>>().into(),
        ),
        (
            "long-table",
            kinds[..5]
                .iter()
                .cycle()
                .take(100)
                .map(short)
                .collect::<Vec<_>>()
                .into(),
        ),
        ("empty-table", json!([])),
        ("no-table", Value::Null),
    ]
}

/// A part as Intel's service answers.
fn answer(collateral: &Value, part: &str, member: &str) -> String {
    let text = collateral[part].as_str().unwrap_or_default();
    let signature = &collateral[format!("{part}_signature")];
    format!("{{\"{member}\":{text},\"signature\":{signature}}}")
}
