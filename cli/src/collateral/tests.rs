//! Fetching against a stand-in of the key server, with its outages. The vendor is
//! SIMULATED: `judged` would fetch nothing for it, so these tests stand behind
//! that gate, which has a test of its own.

#[path = "../../tests/stories/key_server.rs"]
mod key_server;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use evidence::{Evidence, Generation, Report};
use job::{Digest, Simulated, Size, Timestamp, Trust};
use relay::Plain;
use simvendor::{Chip, ChipSpec, Fields, Vendor};

use super::item::{Item, Signer};
use super::server::{Address, Pace};
use super::{Collateral, Effort, From, Reach, Supply, list_date, subject};
use crate::news::News;
use crate::tell::Teller;
use crate::verdict::{Finding, Mark, Verdict};
use key_server::{Answer, KeyServer};

const DAY: u64 = 86_400;

/// Milliseconds between requests, less what a busy machine takes to send one.
const BETWEEN: u128 = 150;

/// As the vendor's, fifty times as fast.
const PACE: Pace = Pace {
    between: Duration::from_millis(200),
    connect: Duration::from_secs(5),
    request: Duration::from_millis(1500),
    tries: 3,
    patience: Duration::from_secs(20),
};

fn now() -> Timestamp {
    crate::clock::now()
}

fn machine() -> &'static (Vendor, Chip) {
    static MACHINE: OnceLock<(Vendor, Chip)> = OnceLock::new();
    MACHINE.get_or_init(|| {
        relay::install_crypto_provider();
        let now = now().as_secs();
        let vendor = Vendor::generate(simvendor::Generation::Genoa, now).unwrap();
        let spec = ChipSpec::new(simvendor::Generation::Genoa, now);
        let chip = vendor.chip(&spec).unwrap();
        (vendor, chip)
    })
}

/// A trust file with the simulated root, and a revocation list this many days old.
fn trust(list: Option<u64>) -> Trust {
    let (vendor, _) = machine();
    let dates = "source = \"test\"\nfrom = 2020-01-01T00:00:00Z\nuntil = 2100-01-01T00:00:00Z";
    let list = list.map_or_else(String::new, |days| {
        let list = BASE64.encode(made(days));
        format!(
            "[[revocation_lists]]\ngeneration = \"genoa\"\nlist = \"{list}\"\nsource = \"test\"\n"
        )
    });
    let text = format!(
        "version = 1\nrevocation_max_age_days = 30\n[[roots]]\nclass = \"simulated\"\n\
         generation = \"genoa\"\nark = \"{}\"\nask = \"{}\"\nsource = \"test\"\n{list}\
         [[tcb_floors]]\ngeneration = \"genoa\"\n\
         lowest = {{fmc=0, bootloader=4, tee=0, snp=22, microcode=213}}\n{dates}\n\
         [[guests]]\nname = \"guest\"\nvcpus = 2\nmeasurement = \"{}\"\n{dates}\n",
        BASE64.encode(vendor.ark()),
        BASE64.encode(vendor.ask()),
        "00".repeat(48),
    );
    Trust::parse(&text, Simulated::Accepted).unwrap()
}

/// A revocation list of so many days ago.
fn made(days: u64) -> Vec<u8> {
    let (vendor, _) = machine();
    let at = now().as_secs() - days * DAY - 60;
    vendor.revocation_list(at, &[]).unwrap()
}

fn report() -> Vec<u8> {
    let (_, chip) = machine();
    Fields::new(chip).sign(chip).unwrap()
}

fn key() -> Item {
    Item::key_of(&Report::parse(&report()).unwrap(), Generation::Genoa).unwrap()
}

const LIST: Item = Item::List(Generation::Genoa, Signer::Vcek);

/// A directory, a key server, and runs of the program on them.
struct Bench {
    dir: PathBuf,
    server: KeyServer,
}

/// How one run ended.
struct Ended {
    accepted: bool,
    /// Name of the last check.
    check: String,
    advice: String,
    told: Vec<News>,
}

