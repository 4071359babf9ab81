//! Fetching against a stand-in of the key server. The vendor is SIMULATED:
//! `judged` would fetch nothing for it, and neither would an export, so these
//! tests stand behind that gate (`subject.rs`), which has a test of its own.

mod bundles;
mod chain;
mod fetched;
#[cfg(feature = "tdx")]
mod intel;
#[path = "../tests/stand_in/key_server.rs"]
mod key_server;
mod lists;
mod outages;
mod wrong;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use evidence::{Evidence, Generation};
use job::{Digest, Simulated, Size, Timestamp, Trust};
use relay::Plain;
use simvendor::{Chip, ChipSpec, Fields, Provider, Vendor};

use super::fetch::Fetcher;
use super::item::{Item, Signer};
use super::server::{Address, Pace, Servers};
use super::source::{Effort, Reach, Source};
use super::subject::Subject;
use super::supply::Judgement;
use super::supply::Supply;
use super::told::{From, Listen, Told};
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
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_secs(since.as_secs())
}

/// Everybody who signs.
struct World {
    vendor: Vendor,
    chip: Chip,
    provider: Provider,
    /// The provider's key, lent to a chip.
    vlek: Chip,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        relay::install_crypto_provider();
        let (genoa, now) = (simvendor::Generation::Genoa, now().as_secs());
        let vendor = Vendor::generate(genoa, now).unwrap();
        let provider = vendor.provider(now).unwrap();
        World {
            chip: vendor.chip(&ChipSpec::new(genoa, now)).unwrap(),
            vlek: provider.vlek(&ChipSpec::vlek(genoa, now)).unwrap(),
            vendor,
            provider,
        }
    })
}

/// A trust file with the simulated root, and a revocation list this many days old.
pub(crate) fn trust(list: Option<u64>) -> Trust {
    let list = list.map_or_else(String::new, |days| {
        let list = BASE64.encode(made(days));
        format!(
            "[[revocation_lists]]\ngeneration = \"genoa\"\nlist = \"{list}\"\nsource = \"test\"\n"
        )
    });
    trust_with(&list)
}

/// A trust file with the simulated root and these entries.
fn trust_with(entries: &str) -> Trust {
    trust_file("revocation_max_age_days = 30\n", entries)
}

/// A trust file without a limit on the age of lists.
fn unlimited() -> Trust {
    trust_file("", "")
}

fn trust_file(limit: &str, entries: &str) -> Trust {
    let vendor = &world().vendor;
    let dates = "source = \"test\"\nfrom = 2020-01-01T00:00:00Z\nuntil = 2100-01-01T00:00:00Z";
    let text = format!(
        "version = 1\n{limit}[[roots]]\nclass = \"simulated\"\n\
         generation = \"genoa\"\nark = \"{}\"\nask = \"{}\"\nsource = \"test\"\n{entries}\
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
    let at = now().as_secs() - days * DAY - 60;
    world().vendor.revocation_list(at, &[]).unwrap()
}

/// Certificates as the key server sends several.
fn pem(ders: &[&[u8]]) -> Vec<u8> {
    let pem = |der: &&[u8]| {
        let text = BASE64.encode(der);
        let lines: Vec<&[u8]> = text.as_bytes().chunks(64).collect();
        let text = String::from_utf8(lines.join(&b'\n')).unwrap();
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    };
    ders.iter().map(pem).collect::<String>().into_bytes()
}

/// Evidence by a chip's own key, which brought no certificate.
pub(crate) fn by_chip() -> Evidence {
    let chip = &world().chip;
    Evidence {
        report: Fields::new(chip).sign(chip).unwrap(),
        certificate: Vec::new(),
    }
}

/// Evidence by a provider's key, with its certificate: nobody else has it. The
/// chip is hidden.
fn by_provider(vlek: &Chip) -> Evidence {
    let fields = Fields {
        chip_id: [0; 64],
        ..Fields::new(vlek)
    };
    Evidence {
        report: fields.sign(vlek).unwrap(),
        certificate: vlek.certificate().to_vec(),
    }
}

fn key() -> Item {
    Subject::of(&by_chip().report).unwrap().key().unwrap()
}

const LIST: Item = Item::List(Generation::Genoa, Signer::Vcek);
const CHAIN: Item = Item::Chain(Generation::Genoa, Signer::Vcek);
const VLEK_LIST: Item = Item::List(Generation::Genoa, Signer::Vlek);
const VLEK_CHAIN: Item = Item::Chain(Generation::Genoa, Signer::Vlek);

/// One server for all.
fn servers(url: &str) -> Reach {
    let address = Address::new(url, Plain::Allowed).unwrap();
    Reach::Servers(Servers {
        #[cfg(feature = "tdx")]
        intel: Some(address.clone()),
        amd: address,
    })
}

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
    told: Vec<Told>,
}

