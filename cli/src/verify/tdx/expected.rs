//! What a quote must say, made of the trust file. Pure. What the file does not
//! speak of stands here, each with its reason: what weakens a guest is refused,
//! and what is the guest's or the platform's own affair is anything, by name.

use evidence::tdx::{
    Advisories, Bits, Bound as Nothing, CollateralAge, Expected, Root, TcbStatus, VmIndex,
};
use evidence::{Accept, Flag};
use job::{TdxGuest, TdxRules, TdxStatus};

use super::Bound;

/// One guest release. A quote is held against each by itself: a quote with the
/// firmware of one release and the kernel of another is none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image<'t> {
    /// The release's name; nothing when it stands for none.
    pub(super) name: Option<&'t str>,
    mr_td: Accept<[u8; 48]>,
    rtmrs: [Accept<[u8; 48]>; 4],
}

/// The releases with this MRTD, or one that says which there are and accepts
/// nothing: never none.
pub(super) fn images<'t>(
    guests: impl Iterator<Item = &'t TdxGuest>,
    mr_td: [u8; 48],
) -> Vec<Image<'t>> {
    let guests: Vec<&TdxGuest> = guests.collect();
    let fitting = guests.iter().filter(|guest| guest.mr_td == mr_td);
    let mut images: Vec<Image<'_>> = fitting
        .map(|guest| Image {
            name: Some(&guest.name),
            mr_td: Accept::Exactly(guest.mr_td),
            rtmrs: guest.rtmrs.clone(),
        })
        .collect();
    if images.is_empty() {
        let known = guests.iter().map(|guest| guest.mr_td);
        images.push(Image {
            name: None,
            mr_td: Accept::OneOf(known.collect()),
            rtmrs: [const { Accept::OneOf(Vec::new()) }; 4],
        });
    }
    images
}

/// What a quote of this guest must say.
pub(super) fn expected(root: Root, rules: &TdxRules, image: &Image<'_>, bound: Bound) -> Expected {
    let TdxRules {
        collateral_max_age_secs,
        lowest_status,
        advisories,
        evaluation_minimum,
    } = rules;
    let Image {
        name: _,
        mr_td,
        rtmrs: [rtmr0, rtmr1, rtmr2, rtmr3],
    } = image.clone();
    Expected {
        root,
        collateral_age: CollateralAge::AtMost {
            secs: *collateral_max_age_secs,
        },
        tcb_floor: status(*lowest_status),
        advisories: Advisories::Only(advisories.clone()),
        evaluation_minimum: *evaluation_minimum,
        // Any genuine platform: Intel's status speaks about its configuration.
        fmspc: Accept::Any,
        platform: Accept::Any,
        platform_smt: Flag::Any,
        platform_dynamic: Flag::Any,
        platform_cached_keys: Flag::Any,
        // Any module that Intel's rules accept, and that Intel signed: its
        // measurement changes with each update, its signer is zero.
        mr_seam: Accept::Any,
        mr_signer_seam: Accept::Exactly([0; 48]),
        // A module in production has none of them.
        seam_attributes: Bits::Exactly(0),
        // The host would read the guest's memory, or watch it work.
        debug: Flag::Off,
        profiling: Flag::Off,
        // It would share in the trust of other guests.
        provisioning_agent: Flag::Off,
        // More protection or another report, and never less.
        single_step_defense: Flag::Any,
        service_td_extension: Flag::Any,
        // Features of the processor that the guest may use for itself: its kernel,
        // which is measured, decides.
        lass: Flag::Any,
        pks: Flag::Any,
        key_locker: Flag::Any,
        perfmon: Flag::Any,
        xfam: Bits::Any,
        // The registers above are those of the partition that controls the others.
        vm_index: VmIndex::Controlling,
        // Nobody else reaches into the guest.
        service_td: Nothing::Nothing,
        devices: Nothing::Nothing,
        // Names that the host chose; nothing depends on them.
        mr_owner: Accept::Any,
        mr_owner_config: Accept::Any,
        mr_td,
        rtmr0,
        rtmr1,
        rtmr2,
        rtmr3,
        mr_config_id: bound.config_id,
        report_data: bound.report_data,
    }
}

const fn status(lowest: TdxStatus) -> TcbStatus {
    match lowest {
        TdxStatus::UpToDate => TcbStatus::UpToDate,
        TdxStatus::SwHardeningNeeded => TcbStatus::SwHardeningNeeded,
        TdxStatus::ConfigurationNeeded => TcbStatus::ConfigurationNeeded,
        TdxStatus::ConfigurationAndSwHardeningNeeded => {
            TcbStatus::ConfigurationAndSwHardeningNeeded
        }
        TdxStatus::TdRelaunchAdvised => TcbStatus::TdRelaunchAdvised,
        TdxStatus::TdRelaunchAdvisedConfigurationNeeded => {
            TcbStatus::TdRelaunchAdvisedConfigurationNeeded
        }
        TdxStatus::OutOfDate => TcbStatus::OutOfDate,
        TdxStatus::OutOfDateConfigurationNeeded => TcbStatus::OutOfDateConfigurationNeeded,
    }
}

#[cfg(test)]
mod tests {
    use evidence::Accept;
    use evidence::tdx::TcbStatus;
    use job::{Simulated, Timestamp, Trust};

    use super::{images, status};

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

    fn trust(lowest: &str, guests: &[(&str, &str)]) -> Trust {
        let dates =
            "source = \"test\"\nfrom = 2026-01-01T00:00:00Z\nuntil = 2027-01-01T00:00:00Z\n";
        let mut text = format!(
            "version = 1\nrevocation_max_age_days = 7\n[tdx]\ncollateral_max_age_days = 30\n\
             lowest_status = \"{lowest}\"\nadvisories = []\nevaluation_minimum = 17\n{dates}"
        );
        for (name, byte) in guests {
            let digest = byte.repeat(48);
            text = format!(
                "{text}[[tdx_guests]]\nname = \"{name}\"\nmr_td = \"{digest}\"\n\
                 rtmrs = [\"any\", \"any\", \"any\", \"any\"]\n{dates}"
            );
        }
        Trust::parse(&text, Simulated::Refused).unwrap()
    }

    #[test]
    fn each_of_intels_words_in_a_trust_file_is_the_one_of_the_verifier() {
        for word in TcbStatus::ALL {
            let trust = trust(&word.to_string(), &[]);
            assert_eq!(status(trust.tdx(NOW).unwrap().lowest_status), word);
        }
    }

    #[test]
    fn a_guest_with_another_mrtd_is_no_candidate_and_nothing_takes_its_place() {
        let trust = trust("UpToDate", &[("a", "aa"), ("b", "bb"), ("c", "aa")]);
        let of = |mr_td| images(trust.tdx_guests(NOW), mr_td);
        let names = |mr_td| of(mr_td).iter().map(|image| image.name).collect::<Vec<_>>();
        assert_eq!(names([0xaa; 48]), [Some("a"), Some("c")]);
        assert_eq!(names([0xbb; 48]), [Some("b")]);
        let [none] = &of([0xcc; 48])[..] else {
            panic!("one image")
        };
        assert_eq!(none.name, None);
        assert!(!none.mr_td.accepts(&[0xcc; 48]) && none.mr_td.accepts(&[0xaa; 48]));
        let nothing = Accept::OneOf(Vec::new());
        assert!(none.rtmrs.iter().all(|register| *register == nothing));
    }
}
