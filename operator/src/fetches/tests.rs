//! Fetching against a stand-in of the key server. The vendor is SIMULATED, and nothing
//! is fetched for it: but for the test of that gate, these stand behind it.

#[path = "../../../collateral/tests/stand_in/key_server.rs"]
mod key_server;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use collateral::server::{Address, Servers};
use collateral::subject::Subject;
use collateral::supply::Judgement;
use job::{Digest, JobId, PublicKey, Simulated, Size, Trust, Verdict};
use relay::Plain;
use simvendor::{Chip, ChipSpec, Fields, Generation, Vendor};
use tokio::sync::{Notify, mpsc};

use super::{Brought, Claim, Fetches, MAX_CLAIMS};
use crate::clock::now;
use key_server::{Answer, KeyServer};

/// Longest wait for what is to come: a request on this machine takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

fn claim(author: u8) -> Claim {
    (
        JobId::from_bytes([7; 32]),
        PublicKey::from_bytes([author; 32]),
    )
}

struct World {
    vendor: Vendor,
    chip: Chip,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        relay::install_crypto_provider();
        let (genoa, now) = (Generation::Genoa, now().as_secs());
        let vendor = Vendor::generate(genoa, now).unwrap();
        let chip = vendor.chip(&ChipSpec::new(genoa, now)).unwrap();
        World { vendor, chip }
    })
}

/// With the simulated root and a list: what is lacking is the certificate alone.
fn trust() -> Trust {
    let vendor = &world().vendor;
    let made_at = now().as_secs() - 60;
    let list = vendor.revocation_list(made_at, &[]).unwrap();
    let dates = "source = \"test\"\nfrom = 2020-01-01T00:00:00Z\nuntil = 2100-01-01T00:00:00Z";
    let text = format!(
        "version = 1\n[[roots]]\nclass = \"simulated\"\ngeneration = \"genoa\"\nark = \"{}\"\n\
         ask = \"{}\"\nsource = \"test\"\n[[revocation_lists]]\ngeneration = \"genoa\"\n\
         list = \"{}\"\nsource = \"test\"\n[[tcb_floors]]\ngeneration = \"genoa\"\n\
         lowest = {{fmc=0, bootloader=4, tee=0, snp=22, microcode=213}}\n{dates}\n\
         [[guests]]\nname = \"guest\"\nvcpus = 2\nmeasurement = \"{}\"\n{dates}\n",
        BASE64.encode(vendor.ark()),
        BASE64.encode(vendor.ask()),
        BASE64.encode(list),
        "00".repeat(48),
    );
    Trust::parse(&text, Simulated::Accepted).unwrap()
}

fn report() -> Vec<u8> {
    let chip = &world().chip;
    Fields::new(chip).sign(chip).unwrap()
}

/// Where the key server has the certificate of the chip's key.
fn place() -> String {
    Subject::of(&report()).unwrap().key().unwrap().path()
}

/// As a round judges, for a machine of anybody's.
fn judge(
    report: Vec<u8>,
    author: PublicKey,
) -> impl Fn(&[u8], &Trust) -> Judgement<Verdict> + Send + Sync + 'static {
    move |certificate, trust| {
        let evidence = evidence::Evidence {
            report: report.clone(),
            certificate: certificate.to_vec(),
        };
        let (at, any) = (now(), Digest::from_bytes([0; 32]));
        let expected = trust.expected_of_machine(Size::Any, any, [0; 64], at);
        match evidence::verify(&evidence, &expected, at) {
            Ok(verified) => {
                let accepted = Verdict::Accepted {
                    key: author,
                    simulated: true,
                };
                Judgement::new(verified.checks(), false, accepted)
            }
            Err(rejection) => {
                let check = rejection.checks.last().unwrap().name.to_string();
                Judgement::new(&rejection.checks, true, Verdict::Refused { check })
            }
        }
    }
}

/// A key server, a place to keep things, and fetches between them.
struct Bench {
    server: KeyServer,
    dir: PathBuf,
    fetches: Fetches,
    woken: mpsc::Receiver<JobId>,
}

impl Bench {
    async fn new(answer: Answer) -> Self {
        Self::behind(|report, _| Subject::of(report), answer).await
    }

