//! The chain above a provider's key (VLEK): nothing of it is compiled in but the
//! root.

use simvendor::{ChipSpec, Subject, Vendor};

use super::{
    Answer, BASE64, BETWEEN, Bench, DAY, Effort, From, VLEK_CHAIN, VLEK_LIST, World, by_chip,
    by_provider, now, pem, run, trust_with, world,
};
use base64::Engine as _;

const CHAIN_FILE: &str = "genoa-chain-vlek.pem";

/// The chain with this intermediate.
fn with(asvk: &[u8]) -> Vec<u8> {
    pem(&[asvk, world().vendor.ark()])
}

#[tokio::test]
async fn the_chain_above_a_providers_key_is_fetched_once_and_kept() {
    let bench = Bench::new().await;
    let lent = by_provider(&world().vlek);
    let ended = bench.run_of(&lent).await;
    assert!(ended.accepted, "{:#?}", ended.told);
    let paths = [VLEK_CHAIN, VLEK_LIST].map(|item| format!("/{}", item.path()));
    assert_eq!(bench.server.asked(), paths);
    let server = bench.from();
    let used = [(VLEK_CHAIN, server.clone()), (VLEK_LIST, server)];
    assert_eq!(ended.used(), used);
    let pauses = bench.server.pauses();
    assert!(pauses[0] >= BETWEEN, "{pauses:?}");

    let ended = bench.offline_of(&lent).await;
    assert!(ended.accepted);
    let used = [(VLEK_CHAIN, From::Disk), (VLEK_LIST, From::Disk)];
    assert_eq!(ended.used(), used);
    assert!(bench.run_of(&lent).await.accepted);
    assert_eq!(bench.server.asked().len(), 2);
    // A chip's own key needs none of it.
    assert!(bench.run().await.accepted);
    let chains = bench.server.asked();
    let chains = chains.iter().filter(|path| path.ends_with("cert_chain"));
    assert_eq!(chains.count(), 1);
}

#[tokio::test]
async fn a_chain_that_is_not_the_vendors_is_neither_used_nor_kept() {
    let bench = Bench::new().await;
    let World {
        vendor, provider, ..
    } = world();
    let (ark, ask, asvk) = (vendor.ark(), vendor.ask(), provider.asvk());
    let time = now().as_secs();
    let stranger = Vendor::generate(simvendor::Generation::Genoa, time).unwrap();
    let strangers = stranger.provider(time).unwrap();
    let over = Subject {
        validity: (time - 2 * DAY, time - DAY),
        ..Subject::authority("SEV-VLEK-Genoa".to_owned(), 1, time)
    };
    let over = vendor.certify(&over).unwrap();
    let (not_one, not_that) = (
        "it sent what is not one",
        "the root that the trust file has",
    );
    for (wrong, why) in [
        (pem(&[ask, ark]), "bears another name"),
        (pem(&[ark, asvk]), not_that),
        (pem(&[asvk]), not_that),
        (pem(&[asvk, ark, ark]), not_that),
        (pem(&[strangers.asvk(), stranger.ark()]), not_that),
        (with(strangers.asvk()), "did not sign"),
        (with(&over), "not valid on"),
        (with(asvk)[..2000].to_vec(), not_that),
        (asvk.to_vec(), not_that),
        (Vec::new(), not_that),
    ] {
        bench.serves(&VLEK_CHAIN, &[Answer::Body(wrong)]);
        let ended = bench.run_of(&by_provider(&world().vlek)).await;
        ended.refused("vendor chain", not_one);
        ended.refused("vendor chain", why);
        assert!(bench.files().is_empty());
    }
}

#[tokio::test]
async fn an_intermediate_that_did_not_sign_this_key_is_not_kept_and_a_new_one_is() {
    let bench = Bench::new().await;
    let World { vendor, vlek, .. } = world();
    let lent = by_provider(vlek);
    // The vendor's, and not above this key: one of the two is not genuine.
    let next = vendor.provider(now().as_secs()).unwrap();
    bench.serves(&VLEK_CHAIN, &[Answer::Body(with(next.asvk()))]);
    bench.run_of(&lent).await.ends_at("signing key");
    assert!(bench.files().is_empty());

    // The vendor changes its intermediate: what is kept gives way.
    bench.serves(&VLEK_CHAIN, &[Answer::Body(with(world().provider.asvk()))]);
    assert!(bench.run_of(&lent).await.accepted);
    let spec = ChipSpec::vlek(simvendor::Generation::Genoa, now().as_secs());
    let new = by_provider(&next.vlek(&spec).unwrap());
    bench
        .offline_of(&new)
        .await
        .refused("vendor chain", "--offline");
    bench.serves(&VLEK_CHAIN, &[Answer::Body(with(next.asvk()))]);
    assert!(bench.run_of(&new).await.accepted);
    let kept = std::fs::read(bench.dir.join(CHAIN_FILE)).unwrap();
    assert_eq!(kept, with(next.asvk()));
}

#[tokio::test]
async fn the_disk_is_believed_no_more_than_the_server_about_a_chain() {
    let bench = Bench::new().await;
    let lent = by_provider(&world().vlek);
    assert!(bench.run_of(&lent).await.accepted);
    let stranger = Vendor::generate(simvendor::Generation::Genoa, now().as_secs()).unwrap();
    let strangers = stranger.provider(now().as_secs()).unwrap();
    std::fs::write(bench.dir.join(CHAIN_FILE), with(strangers.asvk())).unwrap();
    let ended = bench.offline_of(&lent).await;
    ended.refused("vendor chain", "--offline");
    assert!(bench.run_of(&lent).await.accepted);
    assert!(bench.offline_of(&lent).await.accepted);
}

#[tokio::test]
async fn what_the_trust_file_brings_is_neither_asked_for_nor_replaced() {
    let bench = Bench::new().await;
    let World {
        vendor,
        provider,
        vlek,
        ..
    } = world();
    let own = |asvk: &[u8]| {
        trust_with(&format!(
            "[[vlek_intermediates]]\ngeneration = \"genoa\"\nasvk = \"{}\"\nsource = \"test\"\n",
            BASE64.encode(asvk)
        ))
    };
    let run_with = async |asvk: &[u8]| {
        let lent = by_provider(vlek);
        run(&bench.dir, bench.reach(), Effort::Fetch, &own(asvk), &lent).await
    };
    let ended = run_with(provider.asvk()).await;
    assert!(
        ended.accepted && ended.used().len() == 1,
        "{:#?}",
        ended.told
    );
    // Another one than the server would give: the customer's word counts.
    let other = vendor.provider(now().as_secs()).unwrap();
    run_with(other.asvk()).await.ends_at("signing key");
    let list = format!("/{}", VLEK_LIST.path());
    assert_eq!(bench.server.asked(), [list]);
}

#[tokio::test]
async fn a_report_that_names_another_kind_of_key_than_it_shows_makes_no_request() {
    let bench = Bench::new().await;
    let shown = evidence::Evidence {
        certificate: world().vlek.certificate().to_vec(),
        ..by_chip()
    };
    bench.run_of(&shown).await.ends_at("vendor chain");
    assert!(bench.server.asked().is_empty());
}
