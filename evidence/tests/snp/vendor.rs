//! The vendor's side: roots, intermediates, keys and lists that do not belong
//! together.

use evidence::{
    Authority, CertificateError, Generation, ListAge, Reason, Revocation, RevocationError,
    RevocationList, Root, RootError,
};
use simvendor::{ChipSpec, Of, RevocationSpec, Subject, Weight};

use crate::world::{NOW, World, provider, stranger, world};

#[test]
fn each_part_of_a_root_has_its_place() {
    let world = world(Generation::Milan);
    let other = crate::world::world(Generation::Genoa);
    let (ark, ask, asvk) = (
        world.vendor.ark(),
        world.vendor.ask(),
        world.provider.asvk(),
    );
    let root = |ark: &[u8], ask: &[u8]| Root::simulated(Generation::Milan, ark, ask).unwrap_err();

    assert_eq!(root(ask, ask), RootError::Name(Authority::Ark));
    assert_eq!(root(ark, asvk), RootError::Name(Authority::Ask));
    assert_eq!(
        root(other.vendor.ark(), ask),
        RootError::Name(Authority::Ark)
    );
    let unreadable = |error| matches!(error, RootError::Certificate(_, CertificateError::Der(_)));
    assert!(unreadable(root(&[], ask)));
    assert!(unreadable(root(ark, &[])));
    // The right names by another hand.
    let stranger = stranger(simvendor::Generation::Milan);
    let not_signed = RootError::NotSignedByRoot(Authority::Ask);
    assert_eq!(root(ark, stranger.ask()), not_signed);
    let claimed = Subject::authority("ARK-Milan".to_owned(), 1, NOW);
    let claimed = world.vendor.certify(&claimed).unwrap();
    let not_signed = RootError::NotSignedByRoot(Authority::Ark);
    assert_eq!(root(&claimed, ask), not_signed);
    // The right name and signature, and no authority.
    let powerless = Subject {
        extensions: Vec::new(),
        ..Subject::authority("SEV-Milan".to_owned(), 1, NOW)
    };
    let powerless = world.vendor.certify(&powerless).unwrap();
    let not_authority = RootError::NotAuthority(Authority::Ask);
    assert_eq!(root(ark, &powerless), not_authority);

    let good = Root::simulated(Generation::Milan, ark, ask).unwrap();
    let asvk = |der: &[u8]| good.clone().with_asvk(der).unwrap_err();
    assert_eq!(asvk(ask), RootError::Name(Authority::Asvk));
    let strangers = provider(&stranger, "provider");
    let not_signed = RootError::NotSignedByRoot(Authority::Asvk);
    assert_eq!(asvk(strangers.asvk()), not_signed);
}

#[test]
fn an_endorsement_key_is_known_under_its_own_intermediate_only() {
    let world = world(Generation::Milan);
    let spec = ChipSpec::new(world.simulated, NOW);
    let vlek = ChipSpec::vlek(world.simulated, NOW);
    let refused = |der: &[u8]| {
        let root = world.bare_root().with_endorsement_key(der);
        root.unwrap_err()
    };
    // A VCEK by the intermediate for providers, and the other way round.
    for crossed in [
        world.provider.vlek(&spec).unwrap(),
        world.vendor.chip(&vlek).unwrap(),
    ] {
        let error = refused(crossed.certificate());
        assert_eq!(error, RootError::NotSignedByIntermediate);
    }
    assert_eq!(
        refused(world.vendor.ask()),
        RootError::NotSignedByIntermediate
    );
    assert!(matches!(refused(&[]), RootError::EndorsementKey(_)));

    // What was known under one intermediate is not known under the next.
    let root = world.bare_root();
    let root = root.with_endorsement_key(world.vlek.certificate()).unwrap();
    let root = root.with_endorsement_key(world.vcek.certificate()).unwrap();
    let next = provider(&world.vendor, "next");
    let root = root.with_asvk(next.asvk()).unwrap();
    let list = world.vendor.revocation_list(NOW, &[]).unwrap();
    let root = root.with_revocation_list(&list).unwrap();
    let under = |case: crate::world::Case| case.expecting(|x| x.roots = vec![root.clone()]);
    let refused = under(world.vlek_case()).verify().unwrap_err();
    assert_eq!(refused.reason, Reason::CertificateChain);
    assert!(under(world.case()).verify().is_ok());
}

