//! Inputs, good and broken.

use differential::Input;
use evidence::Generation;
use simvendor::{Chip, ChipSpec, Fields, Subject, Vendor};

use crate::dice::Dice;

pub(crate) const NOW: u64 = 1_795_000_000;

/// A vendor, its chips, and a stranger in its name.
pub(crate) struct World {
    generation: Generation,
    simulated: simvendor::Generation,
    vendor: Vendor,
    stranger: Vendor,
    chip: Chip,
    /// Chips whose certificates are odd, all by the same intermediate.
    odd: Vec<Chip>,
    powerless_ask: Vec<u8>,
}

impl World {
    pub(crate) fn new(generation: Generation) -> Self {
        let simulated = match generation {
            Generation::Milan => simvendor::Generation::Milan,
            Generation::Genoa => simvendor::Generation::Genoa,
            Generation::Turin => simvendor::Generation::Turin,
        };
        let vendor = Vendor::generate(simulated, NOW).unwrap();
        let spec = || ChipSpec::new(simulated, NOW);
        let mut other_chip = spec();
        other_chip.chip_id[0] ^= 1;
        let mut other_tcb = spec();
        other_tcb.tcb[3] += 1;
        let odd = [
            ChipSpec {
                common_name: "SEV-OTHEREK".to_owned(),
                ..spec()
            },
            ChipSpec {
                common_name: "SEV-VLEK".to_owned(),
                ..spec()
            },
            ChipSpec {
                validity: (NOW - 2, NOW - 1),
                ..spec()
            },
            ChipSpec {
                product: "Naples".to_owned(),
                ..spec()
            },
            ChipSpec {
                unknown_critical: true,
                ..spec()
            },
            other_chip,
            other_tcb,
        ];
        let ask = Subject::authority(format!("SEV-{generation}"), 1, NOW);
        let powerless = Subject {
            extensions: Vec::new(),
            ..ask
        };
        Self {
            generation,
            simulated,
            chip: vendor.chip(&spec()).unwrap(),
            odd: odd.iter().map(|spec| vendor.chip(spec).unwrap()).collect(),
            powerless_ask: vendor.certify(&powerless).unwrap(),
            stranger: Vendor::generate(simulated, NOW).unwrap(),
            vendor,
        }
    }

    /// Its good chip.
    pub(crate) fn chip(&self) -> &Chip {
        &self.chip
    }

    fn input_of(&self, chip: &Chip, report: Vec<u8>) -> Input {
        Input {
            generation: self.generation,
            ark: self.vendor.ark().to_vec(),
            ask: self.vendor.ask().to_vec(),
            certificate: chip.certificate().to_vec(),
            report,
        }
    }

    /// Whether a byte of the report lies in a TCB and is no component there.
    pub(crate) fn is_lost(&self, at: Option<usize>) -> bool {
        let unused = match self.generation {
            Generation::Milan | Generation::Genoa => 2..6,
            Generation::Turin => 4..7,
        };
        let tcbs = [0x038, 0x180, 0x1e0, 0x1f0];
        let mut lost = tcbs
            .into_iter()
            .flat_map(|tcb| unused.clone().map(move |at| tcb + at));
        at.is_some_and(|at| lost.any(|lost| lost == at))
    }

    /// One input, good or broken at one place; where, for the signed report.
    pub(crate) fn input(&self, dice: &mut Dice) -> (&'static str, Option<usize>, Input) {
        let mut fields = Fields::new(&self.chip);
        fields.version = 3 + u32::from(dice.byte() % 4);
        fields.measurement[0] = dice.byte();
        fields.report_data[63] = dice.byte();
        fields.mitigations = [dice.byte().into(), dice.byte().into()];
        let unsigned = fields.unsigned(self.simulated);
        let good = |unsigned: Vec<u8>| {
            self.input_of(&self.chip, simvendor::sign(unsigned, &self.chip).unwrap())
        };
        let mut input = good(unsigned.clone());
        let mut changed = None;
        let name = match dice.below(15) {
            0 | 1 => "good",
            2 => {
                changed = Some(dice.flip_in(&mut input.report, 0..0x2a0));
                "a bit of the signed report"
            }
            3 => {
                dice.flip_in(&mut input.report, 0x2a0..0x330);
                "a bit of the report's signature"
            }
            4 => {
                dice.flip_in(&mut input.report, 0x330..0x4a0);
                "a bit behind the report's signature"
            }
            5 => {
                let len = input.certificate.len();
                dice.flip_in(&mut input.certificate, 0..len);
                "a bit of the certificate"
            }
            6 => {
                let len = input.ask.len();
                dice.flip_in(&mut input.ask, 0..len);
                "a bit of the intermediate"
            }
            7 => {
                let len = input.ark.len();
                dice.flip_in(&mut input.ark, 0..len);
                "a bit of the root"
            }
            8 => {
                // Signed as it is: the format's own rules decide.
                let mut other = unsigned;
                dice.flip_in(&mut other, 0..0x2a0);
                input = good(other);
                "a bit before signing"
            }
            9 => {
                fields.version = [0, 1, 2, 7][dice.below(4)];
                input = good(fields.unsigned(self.simulated));
                "another version"
            }
            10 => {
                fields.key_info = [1 << 1, 1 << 2, 7 << 2, 3 << 2][dice.below(4)];
                fields.signature_algorithm = 1 + u32::from(dice.byte() % 2);
                input = good(fields.unsigned(self.simulated));
                "another key or algorithm"
            }
            11 => {
                let chip = &self.odd[dice.below(self.odd.len())];
                let report = simvendor::sign(unsigned, chip).unwrap();
                input = self.input_of(chip, report);
                "an odd certificate"
            }
            12 => {
                match dice.below(4) {
                    0 => input.ark = self.stranger.ark().to_vec(),
                    1 => input.ask = self.stranger.ask().to_vec(),
                    2 => input.ask.clone_from(&self.powerless_ask),
                    _ => input.certificate.truncate(dice.below(1000)),
                }
                "parts that do not belong together"
            }
            13 => {
                fields.cpuid = [0x19, [0x01, 0x11][dice.below(2)], 0];
                input = good(fields.unsigned(self.simulated));
                "another processor"
            }
            _ => {
                match dice.below(3) {
                    0 => input.report.truncate(dice.below(1184)),
                    1 => input.report.push(0),
                    _ => input.generation = Generation::ALL[dice.below(3)],
                }
                "another length or generation"
            }
        };
        (name, changed, input)
    }
}
