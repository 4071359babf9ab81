//! Intel's collateral against a stand-in of Intel's service that hands out the real
//! parts of a day, with its outages. The quote is real, and Intel's root the
//! compiled-in one.

use evidence::tdx::{Collateral as Whole, Platform, Quote};
use job::{Timestamp, Trust};

use super::{
    Answer, BETWEEN, Bench, DAY, Ear, Effort, Fetcher, From, Item, KeyServer, PACE, Reach, Source,
    Told, used,
};
use crate::bundle::{export, import};
use crate::gather::Gathering;
use crate::intel::{self, Intels};
use crate::quote::{brought, parts_of};
use crate::server::{Address, Servers};

const QUOTE: &[u8] = include_bytes!("../../../evidence/tests/vectors/tdx/v5-td15ex.quote");
const PARTS: &str = include_str!("../../../evidence/tests/vectors/tdx/v5-td15ex.collateral.json");

/// 2026-10-09; the parts were made the day before and are replaced on 2026-11-06.
const NOW: u64 = 1_791_504_000;

fn platform() -> Platform {
    Quote::parse(QUOTE).unwrap().platform().unwrap()
}

fn parts() -> [Intels; 4] {
    parts_of(platform())
}

/// As Intel's service encodes a chain in a header.
fn header(part: Intels, chain: &str) -> String {
    let chain = percent_encoding::utf8_percent_encode(chain, percent_encoding::NON_ALPHANUMERIC);
    format!("{}: {chain}", part.chain_header().unwrap())
}

/// What the service answers for a part.
fn answer(part: Intels) -> Answer {
    let json: serde_json::Value = serde_json::from_str(PARTS).unwrap();
    let text = |name: &str| json[name].as_str().unwrap();
    let signed = |member: &str, name: &str| {
        let (signed, signature) = (text(name), text(&format!("{name}_signature")));
        let body = format!("{{\"{member}\":{signed},\"signature\":\"{signature}\"}}");
        let chain = text(&format!("{name}_issuer_chain"));
        Answer::With(header(part, chain), body.into_bytes())
    };
    match part {
        Intels::TcbInfo(_) => signed("tcbInfo", "tcb_info"),
        Intels::QeIdentity => signed("enclaveIdentity", "qe_identity"),
        Intels::PckCrl(_) => {
            let list = hex::decode(text("pck_crl")).unwrap();
            Answer::With(header(part, text("pck_crl_issuer_chain")), list)
        }
        Intels::RootCaCrl => Answer::Body(hex::decode(text("root_ca_crl")).unwrap()),
    }
}