impl Bench {
    /// With a server that has all that is needed.
    async fn new() -> Self {
        let bench = Self::around(KeyServer::start().await);
        let (_, chip) = machine();
        bench.serves(&key(), &[Answer::Body(chip.certificate().to_vec())]);
        bench.serves(&LIST, &[Answer::Body(made(1))]);
        bench
    }

    fn around(server: KeyServer) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("cdvm-collateral-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&dir);
        Self { dir, server }
    }

    fn serves(&self, item: &Item, answers: &[Answer]) {
        self.server.answers(&item.path(), answers);
    }

    fn reach(&self) -> Reach {
        Reach::Server(Address::new(&self.server.url, Plain::Allowed).unwrap())
    }

    async fn run(&self) -> Ended {
        run(&self.dir, self.reach(), Effort::Fetch, &trust(None)).await
    }

    async fn run_with(&self, trust: &Trust) -> Ended {
        run(&self.dir, self.reach(), Effort::Fetch, trust).await
    }

    async fn offline(&self) -> Ended {
        run(&self.dir, Reach::Offline, Effort::Fetch, &trust(None)).await
    }

    fn files(&self) -> Vec<String> {
        let files = std::fs::read_dir(&self.dir).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names
            .filter(|name| name != "lock" && name != "turns.json")
            .collect();
        names.sort();
        names
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

async fn run(dir: &Path, reach: Reach, effort: Effort, trust: &Trust) -> Ended {
    let collateral = Collateral::with_pace(Some(dir), reach, PACE);
    let (teller, now) = (Teller::remembering(), now());
    let bytes = report();
    let report = Report::parse(&bytes).unwrap();
    let supply = Supply {
        teller: &teller,
        collateral: &collateral,
        effort,
        trust: collateral.stock(trust, &report, Generation::Genoa, now),
        own_list: list_date(trust, Generation::Genoa),
        list: From::Disk,
        report,
        generation: Generation::Genoa,
        certificate: Vec::new(),
        now,
    };
    let judge = |certificate: &[u8], trust: &Trust| {
        let evidence = Evidence {
            report: bytes.clone(),
            certificate: certificate.to_vec(),
        };
        let host_data = Digest::from_bytes([0; 32]);
        let expected = trust.expected_of_machine(Size::Any, host_data, [0; 64], now);
        let (checks, finding) = match evidence::verify(&evidence, &expected, now) {
            Ok(verified) => (verified.checks().to_vec(), Finding::Accepted),
            Err(rejection) => {
                let finding = Finding::Refused {
                    meaning: String::new(),
                    advice: String::new(),
                    source: String::new(),
                };
                (rejection.checks, finding)
            }
        };
        let verdict = Verdict {
            key: None,
            mark: Mark::Simulated,
            checks,
            finding,
        };
        (verdict, ())
    };
    let (verdict, (), _) = supply.judged(judge).await;
    let (accepted, advice) = match verdict.finding {
        Finding::Accepted => (true, String::new()),
        Finding::Refused { advice, .. } => (false, advice),
    };
    Ended {
        accepted,
        check: verdict.checks.last().unwrap().name.to_string(),
        advice,
        told: teller.told.take(),
    }
}

impl Ended {
    /// Why something is missing.
    fn missing(&self) -> &str {
        let why = self.told.iter().find_map(|news| match news {
            News::Missing(missing) => Some(missing.why.as_str()),
            _ => None,
        });
        why.unwrap_or_else(|| panic!("nothing is missing: {:#?}", self.told))
    }

    /// Where each used item came from.
    fn used(&self) -> Vec<(Item, From)> {
        let used = self.told.iter().filter_map(|news| match news {
            News::Collateral(used) => Some((used.item.clone(), used.from.clone())),
            _ => None,
        });
        used.collect()
    }

    fn waited(&self, word: &str) -> bool {
        self.told
            .iter()
            .any(|news| matches!(news, News::Waiting { why, .. } if why.contains(word)))
    }

    fn refused(&self, check: &str, why: &str) {
        assert!(!self.accepted);
        assert_eq!(self.check, check, "{:#?}", self.told);
        assert!(
            self.missing().contains(why),
            "{why:?} in {}",
            self.missing()
        );
        assert!(!self.advice.is_empty());
    }
}

#[tokio::test]
async fn what_is_missing_is_fetched_once_kept_and_verified_again() {
    let bench = Bench::new().await;
    let ended = bench.run().await;
    assert!(ended.accepted, "{:#?}", ended.told);
    let paths = [key(), LIST].map(|item| format!("/{}", item.path()));
    assert_eq!(bench.server.asked(), paths);
    let server = From::Server(bench.server.url.trim_start_matches("http://").to_owned());
    assert_eq!(ended.used(), [(key(), server.clone()), (LIST, server)]);
    let pauses = bench.server.pauses();
    assert!(pauses[0] >= BETWEEN, "{pauses:?}");

    // From now on without the server, and without a network.
    let ended = bench.offline().await;
    assert!(ended.accepted);
    assert_eq!(ended.used(), [(key(), From::Disk), (LIST, From::Disk)]);
    assert!(bench.run().await.accepted);
    assert_eq!(bench.server.asked().len(), 2);
}

#[tokio::test]
async fn too_many_requests_are_answered_by_waiting_as_long_as_asked() {
    let bench = Bench::new().await;
    let (_, chip) = machine();
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
    let (_, chip) = machine();
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
            Answer::Body(machine().1.certificate().to_vec()),
        ],
    );
    assert!(bench.run().await.accepted);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_for_again_and_never_used() {
    let bench = Bench::new().await;
    let (_, chip) = machine();
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
async fn a_certificate_of_another_chip_tcb_or_vendor_is_neither_used_nor_kept() {
    let bench = Bench::new().await;
    let (vendor, chip) = machine();
    let spec = chip.spec();
    let mut other_chip = ChipSpec { ..spec.clone() };
    other_chip.chip_id[0] ^= 1;
    let mut other_tcb = spec.clone();
    other_tcb.tcb[3] += 1;
    let mut late = spec.clone();
    late.validity.0 = now().as_secs() + DAY;
    let other_vendor = Vendor::generate(simvendor::Generation::Genoa, now().as_secs()).unwrap();
    for wrong in [
        vendor.chip(&other_chip).unwrap(),
        vendor.chip(&late).unwrap(),
        other_vendor.chip(spec).unwrap(),
    ] {
        bench.serves(&key(), &[Answer::Body(wrong.certificate().to_vec())]);
        bench.run().await.refused("signing key", "not one");
        assert!(bench.files().is_empty());
    }
    // The vendor's word about this chip, and another key: one of the two is not
    // genuine, and the certificate is not kept.
    for wrong in [vendor.chip(&other_tcb).unwrap(), vendor.chip(spec).unwrap()] {
        bench.serves(&key(), &[Answer::Body(wrong.certificate().to_vec())]);
        let ended = bench.run_with(&trust(Some(1))).await;
        assert_eq!((ended.accepted, ended.check.as_str()), (false, "signature"));
        assert!(bench.files().is_empty());
    }
}

#[tokio::test]
async fn a_list_that_is_too_old_stays_a_refusal_and_says_whose_fault_it_is() {
    let bench = Bench::new().await;
    bench.serves(&LIST, &[Answer::Body(made(40))]);
    let ended = bench.run().await;
    ended.refused("revocation list", "40 days old");
    assert!(ended.advice.contains("revocation_max_age_days"));
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
async fn an_older_list_never_takes_the_place_of_a_newer() {
    let bench = Bench::new().await;
    let (vendor, _) = machine();
    let revoked = vendor
        .revocation_list(now().as_secs() - DAY, &[vendor.ask_serial()])
        .unwrap();
    bench.serves(&LIST, &[Answer::Body(revoked)]);
    let ended = bench.run().await;
    assert_eq!(
        (ended.accepted, ended.check.as_str()),
        (false, "not revoked")
    );
    // A mirror that wants it forgotten is not even asked, and has no say.
    bench.serves(&LIST, &[Answer::Body(made(20))]);
    let ended = bench.run_with(&trust(Some(20))).await;
    assert_eq!(
        (ended.accepted, ended.check.as_str()),
        (false, "not revoked")
    );
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
    let (_, chip) = machine();
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
    let nobody = Reach::Server(Address::new("http://localhost:1", Plain::Allowed).unwrap());
    let ended = run(&bench.dir, nobody, Effort::Fetch, &trust(None)).await;
    ended.refused("signing key", "no connection");
    assert!(ended.advice.contains("import"));
}

#[tokio::test]
async fn offline_nothing_is_asked_and_it_says_how_to_bring_it() {
    let bench = Bench::new().await;
    let ended = bench.offline().await;
    ended.refused("signing key", "--offline");
    for word in ["cdvm collateral export", "cdvm collateral import"] {
        assert!(ended.advice.contains(word), "{}", ended.advice);
    }
    assert!(bench.server.asked().is_empty() && !bench.dir.exists());
}

#[tokio::test]
async fn the_disk_is_believed_no_more_than_the_server() {
    let bench = Bench::new().await;
    assert!(bench.run().await.accepted);
    let files = bench.files();
    assert_eq!(files.len(), 2, "{files:?}");
    for file in &files {
        let path = bench.dir.join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[300] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
    let ended = bench.offline().await;
    ended.refused("signing key", "--offline");
    // What was damaged is fetched again.
    assert!(bench.run().await.accepted);
    assert_eq!(bench.server.asked().len(), 4);
    assert!(bench.offline().await.accepted);
}

#[tokio::test]
async fn two_runs_at_once_take_turns_and_ask_once() {
    let bench = Bench::new().await;
    let (one, two) = tokio::join!(bench.run(), bench.run());
    assert!(one.accepted && two.accepted);
    assert_eq!(bench.server.asked().len(), 2, "{:?}", bench.server.asked());
    // People see why it takes time.
    assert!(one.waited("one request in") || two.waited("one request in"));
}

#[tokio::test]
async fn for_other_machines_nothing_is_asked_or_said() {
    let bench = Bench::new().await;
    let ended = run(&bench.dir, bench.reach(), Effort::Disk, &trust(None)).await;
    assert!(!ended.accepted && ended.told.is_empty());
    assert!(bench.server.asked().is_empty());
    assert!(bench.run().await.accepted);
    let ended = run(&bench.dir, bench.reach(), Effort::Disk, &trust(None)).await;
    assert!(ended.accepted && ended.told.is_empty());
}

#[tokio::test]
async fn other_machines_cannot_make_this_one_ask_without_end() {
    let bench = Bench::new().await;
    let collateral = Collateral::with_pace(Some(&bench.dir), bench.reach(), PACE);
    let item = |chip: u8| Item::Key {
        generation: Generation::Genoa,
        chip: vec![chip; 64],
        tcb: match key() {
            Item::Key { tcb, .. } => tcb,
            _ => panic!("not a key"),
        },
    };
    let may = |chip| collateral.may_ask(&item(chip));
    assert_eq!(
        [may(1), may(1), may(2), may(3), may(4), may(5)],
        [true, false, true, true, true, false]
    );
    assert!(collateral.may_ask(&LIST) && !collateral.may_ask(&LIST));
}

#[test]
fn nothing_is_asked_for_under_a_simulated_root() {
    assert!(subject(&report(), &trust(None)).is_none());
    let vendors = Trust::built_in().unwrap();
    assert!(subject(&report(), &vendors).is_some());
    assert!(subject(b"no report", &vendors).is_none());
}
