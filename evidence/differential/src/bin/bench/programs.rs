//! What is measured outside this program, on an input it writes: the wasm module
//! in node, and the peer with the backend that cannot be linked beside the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use differential::Input;

use crate::{NOW, Result};

/// Eight bytes of time, then root, intermediate, chip's certificate and report,
/// each with its length before it, four bytes, little-endian; gone with this value.
pub(crate) struct InputFile(PathBuf);

impl InputFile {
    pub(crate) fn write(path: PathBuf, input: &Input) -> Result<Self> {
        let mut bytes = NOW.to_le_bytes().to_vec();
        for part in [&input.ark, &input.ask, &input.certificate, &input.report] {
            bytes.extend(u32::try_from(part.len())?.to_le_bytes());
            bytes.extend(part);
        }
        fs::write(&path, bytes)?;
        Ok(Self(path))
    }
}

impl Drop for InputFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Milliseconds of one verification in node.
pub(crate) fn in_node(module: &Path, input: &InputFile) -> Result<f64> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../wasm/time.mjs");
    let mut node = Command::new("node");
    node.arg(script).arg(module).arg(&input.0).arg("100");
    Ok(output(&mut node)?.trim().parse()?)
}

/// Milliseconds of the whole chain and of the report alone, by the peer's program.
pub(crate) fn by_peer(program: &Path, input: &InputFile, rounds: usize) -> Result<[f64; 2]> {
    let mut peer = Command::new(program);
    peer.arg(&input.0).arg(rounds.to_string());
    let text = output(&mut peer)?;
    let (whole, report) = text.trim().split_once(' ').ok_or("not two medians")?;
    Ok([whole.parse()?, report.parse()?])
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
