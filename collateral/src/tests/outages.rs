//! Outages: 429 and 5xx, with Retry-After and without, a hang, an answer that
//! breaks off, no network, and answers that are none.

use evidence::Evidence;

use super::{
    Answer, BETWEEN, Bench, Effort, Item, KeyServer, LIST, VLEK_CHAIN, World, by_chip, by_provider,
    key, made, now, pem, run, servers, trust, world,
};

#[tokio::test]
async fn too_many_requests_are_answered_by_waiting_as_long_as_asked() {
    let bench = Bench::new().await;
    let chip = &world().chip;
    let certificate = Answer::Body(chip.certificate().to_vec());
    bench.serves(&key(), &[Answer::Status(429, Some(1)), certificate]);
    let ended = bench.run().await;
    assert!(ended.accepted, "{:#?}", ended.told);
    assert!(
        bench.server.pauses()[0] >= 950,
        "{:?}",
        bench.server.pauses()
    );
    assert!(ended.waited("429"));
}

#[tokio::test]
async fn a_server_in_trouble_is_left_alone_as_long_as_it_asks() {
    let bench = Bench::new().await;
    let certificate = Answer::Body(world().chip.certificate().to_vec());
    bench.serves(&key(), &[Answer::Status(503, Some(1)), certificate]);
    let ended = bench.run().await;
    assert!(ended.accepted && ended.waited("503"), "{:#?}", ended.told);
    let pauses = bench.server.pauses();
    assert!(pauses[0] >= 950, "{pauses:?}");
}

/// So many seconds from now, as servers write a date (RFC 9110, 5.6.7).
fn date_in(secs: u64) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let text = now().plus(secs).to_string();
    let (date, time) = text.trim_end_matches('Z').split_once('T').unwrap();
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next(), parts.next(), parts.next());
    let (year, day) = (year.unwrap(), day.unwrap());
    let month = MONTHS[month.unwrap().parse::<usize>().unwrap() - 1];
    format!("Mon, {day} {month} {year} {time} GMT")
}

#[tokio::test]
async fn a_date_to_come_back_at_is_kept() {
    for status in [429, 503] {
        let bench = Bench::new().await;
        let certificate = Answer::Body(world().chip.certificate().to_vec());
        let busy = Answer::Until(status, date_in(3));
        bench.serves(&key(), &[busy, certificate]);
        let ended = bench.run().await;
        assert!(ended.accepted, "{:#?}", ended.told);
        // Dates have whole seconds.
        let pauses = bench.server.pauses();
        assert!(pauses[0] >= 1_950, "{pauses:?}");
    }
}

#[tokio::test]
async fn no_server_is_left_alone_for_more_than_a_day() {
    for busy in [
        Answer::Until(503, date_in(10 * 365 * 86_400)),
        Answer::Until(429, "9".repeat(30)),
        Answer::Status(503, Some(u64::MAX)),
    ] {
        let bench = Bench::new().await;
        bench.serves(&key(), &[busy]);
        let ended = bench.run().await;
        let why = ended.missing();
        assert!(
            why.contains("asked for 86400 s") || why.contains("asked for 86399 s"),
            "{why}"
        );
        assert_eq!(bench.server.asked().len(), 1);
    }
}

#[tokio::test]
async fn who_asks_to_be_left_alone_for_long_is_also_by_the_next_run() {
    let bench = Bench::new().await;
    bench.serves(&key(), &[Answer::Status(429, Some(600))]);
    let ended = bench.run().await;
    ended.refused("signing key", "429");
    assert!(ended.missing().contains("not to be asked for 5") || ended.missing().contains("600 s"));
    bench
        .run()
        .await
        .refused("signing key", "not to be asked for");
    assert_eq!(bench.server.asked().len(), 1);
}