    async fn behind(gate: super::Gate, answer: Answer) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("cdvm-fetches-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let _ = world();
        let server = KeyServer::start().await;
        server.answers(&place(), &[answer]);
        let (wake, woken) = mpsc::channel(16);
        let servers = Servers::of_amd(Address::new(&server.url, Plain::Allowed).unwrap());
        let fetches = Fetches::behind(gate, dir.clone(), servers, wake);
        Self {
            server,
            dir,
            fetches,
            woken,
        }
    }

    async fn round(&self, author: u8, report: Vec<u8>) -> Verdict {
        let claim = claim(author);
        let brought = Brought {
            report: report.clone(),
            certificate: Vec::new(),
        };
        let judge = judge(report, claim.1);
        self.fetches.judge(claim, brought, &trust(), judge).await
    }

    async fn woken(&mut self) {
        let woken = tokio::time::timeout(PATIENCE, self.woken.recv()).await;
        assert_eq!(woken.unwrap(), Some(claim(0).0));
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn accepted(author: u8) -> Verdict {
    Verdict::Accepted {
        key: claim(author).1,
        simulated: true,
    }
}

fn why(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Lacking { why } => why,
        other => panic!("{other:?}"),
    }
}

fn certificate() -> Vec<u8> {
    world().chip.certificate().to_vec()
}

#[tokio::test]
async fn a_slow_key_server_holds_up_no_round_and_the_machine_is_attested_later() {
    let said = Arc::new(Notify::new());
    let mut bench = Bench::new(Answer::When(Arc::clone(&said), certificate())).await;
    // Rounds go on while nothing comes, and one request is under way.
    for _ in 0..3 {
        let verdict = bench.round(1, report()).await;
        assert!(why(&verdict).contains("key certificate of Genoa chip"));
        assert!(why(&verdict).contains("being fetched"));
    }
    said.notify_one();
    bench.woken().await;
    assert_eq!(bench.round(1, report()).await, accepted(1));
    assert_eq!(bench.server.asked().len(), 1);
    // The next machine of this chip finds it here.
    assert_eq!(bench.round(2, report()).await, accepted(2));
    assert_eq!(bench.server.asked().len(), 1);
}

#[tokio::test]
async fn what_is_not_to_be_had_is_said_and_not_asked_for_in_every_round() {
    let mut bench = Bench::new(Answer::Status(404, None)).await;
    why(&bench.round(1, report()).await);
    bench.woken().await;
    for _ in 0..3 {
        let verdict = bench.round(1, report()).await;
        assert!(why(&verdict).contains("404"), "{verdict:?}");
    }
    assert_eq!(bench.server.asked().len(), 1);
    // Who is gone is forgotten, and asks anew.
    bench.fetches.forget(claim(1).0);
    assert!(why(&bench.round(1, report()).await).contains("being fetched"));
}

#[tokio::test]
async fn a_report_that_is_not_genuine_is_refused_once_its_certificate_is_here() {
    let mut bench = Bench::new(Answer::Body(certificate())).await;
    let mut forged = report();
    // GUEST_SVN: nothing but the signature speaks against it (AMD 56860, table 23).
    forged[4] ^= 1;
    why(&bench.round(1, forged.clone()).await);
    bench.woken().await;
    let refused = bench.round(1, forged).await;
    assert!(matches!(refused, Verdict::Refused { .. }), "{refused:?}");
}

#[tokio::test]
async fn who_makes_many_claims_makes_few_requests() {
    let bench = Bench::new(Answer::Hang).await;
    for author in 0..10 {
        let verdict = bench.round(author, report()).await;
        let fetched = why(&verdict).contains("being fetched");
        assert_eq!(fetched, usize::from(author) < MAX_CLAIMS, "{verdict:?}");
    }
}

#[tokio::test]
async fn nothing_is_fetched_under_a_simulated_root() {
    let bench = Bench::behind(Subject::of_hardware, Answer::Body(certificate())).await;
    let refused = bench.round(1, report()).await;
    assert!(matches!(refused, Verdict::Refused { .. }), "{refused:?}");
    assert!(bench.server.asked().is_empty());
}
