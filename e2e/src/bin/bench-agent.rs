//! Sizes of what runs inside the customer's machine, beside the smallest program
//! that is built the same way: one that hardly does anything.

use std::path::Path;

use anyhow::Context as _;
use e2e::bench::{Figure, Goal, report};

fn main() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let root = root.canonicalize().context("failed to find the checkout")?;
    let binaries = root.join("target/x86_64-unknown-linux-musl/image");
    let images = root.join("target/images");
    let figures = [
        Figure::new("agent binary", megabytes(&binaries.join("agent"))?, "MB")
            .beside(
                "a program that hardly does anything",
                megabytes(&binaries.join("probe"))?,
            )
            .goal(Goal::Max(8.0)),
        Figure::new("agent image", megabytes(&images.join("agent"))?, "MB")
            .beside("its image", megabytes(&images.join("probe"))?)
            .goal(Goal::Max(9.0)),
    ];
    report(
        &root,
        "agent",
        "What runs inside the customer's machine",
        &figures,
    )
}

/// Size of a file, or of all files below a directory.
fn megabytes(path: &Path) -> anyhow::Result<f64> {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let bytes = bytes(path)? as f64;
    Ok(bytes / 1e6)
}

fn bytes(path: &Path) -> anyhow::Result<u64> {
    let about = path
        .metadata()
        .with_context(|| format!("failed to read {}: run `make images`", path.display()))?;
    if about.is_file() {
        return Ok(about.len());
    }
    let mut sum = 0;
    for entry in path.read_dir()? {
        sum += bytes(&entry?.path())?;
    }
    Ok(sum)
}
