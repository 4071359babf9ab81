//! Revocation lists: old, older, and newer ones.

use simvendor::Vendor;

use super::{Answer, Bench, DAY, LIST, made, now, trust, unlimited, world};

#[tokio::test]
async fn a_list_that_is_too_old_stays_a_refusal_and_says_whose_fault_it_is() {
    let bench = Bench::new().await;
    bench.serves(&LIST, &[Answer::Body(made(40))]);
    let ended = bench.run().await;
    ended.refused("revocation list", "40 days old");
    let why = ended.missing();
    assert!(why.contains("the vendor has no list as new as"), "{why}");
    for word in ["raise revocation_max_age_days", "leave it out"] {
        assert!(ended.advice.contains(word), "{}", ended.advice);
    }
    // It is asked for once in a run.
    let asked = |bench: &Bench| {
        let asked = bench.server.asked();
        asked.iter().filter(|path| path.ends_with("/crl")).count()
    };
    assert_eq!(asked(&bench), 1);
    // The trust file's own list is too old as well: a new one is fetched.
    bench.serves(&LIST, &[Answer::Body(made(2))]);
    assert!(bench.run_with(&trust(Some(35))).await.accepted);
    assert_eq!(asked(&bench), 2);
    // A list in the trust file that is new enough needs none.
    let fresh = Bench::new().await;
    let ended = fresh.run_with(&trust(Some(3))).await;
    assert!(ended.accepted && ended.used().len() == 1);
    assert_eq!(asked(&fresh), 0);
}

#[tokio::test]
async fn without_a_limit_the_vendors_newest_is_good_until_its_own_date() {
    let unlimited = unlimited();
    for (days, accepted) in [(40, true), (364, true), (366, false)] {
        let bench = Bench::new().await;
        bench.serves(&LIST, &[Answer::Body(made(days))]);
        let ended = bench.run_with(&unlimited).await;
        assert_eq!(ended.accepted, accepted, "{days}: {:#?}", ended.told);
        if !accepted {
            ended.refused("revocation list", "in force until ");
            let next = "no setting accepts a list that is over";
            assert!(ended.advice.contains(next), "{}", ended.advice);
        }
    }
}

#[tokio::test]
async fn what_no_setting_accepts_is_not_answered_with_one() {
    let vendor = &world().vendor;
    let tomorrow = vendor.revocation_list(now().as_secs() + DAY, &[]).unwrap();
    // A simulated list is over after a year.
    for (list, why, next) in [
        (tomorrow, "not made yet on ", "set the clock right"),
        (
            made(400),
            "in force until ",
            "wait for the vendor's next one",
        ),
    ] {
        let bench = Bench::new().await;
        bench.serves(&LIST, &[Answer::Body(list)]);
        let ended = bench.run().await;
        ended.refused("revocation list", why);
        assert!(ended.advice.contains(next), "{}", ended.advice);
        assert!(!ended.advice.contains("revocation_max_age_days"));
    }
}

#[tokio::test]
async fn an_older_list_never_takes_the_place_of_a_newer() {
    let bench = Bench::new().await;
    let vendor = &world().vendor;
    let revoked = vendor
        .revocation_list(now().as_secs() - DAY, &[vendor.ask_serial()])
        .unwrap();
    bench.serves(&LIST, &[Answer::Body(revoked)]);
    let ended = bench.run().await;
    ended.ends_at("not revoked");
    // A mirror that wants it forgotten is not even asked, and has no say.
    bench.serves(&LIST, &[Answer::Body(made(20))]);
    let ended = bench.run_with(&trust(Some(20))).await;
    ended.ends_at("not revoked");
}

#[tokio::test]
async fn a_list_of_another_root_is_neither_used_nor_kept() {
    let bench = Bench::new().await;
    let time = now().as_secs();
    let stranger = Vendor::generate(simvendor::Generation::Genoa, time).unwrap();
    let list = stranger.revocation_list(time - 60, &[]).unwrap();
    bench.serves(&LIST, &[Answer::Body(list)]);
    let ended = bench.run().await;
    ended.refused("revocation list", "did not sign the revocation list");
    assert!(bench.files().iter().all(|file| !file.contains("-list-")));
}