/// Remembers what it was told.
#[derive(Default)]
struct Ear(RefCell<Vec<Told>>);

impl Listen for Ear {
    fn hear(&self, told: Told) {
        self.0.borrow_mut().push(told);
    }
}

impl Ear {
    fn told(&self) -> Vec<Told> {
        self.0.take()
    }
}

impl Bench {
    /// With a server that has all that is needed.
    async fn new() -> Self {
        let bench = Self::around(KeyServer::start().await);
        let World {
            vendor,
            chip,
            provider,
            vlek: _,
        } = world();
        for (item, body) in [
            (key(), chip.certificate().to_vec()),
            (LIST, made(1)),
            (CHAIN, pem(&[vendor.ask(), vendor.ark()])),
            (VLEK_LIST, made(1)),
            (VLEK_CHAIN, pem(&[provider.asvk(), vendor.ark()])),
        ] {
            bench.serves(&item, &[Answer::Body(body)]);
        }
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
        servers(&self.server.url)
    }

    /// Its name, as people see it.
    fn from(&self) -> From {
        From::Server(self.server.url.trim_start_matches("http://").to_owned())
    }

    async fn run(&self) -> Ended {
        self.run_of(&by_chip()).await
    }

    async fn run_of(&self, evidence: &Evidence) -> Ended {
        let reach = self.reach();
        run(&self.dir, reach, Effort::Fetch, &trust(None), evidence).await
    }

    async fn run_with(&self, trust: &Trust) -> Ended {
        run(&self.dir, self.reach(), Effort::Fetch, trust, &by_chip()).await
    }

    async fn offline(&self) -> Ended {
        self.offline_of(&by_chip()).await
    }

    async fn offline_of(&self, evidence: &Evidence) -> Ended {
        offline(&self.dir, evidence).await
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

async fn offline(dir: &Path, evidence: &Evidence) -> Ended {
    run(dir, Reach::Offline, Effort::Fetch, &trust(None), evidence).await
}

async fn run(dir: &Path, reach: Reach, effort: Effort, trust: &Trust, shown: &Evidence) -> Ended {
    let source = Source::with_pace(Some(dir), reach, PACE);
    let (listener, now) = (Ear::default(), now());
    let fetcher = Fetcher {
        listener: &listener,
        source: &source,
        effort,
        now,
    };
    let subject = Subject::of(&shown.report).unwrap();
    let supply = Supply::new(fetcher, subject, shown.certificate.clone(), trust);
    let judge = |certificate: &[u8], trust: &Trust| {
        let evidence = Evidence {
            report: shown.report.clone(),
            certificate: certificate.to_vec(),
        };
        let host_data = Digest::from_bytes([0; 32]);
        let expected = trust.expected_of_machine(Size::Any, host_data, [0; 64], now);
        let (checks, accepted) = match evidence::verify(&evidence, &expected, now) {
            Ok(verified) => (verified.checks().to_vec(), true),
            Err(rejection) => (rejection.checks, false),
        };
        Judgement::new(&checks.clone(), !accepted, (checks, accepted))
    };
    let judged = supply.judged(judge).await;
    let (checks, accepted) = judged.result;
    Ended {
        accepted,
        check: checks.last().unwrap().name.to_string(),
        advice: judged
            .missing
            .map_or_else(String::new, |missing| missing.next),
        told: listener.told(),
    }
}

impl Ended {
    /// Why something is missing.
    fn missing(&self) -> &str {
        let why = self.told.iter().find_map(|news| match news {
            Told::Missing(missing) => Some(missing.why.as_str()),
            _ => None,
        });
        why.unwrap_or_else(|| panic!("nothing is missing: {:#?}", self.told))
    }

    /// Where each used item came from.
    fn used(&self) -> Vec<(Item, From)> {
        used(&self.told)
    }

    fn waited(&self, word: &str) -> bool {
        self.told
            .iter()
            .any(|news| matches!(news, Told::Waiting { why, .. } if why.contains(word)))
    }

    fn refused(&self, check: &str, why: &str) {
        self.ends_at(check);
        assert!(
            self.missing().contains(why),
            "{why:?} in {}",
            self.missing()
        );
        assert!(!self.advice.is_empty());
    }

    /// Refused by this check.
    fn ends_at(&self, check: &str) {
        let ended = (self.accepted, self.check.as_str());
        assert_eq!(ended, (false, check), "{:#?}", self.told);
    }
}

fn used(told: &[Told]) -> Vec<(Item, From)> {
    let used = told.iter().filter_map(|news| match news {
        Told::Used(used) => Some((used.item.clone(), used.from.clone())),
        _ => None,
    });
    used.collect()
}
