//! `cdvm measure`: what SEV-SNP hardware will report of a guest, computed from
//! the files it starts with, and entries for a trust file made of it. Nothing is
//! contacted; the computing is `evidence::launch`'s.

mod entries;
mod explanation;
mod kata;
mod limits;
mod start;
#[cfg(test)]
mod tests;

use core::num::NonZeroU16;
use std::path::Path;

use anyhow::Result;
use evidence::launch::{Boot, GuestFeatures, KernelHashes};

use crate::args;
use crate::clock;
use crate::context::Context;
use crate::exit::Problem;
use crate::files;
use crate::given::{self, Kind};
use crate::news::News;
use crate::news::tell;
use entries::{Entries, Measured};
use explanation::explanation;
use limits::{MAX_FIRMWARE, MAX_INITRD, MAX_KERNEL};
use start::{Lines, Start};

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
        kata,
        of_kata,
        vcpus,
        vcpu_type,
        guest_features,
        vmm: args::Vmm::Qemu,
        trust_entries,
        entry,
    } = args;
    given::look_at([
        ("--kata", kata, Kind::FileOrFolder),
        ("--firmware", firmware, Kind::File),
        ("--kernel", kernel, Kind::File),
        ("--initrd", initrd, Kind::File),
    ])?;
    let counts: Vec<NonZeroU16> = counts(vcpus)?.collect();
    let features = features(guest_features)?;
    let start = match (kata, firmware) {
        (Some(path), _) => Start::of_kata(kata::Guests::open(path, of_kata)?, features)?,
        (None, Some(firmware)) => {
            let boot = boot(kernel.as_deref(), initrd.as_deref())?;
            let image = files::read(firmware, MAX_FIRMWARE)?;
            let lines = Lines::Given(append.clone());
            Start::new(
                firmware.clone(),
                image.to_vec(),
                boot,
                vcpu_type,
                features,
                lines,
            )?
        }
        // clap asks for one of them.
        (None, None) => {
            return Err(Problem::usage("there is no firmware", "name it with --firmware").into());
        }
    };
    if start.boot == Boot::FromDisk {
        tell::aside("There is no --kernel: this says nothing about what the firmware boots");
    }
    let guests = start.guests(&counts)?;
    match &start.lines {
        Lines::Kata(kata) if of_kata.explain => {
            tell::print(explanation(kata, &guests).trim_end());
        }
        Lines::Given(_) | Lines::Kata(_)
            if *trust_entries || (kata.is_some() && !context.teller.is_json()) =>
        {
            let name = match &start.lines {
                Lines::Kata(kata) => kata.name(),
                Lines::Given(_) => "guest".to_owned(),
            };
            let entries = Entries::new(entry, &name, clock::now(), ACCEPTED_SECS)?;
            tell::print(entries.text(&guests)?.trim_end());
        }
        Lines::Given(_) | Lines::Kata(_) => {
            for Measured {
                vcpus, measurement, ..
            } in guests
            {
                context.teller.tell(&News::Measured { vcpus, measurement });
            }
        }
    }
    if let Lines::Kata(kata) = &start.lines {
        for remark in kata.remarks() {
            tell::aside(&remark);
        }
    }
    Ok(())
}

fn boot(kernel: Option<&Path>, initrd: Option<&Path>) -> Result<Boot> {
    let Some(kernel) = kernel else {
        return Ok(Boot::FromDisk);
    };
    let kernel = files::read(kernel, MAX_KERNEL)?;
    let initrd = initrd.map(|initrd| files::read(initrd, MAX_INITRD));
    let initrd = initrd.transpose()?.unwrap_or_default();
    Ok(Boot::Direct(KernelHashes::new(&kernel, &initrd, "")))
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