#[test]
fn a_list_is_the_roots_own_and_says_nothing_unknown() {
    let world = world(Generation::Milan);
    let stranger = stranger(simvendor::Generation::Milan);
    let list = stranger.revocation_list(NOW, &[]).unwrap();
    let read = world.bare_root().with_revocation_list(&list);
    assert_eq!(read.unwrap_err(), RootError::RevocationListNotByRoot);
    // Signed by the right key in another's name.
    let other = crate::world::world(Generation::Genoa);
    let list = other.vendor.revocation_list(NOW, &[]).unwrap();
    let read = world.bare_root().with_revocation_list(&list);
    assert_eq!(read.unwrap_err(), RootError::RevocationListNotByRoot);

    for of in [Of::List, Of::Entries] {
        let read = |weight| {
            let spec = RevocationSpec {
                revoked: vec![7, 8],
                unknown: Some((of, weight)),
                ..RevocationSpec::new(NOW)
            };
            let list = world.vendor.sign_list(&spec).unwrap();
            RevocationList::parse(&list).map(|_| ())
        };
        let critical = Err(RevocationError::CriticalExtension);
        assert_eq!(read(Weight::Critical), critical);
        assert_eq!(read(Weight::Negligible), Ok(()));
    }
}

#[test]
fn a_list_has_the_vendors_algorithm_inside_and_outside() {
    let world = world(Generation::Milan);
    let list = world.vendor.revocation_list(NOW, &[]).unwrap();
    let text = format!("{:?}", RevocationList::parse(&list).unwrap());
    assert_eq!(text, "RevocationList(2026-11-18T11:06:40Z)");
    // A salt of 47 bytes: everywhere, and outside only.
    let salt = [0xa2, 3, 2, 1, 0x30];
    let found: Vec<usize> = (0..list.len() - salt.len())
        .filter(|at| list[*at..].starts_with(&salt))
        .collect();
    assert_eq!(found.len(), 2);
    for places in [&found[..], &found[1..]] {
        let mut other = list.clone();
        for at in places {
            other[at + 4] = 0x2f;
        }
        let read = RevocationList::parse(&other).unwrap_err();
        let algorithm = RevocationError::Form(CertificateError::Algorithm);
        assert_eq!(read, algorithm);
    }
}

#[test]
fn a_list_has_a_bounded_length() {
    let longest = RevocationList::parse(&vec![0x30; 64 * 1024]);
    assert!(matches!(longest, Err(RevocationError::Form(_))));
    let longer = RevocationList::parse(&vec![0x30; 64 * 1024 + 1]);
    assert_eq!(longer.unwrap_err(), RevocationError::TooLong);

    let world = world(Generation::Milan);
    let read = |entries: u64| {
        let serials: Vec<u64> = (0..entries).map(|serial| u64::MAX - serial).collect();
        let list = world.vendor.revocation_list(NOW, &serials).unwrap();
        (list.len(), RevocationList::parse(&list).map(|_| ()))
    };
    let (len, short) = read(2_000);
    assert!(len < 64 * 1024);
    assert_eq!(short, Ok(()));
    let (len, long) = read(2_600);
    assert!(len > 64 * 1024);
    assert_eq!(long, Err(RevocationError::TooLong));
}

