//! Every single bit counts.

use evidence::{Generation, Root};

use crate::world::{NOW, world};

/// Every bit of `bytes`, flipped alone.
fn flips(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        (bit, flipped)
    })
}

#[test]
fn every_flipped_bit_of_a_report_is_refused() {
    for generation in [Generation::Milan, Generation::Turin] {
        let world = world(generation);
        let good = world.with(|f| f.version = 6);
        assert!(good.verify().is_ok());
        // The certificate stays as it is: the root may know it, which is faster.
        let mut case = good.clone().expecting(|x| {
            let root = x.roots.remove(0);
            let root = root.with_endorsement_key(&good.evidence.certificate);
            x.roots.push(root.unwrap());
        });
        for (bit, report) in flips(&good.evidence.report) {
            case.evidence.report = report;
            assert!(case.verify().is_err(), "bit {bit}");
        }
    }
}

#[test]
fn every_flipped_bit_of_a_certificate_is_refused() {
    let world = world(Generation::Genoa);
    for good in [world.case(), world.vlek_case()] {
        assert!(good.verify().is_ok());
        let mut case = good.clone();
        for (bit, certificate) in flips(&good.evidence.certificate) {
            case.evidence.certificate = certificate;
            assert!(case.verify().is_err(), "bit {bit}");
        }
    }
}

#[test]
fn every_flipped_bit_of_the_vendors_chain_is_refused() {
    let world = world(Generation::Milan);
    let (ark, ask) = (world.vendor.ark(), world.vendor.ask());
    let root = |ark: &[u8], ask: &[u8]| Root::simulated(Generation::Milan, ark, ask);
    let good = root(ark, ask).unwrap();
    for (bit, flipped) in flips(ark) {
        assert!(root(&flipped, ask).is_err(), "ARK, bit {bit}");
    }
    for (bit, flipped) in flips(ask) {
        // The root's own signature was checked above: read it once.
        assert!(root(ark, &flipped).is_err(), "ASK, bit {bit}");
    }
    for (bit, flipped) in flips(world.provider.asvk()) {
        assert!(good.clone().with_asvk(&flipped).is_err(), "ASVK, bit {bit}");
    }
    let list = world.vendor.revocation_list(NOW, &[1, 2, 3]).unwrap();
    for (bit, flipped) in flips(&list) {
        let read = good.clone().with_revocation_list(&flipped);
        assert!(read.is_err(), "list, bit {bit}");
    }
}

#[test]
fn every_flipped_bit_of_the_binding_is_refused() {
    let world = world(Generation::Turin);
    let good = world.case();
    let mut case = good.clone().expecting(|x| {
        let root = x.roots.remove(0);
        let root = root.with_endorsement_key(&good.evidence.certificate);
        x.roots.push(root.unwrap());
    });
    assert!(case.verify().is_ok());
    for (bit, flipped) in flips(&good.expected.host_data) {
        case.expected.host_data = flipped.try_into().unwrap();
        assert!(case.verify().is_err(), "HOST_DATA, bit {bit}");
    }
    case.expected.host_data = good.expected.host_data;
    for (bit, flipped) in flips(&good.expected.report_data) {
        case.expected.report_data = flipped.try_into().unwrap();
        assert!(case.verify().is_err(), "REPORT_DATA, bit {bit}");
    }
    case.expected.report_data = good.expected.report_data;
    for (bit, flipped) in flips(&[0xaa; 48]) {
        case.expected.measurement = evidence::Accept::Exactly(flipped.try_into().unwrap());
        assert!(case.verify().is_err(), "measurement, bit {bit}");
    }
}