/// An answer's body, changed.
fn changed(part: Intels, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Answer {
    match answer(part) {
        Answer::With(header, body) => Answer::With(header, change(body)),
        Answer::Body(body) => Answer::Body(change(body)),
        other => panic!("{other:?}"),
    }
}

/// How one run ended.
struct Brought {
    whole: Result<Whole, String>,
    told: Vec<Told>,
}

impl Bench {
    async fn intel() -> Self {
        relay::install_crypto_provider();
        let bench = Self::around(KeyServer::start().await);
        for part in parts() {
            bench.serves(&Item::Intel(part), &[answer(part)]);
        }
        bench
    }

    async fn brought_at(&self, reach: Reach, now: u64) -> Brought {
        let source = Source::with_pace(Some(&self.dir), reach, PACE);
        let (listener, trust) = (Ear::default(), Trust::built_in().unwrap());
        let fetcher = Fetcher {
            listener: &listener,
            source: &source,
            effort: Effort::Fetch,
            now: Timestamp::from_secs(now),
        };
        let whole = brought(fetcher, &trust, platform(), 30 * DAY).await;
        Brought {
            whole: whole.map_err(|missing| missing.why),
            told: listener.told(),
        }
    }

    async fn brought(&self) -> Brought {
        self.brought_at(self.reach(), NOW).await
    }
}

impl Brought {
    fn from(&self) -> Vec<From> {
        used(&self.told).into_iter().map(|(_, from)| from).collect()
    }
}

fn whole() -> Whole {
    Whole::from_json(PARTS.as_bytes()).unwrap()
}

#[tokio::test]
async fn the_parts_are_fetched_kept_and_used_again() {
    let bench = Bench::intel().await;
    let first = bench.brought().await;
    assert_eq!(first.whole, Ok(whole()));
    assert_eq!(first.from(), vec![bench.from(); 4]);
    assert_eq!(
        bench.server.asked(),
        [
            "/tdx/certification/v4/tcb?fmspc=B0C06F000000",
            "/tdx/certification/v4/qe/identity",
            "/sgx/certification/v4/rootcacrl",
            "/sgx/certification/v4/pckcrl?ca=platform&encoding=der",
        ]
    );
    // Intel's service is asked ten times as often as AMD's.
    let pauses = bench.server.pauses();
    assert!(
        pauses.iter().all(|pause| *pause >= BETWEEN / 10),
        "{pauses:?}"
    );
    assert_eq!(bench.files().len(), 4);
    assert!(bench.files()[0].starts_with("intel-pckcrl-platform-17914"));

    let second = bench.brought().await;
    assert_eq!(second.whole, Ok(whole()));
    assert_eq!(second.from(), vec![From::Disk; 4]);
    let offline = bench.brought_at(Reach::Offline, NOW).await;
    assert_eq!(offline.whole, Ok(whole()));
    assert_eq!(bench.server.asked().len(), 4);
}

#[tokio::test]
async fn what_was_replaced_or_is_too_old_is_asked_for_anew() {
    let bench = Bench::intel().await;
    assert!(bench.brought().await.whole.is_ok());
    // Older than asked for: all but the root's list, which is made once a year.
    let asked_after = |bench: &Bench| bench.server.asked().split_off(4);
    let late = bench.brought_at(bench.reach(), NOW + 30 * DAY).await;
    assert!(late.whole.is_ok());
    let anew = asked_after(&bench);
    assert_eq!(anew.len(), 3, "{anew:?}");
    assert!(anew.iter().all(|path| !path.contains("rootcacrl")));
    // The service has no newer ones: they are judged with, and not kept twice.
    assert_eq!(bench.files().len(), 4);
    let offline = bench.brought_at(Reach::Offline, NOW + 30 * DAY).await;
    assert!(offline.whole.unwrap_err().contains("--offline"));
    // And before its day nothing of it is there.
    let early = bench.brought_at(bench.reach(), NOW - 100 * DAY).await;
    let why = early.whole.unwrap_err();
    assert!(why.contains("from the future"), "{why}");
}

#[tokio::test]
async fn outages_of_intels_service_are_told_and_pass() {
    for (trouble, words) in [
        (Answer::Status(503, None), "503"),
        (Answer::Hang, "did not answer in time"),
        (Answer::Status(404, None), "404"),
        (Answer::Status(400, None), "400"),
        (Answer::Redirect("http://localhost:1/".to_owned()), "302"),
        (Answer::Cut(vec![b'{'; 100]), "broke off"),
        (Answer::Body(vec![b' '; intel::MOST + 1]), "more than"),
    ] {
        let bench = Bench::intel().await;
        let part = Item::Intel(Intels::QeIdentity);
        bench.serves(&part, &[trouble]);
        let why = bench.brought().await.whole.unwrap_err();
        assert!(why.contains(words), "{words}: {why}");
        // What came before it is kept, and with the next run it goes on.
        assert_eq!(bench.files().len(), 1);
        bench.serves(&part, &[answer(Intels::QeIdentity)]);
        let ended = bench.brought().await;
        assert_eq!(ended.whole, Ok(whole()), "{words}");
        assert_eq!(ended.from()[0], From::Disk);
    }
    // 429 is waited for as long as it asks.
    let bench = Bench::intel().await;
    let part = Intels::TcbInfo(platform().fmspc);
    bench.serves(
        &Item::Intel(part),
        &[Answer::Status(429, Some(1)), answer(part)],
    );
    assert_eq!(bench.brought().await.whole, Ok(whole()));
    assert!(
        bench.server.pauses()[0] >= 950,
        "{:?}",
        bench.server.pauses()
    );
}

#[tokio::test]
async fn what_is_not_by_intel_or_about_something_else_is_not_taken() {
    let [tcb_info, identity, root_list, list] = parts();
    let flip = |at: usize| {
        move |mut body: Vec<u8>| {
            body[at] ^= 1;
            body
        }
    };
    let half = |body: Vec<u8>| body[..body.len() / 2].to_vec();
    let chain_of = |part: Intels, other: Intels| match (answer(part), answer(other)) {
        (Answer::With(_, body), Answer::With(header, _)) => {
            let chain = header.split_once(": ").unwrap().1;
            Answer::With(format!("{}: {chain}", part.chain_header().unwrap()), body)
        }
        other => panic!("{other:?}"),
    };
    let body_of = |part| match answer(part) {
        Answer::With(_, body) | Answer::Body(body) => Answer::Body(body),
        other => panic!("{other:?}"),
    };
    for (part, wrong) in [
        (tcb_info, changed(tcb_info, flip(300))),
        (tcb_info, changed(tcb_info, half)),
        (tcb_info, changed(tcb_info, |_| Vec::new())),
        (tcb_info, body_of(tcb_info)),
        (tcb_info, chain_of(tcb_info, list)),
        (identity, changed(identity, flip(200))),
        (identity, answer(tcb_info)),
        (list, changed(list, flip(900))),
        (list, changed(list, half)),
        (list, body_of(list)),
        (list, chain_of(list, identity)),
        (root_list, changed(root_list, flip(90))),
        (root_list, changed(root_list, half)),
        (root_list, body_of(list)),
    ] {
        let bench = Bench::intel().await;
        bench.serves(&Item::Intel(part), std::slice::from_ref(&wrong));
        let why = bench.brought().await.whole.unwrap_err();
        assert!(
            why.contains("it sent what is not one"),
            "{part}, {wrong:?}: {why}"
        );
        let kept = bench.files();
        let name = format!("intel-{}", part.name());
        assert!(kept.iter().all(|file| !file.starts_with(&name)), "{kept:?}");
    }
    // Another platform's TCB info, another authority's list: signed, and not asked for.
    let verify = |part: Intels, of: Intels| {
        let Answer::With(header, body) = answer(of) else {
            panic!("no chain")
        };
        let chain = percent_encoding::percent_decode_str(header.split_once(": ").unwrap().1);
        let chain = Some(chain.decode_utf8().unwrap().into_owned());
        let kept = part.of_answer(crate::answer::Answer { body, chain });
        part.verify(&kept, Timestamp::from_secs(NOW)).map(|_| ())
    };
    assert_eq!(verify(tcb_info, tcb_info), Ok(()));
    assert_eq!(verify(list, list), Ok(()));
    let other = verify(Intels::TcbInfo([1; 6]), tcb_info);
    assert!(other.unwrap_err().contains("another kind of platform"));
    let processor = Intels::PckCrl(evidence::tdx::PckAuthority::Processor);
    let other = verify(processor, list);
    assert!(other.unwrap_err().contains("another kind of platform"));
}

#[tokio::test]
async fn a_mirrors_root_list_in_hex_is_the_same() {
    let bench = Bench::intel().await;
    let hexed = changed(Intels::RootCaCrl, |der| {
        format!("{}\n", hex::encode(der)).into_bytes()
    });
    bench.serves(&Item::Intel(Intels::RootCaCrl), &[hexed]);
    assert_eq!(bench.brought().await.whole, Ok(whole()));
}

#[tokio::test]
async fn a_bundle_for_a_quote_is_enough_where_there_is_no_network() {
    let bench = Bench::intel().await;
    let (bundle, elsewhere) = (
        bench.dir.with_extension("bundle"),
        bench.dir.join("elsewhere"),
    );
    let trust = Trust::built_in().unwrap();
    let listener = Ear::default();
    let at = |source, listener| Fetcher {
        listener,
        source,
        effort: Effort::Fetch,
        now: Timestamp::from_secs(NOW),
    };
    let source = Source::with_pace(Some(&bench.dir), bench.reach(), PACE);
    let mut gathering = Gathering::new(at(&source, &listener), &trust);
    gathering.for_platform(platform()).await.unwrap();
    gathering.for_platform(platform()).await.unwrap();
    assert_eq!(gathering.items().len(), 4);
    export(gathering.items(), &bundle).unwrap();

    let away = Source::with_pace(Some(&elsewhere), Reach::Offline, PACE);
    import(at(&away, &listener), &trust, &bundle).unwrap();
    let whole_there = brought(at(&away, &listener), &trust, platform(), 30 * DAY).await;
    assert_eq!(whole_there.map_err(|missing| missing.why), Ok(whole()));
    std::fs::remove_file(bundle).unwrap();
}

#[test]
fn intels_own_service_has_the_roots_list_elsewhere() {
    let server = |url: &str| Servers {
        amd: Address::new("https://a.example", relay::Plain::Refused).unwrap(),
        intel: Some(Address::new(url, relay::Plain::Refused).unwrap()),
    };
    let place = |url: &str, part| {
        let place = server(url).place(&Item::Intel(part)).unwrap();
        (place.server, place.url)
    };
    let (host, url) = place(intel::DEFAULT, Intels::RootCaCrl);
    assert_eq!(host, "certificates.trustedservices.intel.com");
    assert_eq!(url, intel::ROOT_CA_CRL);
    let (host, url) = place(intel::DEFAULT, Intels::QeIdentity);
    assert_eq!(host, "api.trustedservices.intel.com");
    let identity = "https://api.trustedservices.intel.com/tdx/certification/v4/qe/identity";
    assert_eq!(url, identity);
    let (_, url) = place("https://pccs.example:8081/", Intels::RootCaCrl);
    assert_eq!(
        url,
        "https://pccs.example:8081/sgx/certification/v4/rootcacrl"
    );
}

#[test]
fn a_part_is_called_by_one_name() {
    for part in parts() {
        assert_eq!(Intels::parse(&part.name()), Some(part));
    }
    for wrong in [
        "",
        "tcbinfo",
        "tcbinfo-B0C06F000000",
        "tcbinfo-b0",
        "pckcrl-root",
        "qeidentity-x",
        "rootcacrl-",
    ] {
        assert_eq!(Intels::parse(wrong), None, "{wrong}");
    }
}
