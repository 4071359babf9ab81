//! What newer firmware says: no forgery, and nothing that is accepted unseen. Which
//! bits have a meaning is written here a second time (AMD 56860, revision 1.59).

use evidence::{Expected, ExtendedTcbs, Flag, Generation, Reason, UnknownBit, UnknownBitError};

use crate::world::{Case, World, world};

/// Good evidence whose certificate the root knows already: it is read once, which
/// takes longer than all that follows.
fn known(world: &World) -> Case {
    let case = world.case();
    let certificate = case.evidence.certificate.clone();
    case.expecting(|x| {
        let root = x.roots.remove(0);
        x.roots
            .push(root.with_endorsement_key(&certificate).unwrap());
    })
}

/// The same, of a version and with one bit changed before it was signed.
fn flipped(world: &World, good: &Case, version: u32, (at, bit): (usize, usize)) -> Case {
    let mut fields = World::fields(&world.vcek);
    fields.version = version;
    let mut unsigned = fields.unsigned(world.simulated);
    unsigned[at + bit / 8] ^= 1 << (bit % 8);
    let mut case = good.clone();
    case.evidence.report = simvendor::sign(unsigned, &world.vcek).unwrap();
    case
}

/// Whether it is refused for what newer firmware says.
fn is_newer(case: &Case) -> bool {
    match case.verify() {
        Ok(_) => false,
        Err(refused) => refused.reason == Reason::NewerFirmware,
    }
}

fn bit(name: &str) -> UnknownBit {
    name.parse().unwrap()
}

/// The last check of a refusal.
fn refused(case: &Case) -> (Reason, String, String, String) {
    let refused = case.verify().unwrap_err();
    let last = refused.checks.last().unwrap();
    let [name, expected, seen] = [&last.name, &last.expected, &last.seen].map(ToString::to_string);
    (refused.reason, name, expected, seen)
}

#[test]
fn every_bit_without_a_meaning_is_newer_firmware_and_no_other_is() {
    for generation in [Generation::Milan, Generation::Turin] {
        let world = world(generation);
        let good = known(world);
        let tcb = |bit| match generation {
            Generation::Milan | Generation::Genoa => (16..48).contains(&bit),
            Generation::Turin => (32..56).contains(&bit),
        };
        for (at, bits, name) in [
            (0x008, 64, "POLICY"),
            (0x040, 64, "PLATFORM_INFO"),
            (0x048, 32, "KEY_INFO"),
            (0x038, 64, "CURRENT_TCB"),
            (0x180, 64, "REPORTED_TCB"),
            (0x1e0, 64, "COMMITTED_TCB"),
            (0x1f0, 64, "LAUNCH_TCB"),
        ] {
            for bit in 0..bits {
                let unknown = match name {
                    "POLICY" => bit == 17 || bit > 25,
                    "PLATFORM_INFO" => bit > 7,
                    "KEY_INFO" => bit > 4,
                    _ => tcb(bit),
                };
                let case = flipped(world, &good, 5, (at, bit));
                assert_eq!(is_newer(&case), unknown, "{generation} {name}:{bit}");
                // By its name it is accepted; a name loosens nothing that has a meaning.
                let name = format!("{name}:{bit}");
                let named = name.parse::<UnknownBit>();
                if unknown {
                    let named = named.unwrap();
                    assert_eq!(named.to_string(), name);
                    let case = case.expecting(|x| x.unknown_bits = vec![named]);
                    assert!(case.verify().is_ok(), "{generation} {name}");
                } else if let Ok(of_another_generation) = named {
                    let before = case.verify().map(|_| ()).map_err(|refused| refused.reason);
                    let case = case.expecting(|x| x.unknown_bits = vec![of_another_generation]);
                    let after = case.verify().map(|_| ()).map_err(|refused| refused.reason);
                    assert_eq!(before, after, "{generation} {name}");
                    assert!(name.contains("_TCB:"), "{name}");
                }
            }
        }
    }
}

