//! One customer's world: a relay, a directory, an offer, and the built program.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use dvm::Keys;
use job::{Event, OfferContent, PublicKey, Terms, Timestamp};
use nostr_relay_builder::{LocalRelay, RelayBuilder};
use relay::{Filter, Plain, Relays};
use serde_json::Value;
use simvendor::{Chip, ChipSpec, Generation, Vendor};
use tokio::process::{Child, Command};

pub(crate) const SIMULATED: &str = "--accept-simulated-evidence-nothing-is-confidential";

/// A simulated vendor and chip, once per test run: its keys take a while.
pub(crate) fn machine() -> &'static (Vendor, Chip) {
    static MACHINE: OnceLock<(Vendor, Chip)> = OnceLock::new();
    MACHINE.get_or_init(|| {
        let now = now().as_secs();
        let vendor = Vendor::generate(Generation::Genoa, now).unwrap();
        let chip = vendor.chip(&ChipSpec::new(Generation::Genoa, now)).unwrap();
        (vendor, chip)
    })
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_secs(since.as_secs())
}

pub(crate) fn agent() -> job::ImageRef {
    let digest = "77".repeat(32);
    format!("registry.example/agent@sha256:{digest}")
        .parse()
        .unwrap()
}

pub(crate) fn terms(blob_servers: &[String]) -> Terms {
    serde_json::from_value(serde_json::json!({
        "workload": {
            "image": format!("registry.example/analyse@sha256:{}", "91".repeat(32)),
            "imageEnv": [], "argv": ["/analyse"], "env": [],
        },
        "params": [
            {"name": "delimiter", "required": false, "values": [",", ";"]},
            {"name": "token", "required": false, "values": []},
        ],
        "input": {"maxBytes": 1_000_000, "waitSeconds": 60, "chat": false},
        "output": {"from": "stdout", "maxBytes": 1_000_000},
        "network": {"allow": []}, "secrets": [],
        "resources": {"vcpus": 2, "memoryMiB": 3072},
        "timeoutSeconds": 60, "blobServers": blob_servers, "kbs": null,
    }))
    .unwrap()
}

/// A trust file for the simulated machine; `roots` is empty for the vendor's.
pub(crate) fn trust(roots: &str) -> String {
    let (vendor, _) = machine();
    let dates = "source = \"test\"\nfrom = 2020-01-01T00:00:00Z\nuntil = 2100-01-01T00:00:00Z";
    let list = if roots.is_empty() {
        String::new()
    } else {
        let list = vendor.revocation_list(now().as_secs() - 60, &[]).unwrap();
        let list = BASE64.encode(list);
        format!(
            "[[revocation_lists]]\ngeneration = \"genoa\"\nlist = \"{list}\"\nsource = \"test\"\n"
        )
    };
    format!(
        "version = 1\nrevocation_max_age_days = 30\n{roots}{list}\
         [[tcb_floors]]\ngeneration = \"genoa\"\n\
         lowest = {{fmc=0, bootloader=4, tee=0, snp=22, microcode=213}}\n{dates}\n\
         [[guests]]\nname = \"simulated guest\"\nvcpus = 2\nmeasurement = \"{}\"\n{dates}\n\
         [[policies]]\nsha256 = \"{}\"\n{dates}\n\
         [[agents]]\nname = \"0.1.0\"\nimage = \"{}\"\n{dates}\n",
        hex::encode(simvendor::measurement(2, "")),
        job::policy_digest(),
        agent(),
    )
}

pub(crate) fn simulated_root() -> String {
    let (vendor, _) = machine();
    format!(
        "[[roots]]\nclass = \"simulated\"\ngeneration = \"genoa\"\nark = \"{}\"\nask = \"{}\"\nsource = \"test\"\n",
        BASE64.encode(vendor.ark()),
        BASE64.encode(vendor.ask()),
    )
}

