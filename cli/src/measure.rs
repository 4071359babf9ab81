//! `cdvm measure`: what SEV-SNP hardware will report of a guest, computed from
//! the files it starts with, and entries for a trust file made of it. Nothing is
//! contacted; the computing is `evidence::launch`'s.

mod entries;
#[cfg(test)]
mod tests;

use core::num::NonZeroU16;
use std::path::Path;

use anyhow::Result;
use evidence::launch::{Boot, Firmware, GuestFeatures, KernelHashes, Launch, VcpuType};
use job::Digest;

use crate::args;
use crate::clock;
use crate::context::Context;
use crate::exit::Problem;
use crate::files;
use crate::news::News;
use crate::news::tell;
use entries::Entries;

/// Longest firmware; `evidence::launch` says the same.
const MAX_FIRMWARE: u64 = 16 * 1024 * 1024;

/// Longest kernel: distributions' have 15 MB.
const MAX_KERNEL: u64 = 256 * 1024 * 1024;

/// Longest initrd: one with a whole system in it has a few hundred MB.
const MAX_INITRD: u64 = 1024 * 1024 * 1024;

/// Most processors; an offer cannot have more.
const MAX_VCPUS: u16 = 512;

/// How long entries are accepted unless `--until` says so: one year.
const ACCEPTED_SECS: u64 = 365 * 86_400;

/// Computes and prints.
pub(crate) fn measure(context: &Context<'_>, args: &args::Measure) -> Result<()> {
    let args::Measure {
        firmware,
        kernel,
        initrd,
        append,
        vcpus,
        vcpu_type,
        guest_features,
        vmm: args::Vmm::Qemu,
        trust_entries,
        entry,
    } = args;
    let vcpus = counts(vcpus)?;
    let vcpu: VcpuType = vcpu_type.parse().map_err(|error| {
        let what = format!("--vcpu-type: {error}");
        Problem::usage(what, "give what stands behind QEMU's -cpu")
    })?;
    let features = features(guest_features)?;
    let image = files::read(firmware, MAX_FIRMWARE)?;
    let boot = boot(kernel.as_deref(), initrd.as_deref(), append)?;
    let launch = launch(firmware, &image, &boot, vcpu, features)?;
    if boot == Boot::FromDisk {
        tell::aside("There is no --kernel: this says nothing about what the firmware boots");
    }
    let measured = vcpus.map(|vcpus| (vcpus, launch.measurement(vcpus)));
    if !trust_entries {
        for (vcpus, measurement) in measured {
            context.teller.tell(&News::Measured { vcpus, measurement });
        }
        return Ok(());
    }
    let inputs = inputs(&image, &boot, append, vcpu_type, vcpu, features);
    let entries = Entries::new(entry, &inputs, clock::now(), ACCEPTED_SECS)?;
    tell::print(entries.text(measured)?.trim_end());
    Ok(())
}

fn boot(kernel: Option<&Path>, initrd: Option<&Path>, append: &str) -> Result<Boot> {
    let Some(kernel) = kernel else {
        return Ok(Boot::FromDisk);
    };
    let kernel = files::read(kernel, MAX_KERNEL)?;
    let initrd = initrd.map(|initrd| files::read(initrd, MAX_INITRD));
    let initrd = initrd.transpose()?.unwrap_or_default();
    let hashes = KernelHashes::new(&kernel, &initrd, append);
    Ok(Boot::Direct(hashes))
}

fn launch(
    file: &Path,
    image: &[u8],
    boot: &Boot,
    vcpu: VcpuType,
    features: GuestFeatures,
) -> Result<Launch, Problem> {
    let unusable = |error: &dyn std::error::Error| {
        let what = format!("{} starts no guest: {error}", file.display());
        Problem::usage(
            what,
            "give the OVMF image that QEMU gets, built for SEV-SNP",
        )
    };
    let firmware = Firmware::parse(image).map_err(|error| unusable(&error))?;
    Launch::new(&firmware, boot, vcpu, features).map_err(|error| unusable(&error))
}

/// What went into a measurement, in one line, for whoever asks later.
fn inputs(
    image: &[u8],
    boot: &Boot,
    append: &str,
    vcpu_type: &str,
    vcpu: VcpuType,
    features: GuestFeatures,
) -> String {
    let (firmware, version) = (Digest::of(image), env!("CARGO_PKG_VERSION"));
    let booted = match boot {
        Boot::FromDisk => "no kernel".to_owned(),
        Boot::Direct(hashes) => format!(
            "kernel {}, initrd {}, command line {append:?}",
            hex::encode(hashes.kernel()),
            hex::encode(hashes.initrd()),
        ),
    };
    format!(
        "cdvm measure {version}: firmware {firmware}, {booted}, {vcpu_type} ({:#x}), features {:#x}",
        vcpu.signature(),
        features.bits(),
    )
}

/// `4`, or `2-8`.
fn counts(text: &str) -> Result<impl Iterator<Item = NonZeroU16> + use<>, Problem> {
    let number = |text: &str| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse::<NonZeroU16>().ok().filter(|_| digits);
        number.filter(|number| number.get() <= MAX_VCPUS)
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => {
            Ok((first.get()..=last.get()).filter_map(NonZeroU16::new))
        }
        _ => {
            let what = format!("--vcpus {text:?} is no count, and no range of counts");
            let next = format!("write 4, or 2-8; at most {MAX_VCPUS}");
            Err(Problem::usage(what, next))
        }
    }
}

/// Hex, with `0x` or without.
fn features(text: &str) -> Result<GuestFeatures, Problem> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let bits = u64::from_str_radix(digits, 16).ok().filter(|_| hex);
    bits.map(GuestFeatures::from_bits).ok_or_else(|| {
        let what = format!("--guest-features {text:?} is no number of 64 bits in hex");
        Problem::usage(what, "write what KVM sets, such as 0x1")
    })
}