#[test]
fn every_reserved_byte_is_newer_firmware_and_no_other_is() {
    let world = world(Generation::Genoa);
    let good = known(world);
    for version in 3..=6 {
        let vectors = if version >= 5 { 0x208 } else { 0x1f8 };
        let reserved = |at: usize| match at {
            0x04c..0x050 | 0x18b..0x1a0 | 0x1eb | 0x1ef => true,
            0x220..0x280 => version < 6,
            0x1f8.. => at >= vectors,
            _ => false,
        };
        // From behind the version, up to the signature; words of bits are above.
        let words = [0x008, 0x038, 0x040, 0x048, 0x180, 0x1e0, 0x1f0];
        let in_word = |at: usize| words.iter().any(|word| (*word..word + 8).contains(&at));
        for at in (4..0x2a0).filter(|at| !in_word(*at) || (0x04c..0x050).contains(at)) {
            let case = flipped(world, &good, version, (at, at % 8));
            assert_eq!(is_newer(&case), reserved(at), "version {version}, {at:x}");
            if reserved(at) {
                let named = format!("0x{at:03x}:{}", at % 8);
                let other = format!("0x{at:03x}:{}", (at + 1) % 8);
                assert_eq!(bit(&named).to_string(), named);
                let by_name = case
                    .clone()
                    .expecting(|x| x.unknown_bits = vec![bit(&named)]);
                assert!(by_name.verify().is_ok(), "{named}");
                let other = case.expecting(|x| x.unknown_bits = vec![bit(&other)]);
                assert!(is_newer(&other), "{named}");
            }
        }
    }
}

#[test]
fn a_version_to_come_is_newer_firmware_whatever_is_named() {
    let world = world(Generation::Turin);
    for version in [7, 8, 255, u32::MAX] {
        let case = world.with(|f| f.version = version);
        let case = case.expecting(|x| x.unknown_bits = vec![bit("PLATFORM_INFO:8")]);
        let (reason, name, expected, seen) = refused(&case);
        assert_eq!(reason, Reason::NewerFirmware);
        assert_eq!(name, "newer firmware");
        let wanted = "nothing that this program does not know but PLATFORM_INFO:8";
        assert_eq!(expected, wanted);
        let text = format!("report version {version}: update this program");
        assert_eq!(seen, text);
    }
}

#[test]
fn a_refusal_names_fields_and_bits_and_what_was_named_is_shown() {
    let world = world(Generation::Genoa);
    let case = world.with(|f| {
        f.policy |= 0b11 << 26;
        f.platform_info |= 1 << 9;
        f.key_info |= 1 << 5;
    });
    let (_, _, expected, seen) = refused(&case);
    assert_eq!(expected, "nothing that this program does not know");
    let all = "POLICY bits 0xc000000, PLATFORM_INFO bits 0x200, KEY_INFO bits 0x20";
    assert_eq!(seen, format!("{all}: update this program"));
    let names = ["POLICY:26", "KEY_INFO:5", "PLATFORM_INFO:9"];
    let some = case
        .clone()
        .expecting(|x| x.unknown_bits = names.map(bit).to_vec());
    let (_, _, expected, seen) = refused(&some);
    let wanted =
        "nothing that this program does not know but POLICY:26, KEY_INFO:5, PLATFORM_INFO:9";
    assert_eq!(expected, wanted);
    assert_eq!(seen, "POLICY bits 0x8000000: update this program");
    let every = some.expecting(|x| x.unknown_bits.push(bit("POLICY:27")));
    let verified = every.verify().unwrap();
    let shown = verified
        .checks()
        .iter()
        .find(|check| check.name == "newer firmware");
    assert_eq!(shown.unwrap().seen, format!("{all}, by name"));
    // A verdict stays readable: nine places, of which eight are shown.
    let mut unsigned = World::fields(&world.vcek).unsigned(world.simulated);
    unsigned[0x208..0x211].fill(1);
    let (_, _, _, seen) = refused(&world.case_over(&world.vcek, unsigned.clone()));
    let end = "0x20f bits 0x1 and 1 more: update this program";
    assert!(seen.ends_with(end), "{seen}");
    unsigned[0x210] = 0;
    let (_, _, _, seen) = refused(&world.case_over(&world.vcek, unsigned));
    assert!(
        seen.ends_with("0x20f bits 0x1: update this program"),
        "{seen}"
    );
}

#[test]
fn a_forgery_is_none_of_newer_firmware() {
    let world = world(Generation::Turin);
    let mut forged = world.case();
    forged.evidence.report[0x041] |= 1;
    let named = |x: &mut Expected| x.unknown_bits = vec![bit("PLATFORM_INFO:8")];
    for case in [forged.clone(), forged.clone().expecting(named)] {
        assert_eq!(case.verify().unwrap_err().reason, Reason::Signature);
    }
    forged.evidence.report[0x000] = 7;
    assert_eq!(forged.verify().unwrap_err().reason, Reason::Signature);
}

