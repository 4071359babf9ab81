//! Speed of `evidence` beside the `sev` crate, on one core, in one run; and the
//! size and speed of the wasm module. `evidence/bench.sh` builds and runs it.
//!
//! `bench MODULE OUTPUT`: the wasm module to measure, the table to write.

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED, ParsedPublicKey, RSA_PSS_2048_8192_SHA384};
use differential::{Input, anything, ours, theirs};
use evidence::{Evidence, Expected, Generation, Root, Timestamp, verify};
use flate2::{Compression, write::GzEncoder};
use sev::certs::snp::{Certificate, Verifiable as _};
use sev::firmware::guest::AttestationReport;
use sev::parser::ByteParser as _;
use simvendor::{ChipSpec, Fields, Vendor};
use x509_cert::der::{Decode as _, Encode as _};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

const NOW: u64 = 1_795_000_000;

/// Its only backend without OpenSSL, which this workspace bans.
const PEER: &str = "sev 8.0.0 crypto_nossl";

/// Measurements of ours per row, and of the peer, which is slower.
const ROUNDS: usize = 1_000;
const PEER_ROUNDS: usize = 200;

/// Verifications in which memory may not grow.
const LONG_RUN: usize = 10_000;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(module), Some(output)) = (arguments.next(), arguments.next()) else {
        return Err("bench MODULE OUTPUT".into());
    };
    let mut rows = native()?;
    rows.extend(wasm(Path::new(&module), Path::new(&output))?);
    for row in &rows {
        row.print();
    }
    let list: Vec<_> = rows.iter().map(Row::to_json).collect();
    let mut text = serde_json::to_string_pretty(&list)?;
    text.push('\n');
    fs::write(&output, text)?;
    println!("written to {output}");
    Ok(())
}

/// What has to hold, in the unit of the row.
enum Goal {
    Max(f64),
    Min(f64),
    None,
}

/// One line of the table.
struct Row {
    name: &'static str,
    value: f64,
    unit: &'static str,
    peer: Option<f64>,
    goal: Goal,
}

impl Row {
    fn to_json(&self) -> serde_json::Value {
        let goal = match self.goal {
            Goal::Max(max) => serde_json::json!({ "max": max }),
            Goal::Min(min) => serde_json::json!({ "min": min }),
            Goal::None => serde_json::Value::Null,
        };
        serde_json::json!({
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "peer": self.peer.map(|_| PEER),
            "peer_value": self.peer,
            "goal": goal,
        })
    }

    fn print(&self) {
        let Self {
            name,
            value,
            unit,
            peer,
            goal,
        } = self;
        let peer = peer.map_or_else(String::new, |peer| format!("{PEER}: {peer:.3} {unit}"));
        let (goal, met) = match goal {
            Goal::Max(max) => (format!("at most {max}"), value <= max),
            Goal::Min(min) => (format!("at least {min}"), value >= min),
            Goal::None => (String::new(), true),
        };
        let missed = if met { "" } else { "  MISSED" };
        println!("{name:<42} {value:>10.3} {unit:<6} {goal:<15} {peer}{missed}");
    }
}

fn native() -> Result<Vec<Row>> {
    let input = good()?;
    let now = Timestamp::from_secs(NOW);
    let root = Root::simulated(input.generation, &input.ark, &input.ask)?;
    let evidence = Evidence {
        report: input.report.clone(),
        certificate: input.certificate.clone(),
    };
    let expected = anything(root.clone(), &input.report);
    let known = Expected {
        roots: vec![root.with_endorsement_key(&input.certificate)?],
        ..expected.clone()
    };
    let their_key = Certificate::from_der(&input.certificate)?;

    let signatures = Signatures::of(&input)?;
    let alone = median(ROUNDS, || signatures.hold().is_ok())?;
    let whole = median(ROUNDS, || ours(&input, now).is_ok())?;
    let their_whole = median(PEER_ROUNDS, || theirs(&input).is_ok())?;
    let root_checked = median(ROUNDS, || verify(&evidence, &expected, now).is_ok())?;
    let chain_checked = median(ROUNDS, || verify(&evidence, &known, now).is_ok())?;
    let their_report = median(PEER_ROUNDS, || {
        let report = AttestationReport::from_bytes(&input.report);
        report.is_ok_and(|report| (&their_key, &report).verify().is_ok())
    })?;

    let row = |name, value, unit, peer, goal| Row {
        name,
        value,
        unit,
        peer,
        goal,
    };
    Ok(vec![
        row(
            "snp whole chain",
            whole,
            "ms",
            Some(their_whole),
            Goal::Max(0.45),
        ),
        row(
            "snp of it aws-lc's signatures",
            alone,
            "ms",
            None,
            Goal::None,
        ),
        row(
            "snp whole chain, times faster",
            their_whole / whole,
            "x",
            None,
            Goal::Min(2.0),
        ),
        row(
            "snp root and intermediate checked",
            root_checked,
            "ms",
            None,
            Goal::None,
        ),
        row(
            "snp chain checked",
            chain_checked,
            "ms",
            Some(their_report),
            Goal::Max(0.25),
        ),
        row(
            "snp chain checked, times faster",
            their_report / chain_checked,
            "x",
            None,
            Goal::Min(2.0),
        ),
        row(
            "snp memory growth in 10000 verifications",
            growth(|| ours(&input, now).is_ok())?,
            "kB",
            None,
            // The allocator may touch a page it had not touched before.
            Goal::Max(64.0),
        ),
    ])
}

