//! Writes seeds into the folders of `corpus/`: real certificates and reports as
//! they are, the rest by the simulated vendor.

use std::fs;
use std::path::Path;

use simvendor::{ChipSpec, Fields, Generation, Vendor};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let now = 1_795_000_000;
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
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
    put(
        "tdx-collateral",
        "seed-v4",
        include_bytes!("../../tests/vectors/tdx/v4.collateral.json"),
    )?;
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
        put("revocation", &name, &vendor.revocation_list(now, &[1, 2])?)?;
        put(
            "chain",
            &format!("{name}-list"),
            &vendor.revocation_list(now, &[])?,
        )?;
    }
    Ok(())
}