#[test]
fn a_list_is_good_until_its_age_or_its_end() {
    let world = world(Generation::Milan);
    let max_age = 86_400;
    let with = |made: u64, next: Option<u64>| {
        let spec = RevocationSpec {
            made,
            next,
            ..RevocationSpec::new(NOW)
        };
        let case = world.case();
        let root = world.root_with_list(&spec);
        let refused = case.expecting(|x| x.roots = vec![root]).verify().err();
        refused.map(|refused| (refused.reason, refused.to_string()))
    };
    assert_eq!(with(NOW, Some(NOW)), None);
    assert_eq!(with(NOW - max_age, Some(NOW + 1)), None);
    let wanted = "revocation list: expected signed by the root, in force on \
                  2026-11-18T11:06:40Z, made 2026-11-17T11:06:40Z or later, seen ";
    for (made, next, reason, seen) in [
        (
            NOW - max_age - 1,
            Some(NOW + 1),
            Reason::RevocationAge,
            "made 2026-11-17T11:06:39Z, in force until 2026-11-18T11:06:41Z",
        ),
        (
            NOW + 1,
            Some(NOW + 2),
            Reason::RevocationFuture,
            "made 2026-11-18T11:06:41Z, in force until 2026-11-18T11:06:42Z",
        ),
        (
            NOW - 2,
            Some(NOW - 1),
            Reason::RevocationOver,
            "made 2026-11-18T11:06:38Z, in force until 2026-11-18T11:06:39Z",
        ),
        (
            NOW,
            None,
            Reason::RevocationOver,
            "made 2026-11-18T11:06:40Z, names no end",
        ),
    ] {
        assert_eq!(with(made, next), Some((reason, format!("{wanted}{seen}"))));
    }
}

#[test]
fn without_a_limit_a_list_is_good_until_the_vendors_own_date_and_no_longer() {
    let world = world(Generation::Turin);
    let year = 365 * 86_400;
    let with = |made: u64, next: Option<u64>| {
        let spec = RevocationSpec {
            made,
            next,
            ..RevocationSpec::new(NOW)
        };
        let root = world.root_with_list(&spec);
        let case = world.case().expecting(|x| {
            x.revocation = Revocation::Checked(ListAge::UntilReplaced);
            x.roots = vec![root];
        });
        case.verify().map(|_| ()).map_err(|refused| {
            let text = refused.to_string();
            let wanted = "revocation list: expected signed by the root, in force on \
                          2026-11-18T11:06:40Z, seen ";
            assert!(text.starts_with(wanted), "{text}");
            refused.reason
        })
    };
    // As old as the vendor's own newest may be: its lists are for a year.
    assert_eq!(with(NOW - year, Some(NOW)), Ok(()));
    assert_eq!(with(NOW - 31 * 86_400, Some(NOW + 1)), Ok(()));
    let over = Err(Reason::RevocationOver);
    assert_eq!(with(NOW - year, Some(NOW - 1)), over);
    assert_eq!(with(NOW, None), over);
    let future = Err(Reason::RevocationFuture);
    assert_eq!(with(NOW + 1, Some(NOW + 2)), future);
    // Nor does an old list forget what it names, nor is one needed the less.
    let revoking = RevocationSpec {
        made: NOW - year,
        next: Some(NOW),
        revoked: vec![world.vendor.ask_serial()],
        ..RevocationSpec::new(NOW)
    };
    for (root, reason) in [
        (world.root_with_list(&revoking), Reason::IntermediateRevoked),
        (world.bare_root(), Reason::RevocationMissing),
    ] {
        let case = world.case().expecting(|x| {
            x.revocation = Revocation::Checked(ListAge::UntilReplaced);
            x.roots = vec![root];
        });
        assert_eq!(case.verify().unwrap_err().reason, reason);
    }
}

#[test]
fn a_revoked_intermediate_stops_its_own_keys_only() {
    let world = world(Generation::Milan);
    let verdict = |case: crate::world::Case, revoked: u64| {
        let root = world.root_with_list(&RevocationSpec {
            revoked: vec![5, revoked],
            ..RevocationSpec::new(NOW)
        });
        let verdict = case.expecting(|x| x.roots = vec![root]).verify();
        verdict.map(|_| ()).map_err(|refused| refused.reason)
    };
    let (ask, asvk) = (world.vendor.ask_serial(), world.provider.asvk_serial());
    let vlek = world.vlek.spec().serial;
    let revoked = Err(Reason::IntermediateRevoked);
    assert_eq!(verdict(world.case(), ask), revoked);
    assert_eq!(verdict(world.case(), asvk), Ok(()));
    assert_eq!(verdict(world.vlek_case(), asvk), revoked);
    assert_eq!(verdict(world.vlek_case(), ask), Ok(()));
    assert_eq!(verdict(world.vlek_case(), vlek), Err(Reason::KeyRevoked));
    // Every VCEK has serial number 0, which names none of them.
    assert_eq!(verdict(world.case(), 0), Ok(()));
}