/// The four signatures of a whole chain, to be checked by aws-lc with nothing
/// around them: what no verifier on it can be faster than.
struct Signatures {
    /// Keys of root, intermediate and chip.
    keys: [Vec<u8>; 3],
    /// What they signed, with the signature: the root and the intermediate by the
    /// root, the chip's by the intermediate, the report by the chip.
    signed: [(Vec<u8>, Vec<u8>); 4],
}

impl Signatures {
    fn of(input: &Input) -> Result<Self> {
        let [ark, ask, vcek] = [&input.ark, &input.ask, &input.certificate]
            .map(|der| x509_cert::Certificate::from_der(der));
        let certificates = [ark?, ask?, vcek?];
        let key = |certificate: &x509_cert::Certificate| {
            let key = certificate.tbs_certificate().subject_public_key_info();
            key.subject_public_key.raw_bytes().to_vec()
        };
        let signed = |certificate: &x509_cert::Certificate| {
            let signed = certificate.tbs_certificate().to_der()?;
            Ok::<_, x509_cert::der::Error>((signed, certificate.signature().raw_bytes().to_vec()))
        };
        let [ark, ask, vcek] = &certificates;
        let report = evidence::Report::parse(&input.report)?;
        let of_report = (report.signed_bytes().to_vec(), report.signature().to_vec());
        Ok(Self {
            keys: [key(ark), key(ask), key(vcek)],
            signed: [signed(ark)?, signed(ask)?, signed(vcek)?, of_report],
        })
    }

    fn hold(&self) -> Result<()> {
        let [ark, ask, vcek] = &self.keys;
        let [of_ark, of_ask, of_vcek, of_report] = &self.signed;
        let ark = ParsedPublicKey::new(&RSA_PSS_2048_8192_SHA384, ark)?;
        ark.verify_sig(&of_ark.0, &of_ark.1)?;
        ark.verify_sig(&of_ask.0, &of_ask.1)?;
        let ask = ParsedPublicKey::new(&RSA_PSS_2048_8192_SHA384, ask)?;
        ask.verify_sig(&of_vcek.0, &of_vcek.1)?;
        let vcek = ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, vcek)?;
        vcek.verify_sig(&of_report.0, &of_report.1)?;
        Ok(())
    }
}

/// A simulated chain and a good report under it.
fn good() -> Result<Input> {
    let generation = simvendor::Generation::Genoa;
    let vendor = Vendor::generate(generation, NOW)?;
    let chip = vendor.chip(&ChipSpec::new(generation, NOW))?;
    Ok(Input {
        generation: Generation::Genoa,
        ark: vendor.ark().to_vec(),
        ask: vendor.ask().to_vec(),
        certificate: chip.certificate().to_vec(),
        report: Fields::new(&chip).sign(&chip)?,
    })
}

/// Median milliseconds of a verification that must succeed.
fn median(rounds: usize, verify: impl Fn() -> bool) -> Result<f64> {
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let start = Instant::now();
        if !black_box(verify()) {
            return Err("good evidence was refused".into());
        }
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    times
        .get(rounds / 2)
        .copied()
        .ok_or_else(|| "no rounds".into())
}

/// Kilobytes by which resident memory grew, after as long a run for warming up.
fn growth(verify: impl Fn() -> bool) -> Result<f64> {
    let mut sizes = [0; 2];
    for size in &mut sizes {
        for _ in 0..LONG_RUN {
            black_box(verify());
        }
        let status = fs::read_to_string("/proc/self/status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let line = line.ok_or("no VmRSS in /proc/self/status")?;
        *size = line.trim().trim_end_matches(" kB").parse::<u32>()?;
    }
    let [before, after] = sizes.map(f64::from);
    Ok(after - before)
}

/// The module's size, and one verification in node.
fn wasm(module: &Path, output: &Path) -> Result<Vec<Row>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&fs::read(module)?)?;
    let bytes = u32::try_from(gzip.finish()?.len())?;

    let input = good()?;
    let mut bytes_in = NOW.to_le_bytes().to_vec();
    for part in [&input.ark, &input.ask, &input.certificate, &input.report] {
        bytes_in.extend(u32::try_from(part.len())?.to_le_bytes());
        bytes_in.extend(part);
    }
    let input = output.with_extension("input");
    fs::write(&input, bytes_in)?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../wasm/time.mjs");
    let node = Command::new("node")
        .arg(script)
        .arg(module)
        .arg(&input)
        .arg("100")
        .output()?;
    if !node.status.success() {
        return Err(String::from_utf8_lossy(&node.stderr).into());
    }
    let time: f64 = String::from_utf8_lossy(&node.stdout).trim().parse()?;
    fs::remove_file(input)?;
    Ok(vec![
        Row {
            name: "wasm module, gzipped",
            value: f64::from(bytes) / 1000.0,
            unit: "kB",
            peer: None,
            goal: Goal::Max(400.0),
        },
        Row {
            name: "wasm snp whole chain in node",
            value: time,
            unit: "ms",
            peer: None,
            goal: Goal::None,
        },
    ])
}
