//! What guests start with, and what they are measured as for each number of
//! processors. Pure.

use core::num::NonZeroU16;
use std::path::PathBuf;

use anyhow::Result;
use evidence::launch::{Boot, Firmware, GuestFeatures, KernelHashes, Launch, VcpuType};
use job::Digest;

use super::entries::Measured;
use super::kata::{Guests, VCPU_TYPE, Word, text};
use crate::exit::Problem;

/// What guests start with, but for how many processors they have.
pub(super) struct Start {
    firmware: PathBuf,
    image: Vec<u8>,
    /// The command line in it is none's.
    pub(super) boot: Boot,
    vcpu_type: String,
    vcpu: VcpuType,
    features: GuestFeatures,
    pub(super) lines: Lines,
}

/// Where a command line comes from.
pub(super) enum Lines {
    Given(String),
    Kata(Box<Guests>),
}

impl Start {
    /// Of files that were given one by one, or gathered.
    pub(super) fn new(
        firmware: PathBuf,
        image: Vec<u8>,
        boot: Boot,
        vcpu_type: &str,
        features: GuestFeatures,
        lines: Lines,
    ) -> Result<Self, Problem> {
        let vcpu: VcpuType = vcpu_type.parse().map_err(|error| {
            let what = format!("--vcpu-type: {error}");
            Problem::usage(what, "give what stands behind QEMU's -cpu")
        })?;
        Ok(Self {
            firmware,
            image,
            boot,
            vcpu_type: vcpu_type.to_owned(),
            vcpu,
            features,
            lines,
        })
    }

    /// Of a release's files.
    pub(super) fn of_kata(mut guests: Guests, features: GuestFeatures) -> Result<Self, Problem> {
        let image = core::mem::take(&mut guests.firmware.bytes);
        let initrd = guests.initrd.as_ref().map_or(&[][..], |file| &file.bytes);
        let boot = Boot::Direct(KernelHashes::new(&guests.kernel.bytes, initrd, ""));
        let lines = Lines::Kata(Box::new(guests));
        Self::new(
            PathBuf::from("the firmware"),
            image,
            boot,
            VCPU_TYPE,
            features,
            lines,
        )
    }

    /// One per count.
    pub(super) fn guests(&self, counts: &[NonZeroU16]) -> Result<Vec<Measured>> {
        let firmware = Firmware::parse(&self.image).map_err(|error| self.unusable(&error))?;
        let mut last: Option<(String, Launch)> = None;
        let mut guests = Vec::new();
        for vcpus in counts.iter().copied() {
            let (line, words) = self.line(vcpus, counts.len() > 1)?;
            let boot = match &self.boot {
                Boot::FromDisk => Boot::FromDisk,
                Boot::Direct(hashes) => Boot::Direct(hashes.clone().with_command_line(&line)),
            };
            // The memory is hashed once for all counts with one line.
            let launch = match last.take() {
                Some((same, launch)) if same == line => launch,
                Some(_) | None => Launch::new(&firmware, &boot, self.vcpu, self.features)
                    .map_err(|error| self.unusable(&error))?,
            };
            guests.push(Measured {
                vcpus,
                measurement: launch.measurement(vcpus),
                inputs: self.inputs(&line),
                line: line.clone(),
                words,
            });
            last = Some((line, launch));
        }
        Ok(guests)
    }

    fn line(&self, vcpus: NonZeroU16, of_several: bool) -> Result<(String, Vec<Word>), Problem> {
        match &self.lines {
            Lines::Given(line) if of_several => Ok((with_count(line, vcpus)?, Vec::new())),
            Lines::Given(line) => Ok((line.clone(), Vec::new())),
            Lines::Kata(guests) => {
                let words = guests.line(vcpus.get())?;
                Ok((text(&words), words))
            }
        }
    }

    fn unusable(&self, error: &dyn std::error::Error) -> Problem {
        let what = format!("{} starts no guest: {error}", self.firmware.display());
        Problem::usage(
            what,
            "give the OVMF image that QEMU gets, built for SEV-SNP",
        )
    }

    fn inputs(&self, line: &str) -> String {
        let (firmware, version) = (Digest::of(&self.image), env!("CARGO_PKG_VERSION"));
        let booted = match &self.boot {
            Boot::FromDisk => "no kernel".to_owned(),
            Boot::Direct(hashes) => format!(
                "kernel {}, initrd {}, command line {line:?}",
                hex::encode(hashes.kernel()),
                hex::encode(hashes.initrd()),
            ),
        };
        format!(
            "cdvm measure {version}: firmware {firmware}, {booted}, {} ({:#x}), features {:#x}",
            self.vcpu_type,
            self.vcpu.signature(),
            self.features.bits(),
        )
    }
}

/// The parameter by which Kata's older releases write the number of vCPUs into
/// the command line.
pub(super) const COUNT: &str = "nr_cpus=";

/// `line` with this count in place of the one that is written in it, if one is.
pub(super) fn with_count(line: &str, vcpus: NonZeroU16) -> Result<String, Problem> {
    let mut places = line.match_indices(COUNT).filter(|(at, _)| {
        // A parameter of this name, not the end of another, nor inside of quotes.
        let before = line.get(..*at).unwrap_or_default();
        let starts = before.is_empty() || before.ends_with(' ');
        starts && before.matches('"').count().is_multiple_of(2)
    });
    let Some((at, _)) = places.next() else {
        return Ok(line.to_owned());
    };
    if places.next().is_some() {
        return Err(Problem::usage(
            "the command line says nr_cpus= twice: which one is the number of vCPUs is not clear",
            "measure one count at a time, each with its own --append",
        ));
    }
    let (before, rest) = line
        .split_at_checked(at + COUNT.len())
        .unwrap_or((line, ""));
    let after = rest.find(' ').and_then(|end| rest.get(end..));
    Ok(format!("{before}{vcpus}{}", after.unwrap_or_default()))
}
