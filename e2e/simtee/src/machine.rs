//! The simulated machine: a vendor, one chip, and the trust file that accepts
//! their evidence (behind the long flag only).

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use simvendor::{Chip, ChipSpec, Generation, Vendor};

const GENERATION: Generation = Generation::Genoa;

/// The constant kernel parameters of every job's pod.
const KERNEL_PARAMS: &str = "agent.guest_components_rest_api=all";

/// Makes vendor and chip in `dir`, unless they are there.
pub(crate) fn init(dir: &Path) -> Result<()> {
    if dir.join("vcek.der").exists() {
        return Ok(());
    }
    let vendor = Vendor::generate(GENERATION, now()).context("failed to make a vendor")?;
    let chip = vendor
        .chip(&ChipSpec::new(GENERATION, now()))
        .context("failed to make a chip")?;
    vendor.save(dir).context("failed to keep the vendor")?;
    chip.save(dir).context("failed to keep the chip")
}

/// The chip in `dir`.
pub(crate) fn chip(dir: &Path) -> Result<Chip> {
    let spec = ChipSpec::new(GENERATION, now());
    Chip::load(GENERATION, spec, dir)
        .with_context(|| format!("failed to read the simulated chip in {}", dir.display()))
}

/// Prints the trust file for evidence of the machine in `dir` with this agent.
pub(crate) fn print_trust(dir: &Path, agent: &str) -> Result<()> {
    let read = |name: &str| -> Result<String> {
        let path = dir.join(name);
        let bytes =
            fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
        Ok(BASE64.encode(bytes))
    };
    let vendor = Vendor::load(GENERATION, dir).context("failed to read the simulated vendor")?;
    let list = vendor
        .revocation_list(now(), &[])
        .context("failed to sign a revocation list")?;
    let [_, bootloader, tee, snp, microcode] = ChipSpec::new(GENERATION, now()).tcb;
    let source = "simtee, SIMULATED";
    let dates = "from = 2026-01-01T00:00:00Z\nuntil = 2036-01-01T00:00:00Z";
    println!("# SIMULATED: evidence under this root was made without hardware.");
    println!("version = 1\nrevocation_max_age_days = 30\n");
    println!("[[roots]]\nclass = \"simulated\"\ngeneration = \"genoa\"");
    println!(
        "ark = \"{}\"\nask = \"{}\"",
        read("ark.der")?,
        read("ask.der")?
    );
    println!("source = \"{source}\"\n");
    println!("[[revocation_lists]]\ngeneration = \"genoa\"");
    println!(
        "list = \"{}\"\nsource = \"{source}\"\n",
        BASE64.encode(list)
    );
    println!("[[tcb_floors]]\ngeneration = \"genoa\"");
    println!(
        "lowest = {{ fmc = 0, bootloader = {bootloader}, tee = {tee}, snp = {snp}, microcode = {microcode} }}"
    );
    println!("source = \"{source}\"\n{dates}\n");
    for vcpus in 2..=8 {
        let measurement = hex::encode(simvendor::measurement(vcpus, KERNEL_PARAMS));
        println!("[[guests]]\nname = \"SIMULATED guest, {vcpus} vCPUs\"\nvcpus = {vcpus}");
        println!("measurement = \"{measurement}\"\nsource = \"{source}\"\n{dates}\n");
    }
    println!("[[policies]]\nsha256 = \"{}\"", job::policy_digest());
    println!("source = \"docs/protocol/v1/policy.rego\"\n{dates}\n");
    println!("[[agents]]\nname = \"this checkout's\"\nimage = \"{agent}\"");
    println!("source = \"built from this checkout\"\n{dates}");
    Ok(())
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