#[tokio::test]
async fn a_server_in_trouble_is_asked_again_more_and_more_slowly_and_not_for_ever() {
    let bench = Bench::new().await;
    bench.serves(&key(), &[Answer::Status(503, None)]);
    let ended = bench.run().await;
    ended.refused("signing key", "503");
    let pauses = bench.server.pauses();
    assert_eq!(pauses.len(), 2);
    assert!(
        pauses[0] >= BETWEEN && pauses[1] >= 2 * BETWEEN,
        "{pauses:?}"
    );
    // The next run finds it well.
    let chip = &world().chip;
    bench.serves(&key(), &[Answer::Body(chip.certificate().to_vec())]);
    assert!(bench.run().await.accepted);
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    let bench = Bench::new().await;
    bench.serves(&key(), &[Answer::Hang]);
    bench
        .run()
        .await
        .refused("signing key", "did not answer in time");
    assert_eq!(bench.server.asked().len(), 3);
    bench.serves(
        &key(),
        &[
            Answer::Hang,
            Answer::Body(world().chip.certificate().to_vec()),
        ],
    );
    assert!(bench.run().await.accepted);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_for_again_and_never_used() {
    let bench = Bench::new().await;
    let chip = &world().chip;
    let half = chip.certificate()[..700].to_vec();
    bench.serves(&key(), &[Answer::Cut(half.clone())]);
    bench.run().await.refused("signing key", "broke off");
    assert!(bench.files().is_empty());
    // A proxy may end it cleanly: then it is no certificate.
    bench.serves(&key(), &[Answer::Body(half)]);
    bench.run().await.refused("signing key", "not one");
    assert!(bench.files().is_empty());
    let whole = Answer::Body(chip.certificate().to_vec());
    bench.serves(&key(), &[Answer::Cut(chip.certificate().to_vec()), whole]);
    let half_list = made(1)[..300].to_vec();
    bench.serves(&LIST, &[Answer::Body(half_list)]);
    bench.run().await.refused("revocation list", "not one");
}

#[tokio::test]
async fn what_is_too_long_redirected_refused_or_not_there_is_not_asked_for_again() {
    for (answer, why) in [
        (Answer::Body(vec![0x30; 17 * 1024]), "more than 16384 bytes"),
        (Answer::Redirect("http://localhost:1/".to_owned()), "302"),
        (Answer::Status(403, None), "403"),
        (Answer::Status(404, None), "404"),
    ] {
        let bench = Bench::new().await;
        bench.serves(&key(), &[answer]);
        bench.run().await.refused("signing key", why);
        assert_eq!(bench.server.asked().len(), 1, "{why}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_show_who_it_is_is_not_asked() {
    let chip = &world().chip;
    let dir = std::env::temp_dir().join(format!("cdvm-tls-{}", std::process::id()));
    chip.save(&dir).unwrap();
    let pkcs8 = std::fs::read(dir.join("vcek.key")).unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    // A genuine certificate, and not one of the web's.
    let certificate = rustls::pki_types::CertificateDer::from(chip.certificate().to_vec());
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate], pkcs8.try_into().unwrap());
    let bench = Bench::around(KeyServer::with_tls(config.unwrap()).await);
    bench.serves(&key(), &[Answer::Body(chip.certificate().to_vec())]);
    bench.run().await.refused("signing key", "certificate");
    assert!(bench.server.asked().is_empty());
}

#[tokio::test]
async fn without_a_network_it_says_so_at_once() {
    let bench = Bench::new().await;
    let nobody = servers("http://localhost:1");
    let ended = run(&bench.dir, nobody, Effort::Fetch, &trust(None), &by_chip()).await;
    ended.refused("signing key", "no connection");
    assert!(ended.advice.contains("import"));
}

/// Every outage of one item, in the words it is told in, and its end. `evidence`
/// lacks this item before others, and is refused by `check` without it.
async fn outages_of(item: Item, whole: Vec<u8>, evidence: Evidence, check: &str) {
    let bench = Bench::new().await;
    let half = whole[..whole.len() / 2].to_vec();
    for (answer, why) in [
        (Answer::Status(503, None), "503, 3 times"),
        (Answer::Status(404, None), "404"),
        (Answer::Hang, "did not answer in time"),
        (Answer::Cut(whole.clone()), "broke off"),
        (Answer::Body(half), "it sent what is not one"),
        (Answer::Body(vec![b'-'; item.most() + 1]), "more than"),
        // Last, for it also holds for the next run.
        (Answer::Status(429, Some(1)), "429"),
    ] {
        bench.serves(&item, &[answer]);
        bench.run_of(&evidence).await.refused(check, why);
        assert!(bench.files().is_empty());
    }
    let broken = [Answer::Status(429, Some(1)), Answer::Cut(whole.clone())];
    bench.serves(&item, &[&broken[..], &[Answer::Body(whole)]].concat());
    let ended = bench.run_of(&evidence).await;
    assert!(ended.accepted && ended.waited("429") && ended.waited("broke off"));
    let offline = Bench::new().await.offline_of(&evidence).await;
    offline.refused(check, "--offline");
    assert!(offline.advice.contains("cdvm collateral export"));
}

#[tokio::test]
async fn outages_of_a_list_are_refusals_that_pass() {
    let brought = Evidence {
        certificate: world().chip.certificate().to_vec(),
        ..by_chip()
    };
    outages_of(LIST, made(1), brought, "revocation list").await;
}

#[tokio::test]
async fn outages_of_a_chain_are_refusals_that_pass() {
    let World {
        vendor,
        provider,
        vlek,
        ..
    } = world();
    let chain = pem(&[provider.asvk(), vendor.ark()]);
    outages_of(VLEK_CHAIN, chain, by_provider(vlek), "vendor chain").await;
}