#[test]
fn what_weakens_the_guest_is_refused_by_name_beside_any_unknown_bit() {
    let world = world(Generation::Turin);
    let with = |bits: u64| {
        let case = world.with(|f| {
            f.platform_info |= 1 << 8;
            f.policy |= bits;
        });
        case.expecting(|x| x.unknown_bits = vec![bit("PLATFORM_INFO:8")])
    };
    assert!(with(0).verify().is_ok());
    for (bits, reason) in [
        (1 << 18, Reason::Migration),
        (1 << 19, Reason::Debug),
        (1 << 21, Reason::CxlAllowed),
    ] {
        assert_eq!(with(bits).verify().unwrap_err().reason, reason);
    }
    // And none of what has a meaning can be named away.
    for known in ["POLICY:19", "POLICY:0", "PLATFORM_INFO:6", "KEY_INFO:1"] {
        let error = UnknownBitError::NotUnknown(known.to_owned());
        assert_eq!(known.parse::<UnknownBit>(), Err(error));
    }
}

#[test]
fn a_name_has_one_form() {
    for wrong in [
        "",
        ":",
        "POLICY",
        "POLICY:",
        "POLICY:x",
        "POLICY:+26",
        "POLICY:-1",
        "POLICY: 26",
        "POLICY:4294967296",
        "policy:26",
        "VERSION:7",
        "208:1",
        "0x:1",
        "0xzz:1",
        "0xfffffffffffffffff:1",
    ] {
        let error = UnknownBitError::Form(wrong.to_owned());
        assert_eq!(wrong.parse::<UnknownBit>(), Err(error));
    }
    for none in [
        "POLICY:64",
        "KEY_INFO:32",
        "CURRENT_TCB:0",
        "CURRENT_TCB:63",
        "0x04c:8",
        "0x000:0",
        "0x050:0",
        "0x1ec:0",
        "0x2a0:0",
        "0x2d0:0",
        "0xffff:0",
    ] {
        let error = UnknownBitError::NotUnknown(none.to_owned());
        assert_eq!(none.parse::<UnknownBit>(), Err(error));
    }
    for some in ["0x04f:7", "0x18b:0", "0x1f8:0", "0x220:3", "0x29f:0"] {
        assert_eq!(bit(some).to_string(), some);
    }
}

#[test]
fn every_turin_as_it_is_sold_passes_and_says_that_its_iommu_is_safe() {
    let world = world(Generation::Turin);
    let case = world.with(|f| assert_eq!(f.platform_info, 0x41));
    let verified = case.verify().unwrap();
    assert_eq!(verified.claims().platform_info, 0x41);
    // Demanded or not: the bit is held to what is asked for.
    let off = world.with(|f| f.platform_info = 0x01);
    assert_eq!(
        off.verify().unwrap_err().reason,
        Reason::PlatformIommuWriteSafe
    );
    let any = off.expecting(|x| x.platform_iommu_write_safe = Flag::Any);
    assert!(any.verify().is_ok());
}

#[test]
fn the_extended_tcbs_of_version_6_are_read_and_the_others_held_to_the_floor() {
    let world = world(Generation::Turin);
    let with = |version, snp| {
        world.with(|f| {
            f.version = version;
            f.extended_tcbs = [[1; 32], [2; 32], [3; 32]];
            f.tcb[0][3] -= snp;
        })
    };
    let verified = with(6, 0).verify().unwrap();
    let extended = ExtendedTcbs {
        current: [1; 32],
        launch: [2; 32],
        committed: [3; 32],
    };
    assert_eq!(verified.claims().extended_tcbs, Some(extended));
    let shown = verified
        .checks()
        .iter()
        .find(|check| check.name == "extended TCBs");
    let [one, two, three] = ["01", "02", "03"].map(|byte| byte.repeat(32));
    let text = format!("{two} at launch, {one} now, {three} committed");
    assert_eq!(shown.unwrap().seen, text);
    assert_eq!(with(6, 1).verify().unwrap_err().reason, Reason::CurrentTcb);
    let before = with(5, 0).verify().unwrap();
    assert_eq!(before.claims().extended_tcbs, None);
    assert!(
        before
            .checks()
            .iter()
            .all(|check| check.name != "extended TCBs")
    );
}

#[test]
fn a_processor_without_a_root_here_is_called_by_its_name() {
    let world = world(Generation::Turin);
    for (model, name) in [
        (0x50, "Venice"),
        (0x51, "not known here"),
        (0x12, "not known here"),
    ] {
        let (reason, check, expected, seen) = refused(&world.with(|f| f.cpuid = [0x1a, model, 0]));
        assert_eq!((reason, &*check), (Reason::Generation, "processor"));
        assert!(expected.starts_with("Milan, Genoa or Turin"), "{expected}");
        assert_eq!(seen, format!("family 1ah, model {model:x}h, {name}"));
    }
}