#[test]
fn dates_are_the_first_and_the_last_second() {
    let world = world(Generation::Milan);
    let (from, until) = (NOW - 50, NOW + 50);
    let case = world.with_chip(|spec| spec.validity = (from, until));
    let case = case.expecting(|x| x.revocation = evidence::Revocation::NotChecked);
    for (now, good) in [
        (from - 1, false),
        (from, true),
        (until, true),
        (until + 1, false),
    ] {
        let verdict = case.clone().at(now).verify();
        assert_eq!(verdict.is_ok(), good);
        let reason = verdict.err().map(|refused| refused.reason);
        assert!(reason.is_none_or(|r| r == Reason::CertificateTime));
    }
}

#[test]
fn root_and_intermediate_must_both_be_valid() {
    let world = world(Generation::Milan);
    let (long, past, future) = (
        (NOW - 100, NOW + 100),
        (NOW - 100, NOW - 1),
        (NOW + 1, NOW + 100),
    );
    let (root_time, intermediate_time) = (Reason::RootTime, Reason::IntermediateTime);
    for (ark, ask, reason) in [
        (long, long, None),
        (past, long, Some(root_time)),
        (long, past, Some(intermediate_time)),
        (future, long, Some(root_time)),
        (long, future, Some(intermediate_time)),
    ] {
        let [ark, ask] = world.vendor.valid(ark, ask).unwrap();
        let root = Root::simulated(Generation::Milan, &ark, &ask).unwrap();
        let case = world.case().expecting(|x| {
            x.roots = vec![root];
            x.revocation = evidence::Revocation::NotChecked;
        });
        let refused = case.verify().err();
        assert_eq!(refused.as_ref().map(|refused| refused.reason), reason);
        if let Some(refused) = refused {
            let part = if reason == Some(root_time) {
                "ARK"
            } else {
                "SEV"
            };
            let seen = &refused.checks.last().unwrap().seen;
            let says = seen.starts_with(&format!("{part}-Milan (SIMULATED), valid 2026-"));
            assert!(says, "{seen}");
        }
    }
}

#[test]
fn a_critical_extension_nobody_knows_is_refused() {
    let world = world(Generation::Milan);
    let case = world.with_chip(|spec| spec.unknown_critical = true);
    let refused = case.verify().unwrap_err();
    assert_eq!(refused.reason, Reason::CertificateUnreadable);
    let last = refused.checks.last().unwrap();
    assert!(last.seen.contains("1.3.6.1.4.1.3704.1.99"), "{}", last.seen);
}

#[test]
fn masked_chips_are_for_providers_keys() {
    let world = world(Generation::Genoa);
    assert!(world.vlek_case().verify().is_ok());
    let masked = world.with(|f| f.chip_id = [0; 64]).verify().unwrap_err();
    assert_eq!(masked.reason, Reason::ChipMasked);
    // A certificate for the chip "zero" does not help.
    let spec = ChipSpec {
        chip_id: [0; 64],
        ..ChipSpec::new(world.simulated, NOW)
    };
    let zero = world.vendor.chip(&spec).unwrap();
    let masked = world.case_of(&zero, &World::fields(&zero)).verify();
    assert_eq!(masked.unwrap_err().reason, Reason::ChipMasked);
}

#[test]
fn bytes_of_a_chip_that_its_generation_has_not_are_zero() {
    let world = world(Generation::Turin);
    for at in [8, 63] {
        let case = world.with(|f| f.chip_id[at] = 1);
        let chip = hex::encode(&case.evidence.report[0x1a0..0x1e0]);
        let refused = case.verify().unwrap_err();
        assert_eq!(refused.reason, Reason::ChipId);
        let last = refused.checks.last().unwrap();
        assert_eq!((&*last.expected, &*last.seen), (&chip[..16], &*chip));
    }
}

#[test]
fn a_certificate_of_turin_names_the_fmc_too() {
    let world = world(Generation::Turin);
    let case = world.with_chip(|spec| spec.without = &[&[3, 9]]);
    let refused = case.verify().unwrap_err();
    assert_eq!(refused.reason, Reason::CertificateTcbMissing);
}
