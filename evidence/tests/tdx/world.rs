//! Evidence, what it must say, and when; to break.

use evidence::tdx::{
    Advisories, Bits, Bound, Collateral, CollateralAge, ConfigId, Evidence, Expected, Quote,
    Rejection, Root, TcbStatus, Verified, VmIndex, verify,
};
use evidence::{Accept, Flag, Timestamp};

use crate::intel::{FMSPC, PPID, Spec};

pub(crate) const NOW: u64 = 1_795_000_000;
pub(crate) const DAY: u64 = 86_400;

#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) evidence: Evidence,
    pub(crate) expected: Expected,
    pub(crate) now: Timestamp,
}

impl Case {
    pub(crate) fn verify(&self) -> Result<Verified, Rejection> {
        verify(&self.evidence, &self.expected, self.now)
    }

    pub(crate) fn expecting(mut self, change: impl FnOnce(&mut Expected)) -> Self {
        change(&mut self.expected);
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Evidence)) -> Self {
        change(&mut self.evidence);
        self
    }

    pub(crate) fn at(mut self, secs: u64) -> Self {
        self.now = Timestamp::from_secs(secs);
        self
    }
}

/// Evidence under the simulated root.
pub(crate) fn simulated(change: impl FnOnce(&mut Spec)) -> Case {
    let mut spec = Spec::new();
    change(&mut spec);
    let root = Root::simulated(&spec.root()).unwrap();
    case(spec.evidence(), root)
}

fn case(evidence: Evidence, root: Root) -> Case {
    Case {
        evidence,
        expected: Expected {
            root,
            collateral_age: CollateralAge::AtMost { secs: 2 * DAY },
            tcb_floor: TcbStatus::UpToDate,
            advisories: Advisories::Only(Vec::new()),
            evaluation_minimum: 20,
            fmspc: Accept::Exactly(FMSPC),
            platform: Accept::Exactly(PPID),
            platform_smt: Flag::On,
            platform_dynamic: Flag::Off,
            platform_cached_keys: Flag::Off,
            mr_seam: Accept::Exactly([0x5e; 48]),
            mr_signer_seam: Accept::Exactly([0; 48]),
            seam_attributes: Bits::Exactly(0),
            debug: Flag::Off,
            profiling: Flag::Off,
            single_step_defense: Flag::Off,
            service_td_extension: Flag::Off,
            lass: Flag::Off,
            pks: Flag::Off,
            key_locker: Flag::Off,
            provisioning_agent: Flag::Off,
            perfmon: Flag::Off,
            xfam: Bits::Within {
                required: 0b11,
                allowed: 0x602e7,
            },
            vm_index: VmIndex::Controlling,
            service_td: Bound::Nothing,
            devices: Bound::Nothing,
            mr_owner: Accept::Exactly([0x0a; 48]),
            mr_owner_config: Accept::Exactly([0x0b; 48]),
            mr_td: Accept::Exactly([0xaa; 48]),
            rtmr0: Accept::Exactly([0; 48]),
            rtmr1: Accept::Exactly([1; 48]),
            rtmr2: Accept::Exactly([2; 48]),
            rtmr3: Accept::Exactly([3; 48]),
            mr_config_id: ConfigId::of_sha256([0xbb; 32]),
            report_data: [b'c'; 64],
        },
        now: Timestamp::from_secs(NOW),
    }
}

/// A public quote with the collateral of its day; it must say what it says.
pub(crate) struct Real {
    quote: &'static [u8],
    collateral: &'static [u8],
    now: u64,
}

pub(crate) const V4: Real = Real {
    quote: include_bytes!("../vectors/tdx/v4.quote"),
    collateral: include_bytes!("../vectors/tdx/v4.collateral.json"),
    // 2025-06-20.
    now: 1_750_377_600,
};

pub(crate) const V5: Real = Real {
    quote: include_bytes!("../vectors/tdx/v5-td15.quote"),
    collateral: include_bytes!("../vectors/tdx/v5-td15.collateral.json"),
    // 2026-02-20.
    now: 1_771_545_600,
};

pub(crate) const V5_EXTENDED: Real = Real {
    quote: include_bytes!("../vectors/tdx/v5-td15ex.quote"),
    collateral: include_bytes!("../vectors/tdx/v5-td15ex.collateral.json"),
    // 2026-10-09.
    now: 1_791_504_000,
};

impl Real {
    pub(crate) fn case(&self) -> Case {
        let quote = Quote::parse(self.quote).unwrap();
        let [rtmr0, rtmr1, rtmr2, rtmr3] = quote.rtmrs().map(Accept::Exactly);
        let evidence = Evidence {
            quote: self.quote.to_vec(),
            collateral: Collateral::from_json(self.collateral).unwrap(),
        };
        let case = case(evidence, Root::intel().unwrap());
        case.at(self.now).expecting(|x| {
            x.collateral_age = CollateralAge::Any;
            x.evaluation_minimum = 17;
            x.fmspc = Accept::Any;
            x.platform = Accept::Any;
            x.platform_smt = Flag::Any;
            x.platform_dynamic = Flag::Any;
            x.platform_cached_keys = Flag::Any;
            x.mr_seam = Accept::Exactly(quote.mr_seam());
            x.xfam = Bits::Exactly(quote.xfam());
            x.mr_owner = Accept::Exactly([0; 48]);
            x.mr_owner_config = Accept::Exactly([0; 48]);
            x.mr_td = Accept::Exactly(quote.mr_td());
            (x.rtmr0, x.rtmr1, x.rtmr2, x.rtmr3) = (rtmr0, rtmr1, rtmr2, rtmr3);
            x.mr_config_id = ConfigId::of_sha384(quote.mr_config_id());
            x.report_data = quote.report_data();
        })
    }
}
