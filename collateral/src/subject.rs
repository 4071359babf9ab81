//! What a report needs to be verified, as items, and the gate before all asking:
//! only for what hardware could vouch for. Pure.

use evidence::{Generation, Report, RootClass, Tcb};
use job::Trust;

use crate::item::{Item, Signer};
use crate::told::Missing;

/// A report of a processor that has collateral.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The report; nothing of it is verified.
    pub report: Report,
    /// Of which processors.
    pub generation: Generation,
}

impl Subject {
    /// The gate: what these bytes are about, if hardware could vouch for it.
    pub fn of_hardware(report: &[u8], trust: &Trust) -> Option<Self> {
        Self::of(report).filter(|subject| is_vendors(subject.generation, trust))
    }

    /// Takes bytes for a report; nothing of it is verified.
    pub fn of(report: &[u8]) -> Option<Self> {
        let report = Report::parse(report).ok()?;
        let (family, model) = report.cpuid()?;
        Some(Self {
            generation: Generation::from_cpuid(family, model)?,
            report,
        })
    }

    /// Who this report says signed it.
    pub fn signer(&self) -> Signer {
        Signer::of(&self.report)
    }

    /// The certificate of the key that signed.
    ///
    /// # Errors
    /// When nobody has it for asking: why.
    pub fn key(&self) -> Result<Item, Missing> {
        let missing = |why: &str| Missing {
            item: None,
            why: why.to_owned(),
            next: "ask the provider to have the machine send it with its evidence".to_owned(),
        };
        if self.signer() == Signer::Vlek {
            return Err(missing(
                "a provider's key (VLEK) signed, and only the provider has its certificate",
            ));
        }
        let generation = self.generation;
        let id = self.report.chip_id();
        let (chip, _) = id.split_at(generation.chip_id_len());
        if chip.iter().all(|byte| *byte == 0) {
            return Err(missing(
                "the report hides its chip, and the key server asks for it",
            ));
        }
        // Offset 0x180 is REPORTED_TCB: the TCB the key was derived from.
        let tcb = self.report.bytes().get(0x180..0x188).unwrap_or_default();
        let tcb = tcb.try_into().ok();
        let tcb = tcb.and_then(|bytes| Tcb::from_bytes(generation, bytes));
        Ok(Item::Key {
            generation,
            chip: chip.to_vec(),
            tcb: tcb.ok_or_else(|| missing("the report names a TCB nobody knows"))?,
        })
    }

    /// The certificates above that key.
    pub fn chain(&self) -> Item {
        Item::Chain(self.generation, self.signer())
    }

    /// The revocation list for its kind.
    pub fn list(&self) -> Item {
        Item::List(self.generation, self.signer())
    }
}

/// Whether the vendor's own root counts for these processors. Under a simulated
/// root nothing is asked for.
pub fn is_vendors(generation: Generation, trust: &Trust) -> bool {
    let root = trust.root(generation);
    root.is_some_and(|root| root.class() == RootClass::Vendor)
}

#[cfg(test)]
mod tests {
    use evidence::Generation;
    use job::Trust;
    use simvendor::{ChipSpec, Fields, Vendor};

    use super::{Subject, is_vendors};
    use crate::item::{Item, Signer};
    use crate::tests::{by_chip, trust};

    #[test]
    fn a_report_says_which_items_it_needs() {
        let (simulated, now) = (simvendor::Generation::Turin, 1_795_000_000);
        let vendor = Vendor::generate(simulated, now).unwrap();
        let subject = |spec: ChipSpec, chip_id: Option<[u8; 64]>| {
            let chip = vendor.chip(&spec).unwrap();
            let fields = Fields {
                chip_id: chip_id.unwrap_or(spec.chip_id),
                ..Fields::new(&chip)
            };
            Subject::of(&fields.sign(&chip).unwrap()).unwrap()
        };
        let turin = Generation::Turin;
        let own = subject(ChipSpec::new(simulated, now), None);
        let Item::Key { chip, tcb, .. } = own.key().unwrap() else {
            panic!("not a key");
        };
        assert_eq!((chip.len(), tcb.fmc, tcb.microcode), (8, 1, 70));
        assert_eq!(own.chain(), Item::Chain(turin, Signer::Vcek));
        assert_eq!(own.list(), Item::List(turin, Signer::Vcek));
        let masked = subject(ChipSpec::new(simulated, now), Some([0; 64]));
        assert!(masked.key().unwrap_err().why.contains("hides its chip"));

        let lent = subject(ChipSpec::vlek(simulated, now), None);
        assert!(lent.key().unwrap_err().why.contains("only the provider"));
        assert_eq!(lent.chain(), Item::Chain(turin, Signer::Vlek));
        assert_eq!(lent.list(), Item::List(turin, Signer::Vlek));
    }

    #[test]
    fn nothing_is_asked_for_but_under_the_vendors_own_roots() {
        let vendors = Trust::built_in().unwrap();
        let simulated = trust(None);
        let report = by_chip().report;
        assert!(Subject::of_hardware(&report, &vendors).is_some());
        assert!(Subject::of_hardware(&report, &simulated).is_none());
        assert!(Subject::of_hardware(b"no report", &vendors).is_none());
        for generation in Generation::ALL {
            assert!(is_vendors(generation, &vendors));
            // Simulated, or no root at all.
            assert!(!is_vendors(generation, &simulated));
        }
    }
}