/// A relay, an offer on it, and a directory for a customer.
pub(crate) struct World {
    _relay: LocalRelay,
    pub(crate) url: String,
    pub(crate) dir: PathBuf,
    pub(crate) provider: Keys,
    pub(crate) offer: Event,
    pub(crate) terms: Terms,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_blob_servers(&[]).await
    }

    pub(crate) async fn with_blob_servers(servers: &[String]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        relay::install_crypto_provider();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("world-{}-{number}", std::process::id());
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("trust.toml"), trust(&simulated_root())).unwrap();
        std::fs::write(dir.join("input.csv"), "name;age\nada;36\n").unwrap();
        let local = LocalRelay::new(RelayBuilder::default());
        local.run().await.unwrap();
        let url = local
            .url()
            .await
            .to_string()
            .trim_end_matches('/')
            .to_owned();
        let mut world = Self {
            _relay: local,
            url,
            dir,
            provider: Keys::generate(),
            offer: dvm::sign(
                &Keys::generate(),
                dvm::Unsigned {
                    kind: 1,
                    created_at: now(),
                    tags: Vec::new(),
                    content: String::new(),
                },
            ),
            terms: terms(servers),
        };
        world.offer = world.publish_offer(&world.provider, "analyse").await;
        world
    }

    pub(crate) async fn publish_offer(&self, provider: &Keys, service: &str) -> Event {
        let content = OfferContent {
            name: service.to_owned(),
            about: "statistics over a confidential table".to_owned(),
            cdvm: self.terms.clone(),
        };
        let event = dvm::offer::sign_offer(
            provider,
            service,
            5999,
            &content,
            &dvm::offer::Shown::default(),
            now(),
        );
        let relays = self.relays().await;
        relays.publish(&event).await.unwrap();
        event
    }

    pub(crate) async fn relays(&self) -> Relays {
        let urls = std::slice::from_ref(&self.url);
        Relays::connect(urls, Plain::Allowed).await.unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// `cdvm` with the options a test wants everywhere.
    pub(crate) fn cdvm(&self, args: &[&str]) -> Cdvm {
        let trust = self.path("trust.toml");
        let mut all = args.to_vec();
        all.extend(["--trust", trust.to_str().unwrap(), SIMULATED]);
        self.cdvm_bare(&all)
    }

    /// `cdvm` without trust in anything simulated.
    pub(crate) fn cdvm_bare(&self, args: &[&str]) -> Cdvm {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cdvm"));
        command
            .args(args)
            .args(["--relay", &self.url, "--allow-plain-relays"])
            .current_dir(&self.dir)
            .env_clear()
            .env("HOME", &self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Cdvm(command.spawn().unwrap())
    }

    /// The directory of the only job.
    pub(crate) fn job_dir(&self) -> PathBuf {
        let jobs = std::fs::read_dir(self.path(".local/share/cdvm")).unwrap();
        let mut jobs: Vec<PathBuf> = jobs.map(|entry| entry.unwrap().path()).collect();
        assert_eq!(jobs.len(), 1, "{jobs:?}");
        jobs.pop().unwrap()
    }

    /// How many events on the relay are addressed to `key`.
    pub(crate) async fn addressed_to(&self, key: PublicKey) -> usize {
        let filter = Filter {
            recipients: vec![key],
            ..Filter::default()
        };
        let relays = self.relays().await;
        relays.fetch(&filter, Duration::from_secs(5)).await.len()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

/// A running `cdvm`.
pub(crate) struct Cdvm(pub(crate) Child);

/// What a `cdvm` that ended left.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Cdvm {
    pub(crate) async fn end(self) -> Ended {
        let wait = tokio::time::timeout(Duration::from_mins(1), self.0.wait_with_output());
        let Output {
            status,
            stdout,
            stderr,
        } = wait.await.expect("cdvm ends within 60 s").unwrap();
        Ended {
            code: status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&stdout).into_owned(),
            err: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }
}

impl Ended {
    /// The JSON objects on stdout; every line is one.
    pub(crate) fn events(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).expect("a line of JSON");
        self.out.lines().map(parse).collect()
    }

    /// Whether people were told this; why it did not end well goes to stderr.
    pub(crate) fn says(&self, word: &str) -> bool {
        self.out.contains(word) || self.err.contains(word)
    }

    pub(crate) fn assert(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:#?}");
        for word in words {
            assert!(self.says(word), "{word:?} in {self:#?}");
        }
        assert_eq!(self.code == 0, self.err.is_empty(), "{self:#?}");
    }
}
