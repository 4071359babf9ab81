//! Certificates that are not the one that was asked for.

use simvendor::{ChipSpec, Vendor};

use super::{Answer, Bench, DAY, World, key, now, trust, world};

#[tokio::test]
async fn a_certificate_of_another_chip_tcb_or_vendor_is_neither_used_nor_kept() {
    let bench = Bench::new().await;
    let World { vendor, chip, .. } = world();
    let spec = chip.spec();
    let mut other_chip = ChipSpec { ..spec.clone() };
    other_chip.chip_id[0] ^= 1;
    let mut other_tcb = spec.clone();
    other_tcb.tcb[3] += 1;
    let mut late = spec.clone();
    late.validity.0 = now().as_secs() + DAY;
    let mut other_product = spec.clone();
    "Milan-B0".clone_into(&mut other_product.product);
    let other_vendor = Vendor::generate(simvendor::Generation::Genoa, now().as_secs()).unwrap();
    for (wrong, why) in [
        (vendor.chip(&other_chip).unwrap(), "another chip's"),
        (vendor.chip(&other_tcb).unwrap(), "another TCB"),
        (vendor.chip(&late).unwrap(), "not valid on"),
        (vendor.chip(&other_product).unwrap(), "another product's"),
        (other_vendor.chip(spec).unwrap(), "no intermediate"),
    ] {
        bench.serves(&key(), &[Answer::Body(wrong.certificate().to_vec())]);
        let ended = bench.run().await;
        ended.refused("signing key", "not one");
        ended.refused("signing key", why);
        assert!(bench.files().is_empty());
    }
    // The vendor's word about this chip, and another key: one of the two is not
    // genuine, and the certificate is not kept.
    let wrong = vendor.chip(spec).unwrap();
    bench.serves(&key(), &[Answer::Body(wrong.certificate().to_vec())]);
    let ended = bench.run_with(&trust(Some(1))).await;
    ended.ends_at("signature");
    assert!(bench.files().is_empty());
}
