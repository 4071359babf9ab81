//! What people read, recorded. Keys and ids are made up.

use std::path::PathBuf;

use dvm::feedback::Status;
use job::{Digest, JobId, Offer, OfferContent, OfferId, PublicKey, Timestamp};

use super::{Detail, Row, offers, rows};
use crate::exit::{Exit, Problem};
use crate::line::ending;
use crate::news::{News, Offered};
use crate::state::Stage;
use crate::verdict::{Mark, Verdict, tests as verdicts};

const JOB: JobId = JobId::from_bytes([0x4f; 32]);
const PROVIDER: PublicKey = PublicKey::from_bytes([4; 32]);
const MACHINE: PublicKey = PublicKey::from_bytes([1; 32]);
const INPUT: Digest = Digest::from_bytes([7; 32]);

fn text(news: &[News]) -> String {
    let rows = news.iter().flat_map(|news| rows(news, Detail::Summary));
    let lines: Vec<String> = rows
        .map(|row| match row {
            Row::Timed(text) => format!("{text}  [time]"),
            Row::Plain(text) => text,
            Row::Passing(text) => format!("{text}  [passing]"),
        })
        .collect();
    lines.join("\n")
}

fn judged(verdict: Verdict) -> News {
    News::Judged {
        verdict: Box::new(verdict),
        as_of: None,
    }
}

fn run(mark: Mark) -> Vec<News> {
    vec![
        News::Requested {
            job: JOB,
            service: "analyse".to_owned(),
            provider: PROVIDER,
            relays: 3,
            public: false,
        },
        News::Provider {
            status: Status::Processing,
            text: "heard it; a confidential machine is starting".to_owned(),
        },
        News::Machine { key: MACHINE },
        judged(verdicts::accepted(mark)),
        News::Sent {
            key: MACHINE,
            bytes: 120_000,
            blobs: 1,
            input: INPUT,
            mark,
        },
        News::InputAccepted { input: INPUT },
        News::Progress {
            text: "columns".to_owned(),
            progress: Some((12, 31)),
        },
        News::Progress {
            text: "columns".to_owned(),
            progress: Some((31, 31)),
        },
        News::Saved {
            bytes: 9_000,
            output: Digest::from_bytes([8; 32]),
            path: Some(PathBuf::from("report.md")),
            receipt: PathBuf::from("/jobs/4f/receipt.json"),
            mark,
        },
        News::Destroyed {
            text: "destroyed".to_owned(),
        },
    ]
}

#[test]
fn a_job_that_goes_well() {
    insta::assert_snapshot!(text(&run(Mark::Hardware)));
}

#[test]
fn a_job_without_hardware_says_so_from_the_machine_to_the_end() {
    let mut news = run(Mark::Simulated);
    news.push(News::NothingWasConfidential);
    insta::assert_snapshot!(text(&news));
}

#[test]
fn a_machine_that_is_refused() {
    let problem = Problem::new(
        Exit::Refused,
        "the machine would run something else than the offer says",
        "Your data was not sent",
        "ask the provider, or choose an offer whose workload you know. Evidence kept in /jobs/4f/attestation.json",
    );
    let news = [
        News::Machine { key: MACHINE },
        judged(verdicts::refused(Mark::Hardware)),
        News::Stopped(problem),
    ];
    insta::assert_snapshot!(text(&news));
}

#[test]
fn what_goes_wrong_says_what_it_means_and_what_to_do() {
    let (meaning, next) = ending::where_it_stands(Stage::Started, JOB);
    let interrupted = Problem::new(
        Exit::Interrupted,
        "the order goes on without you",
        meaning,
        next,
    );
    let news = [
        News::Silence {
            provider: PROVIDER,
            seconds: 15,
        },
        News::AnotherMachine {
            key: PROVIDER,
            first: MACHINE,
        },
        News::Stopped(ending::by_provider(
            "Rejected/TooLarge: 20000 bytes",
            Stage::Ordered,
        )),
        News::Stopped(ending::by_machine(
            "the workload ended with code 3:\nno such column\n✓ all is well",
        )),
        News::Stopped(Problem::usage(
            "no relay is named",
            "name one with --relay wss://…",
        )),
        News::Stopped(interrupted),
    ];
    insta::assert_snapshot!(text(&news));
}

#[test]
fn offers_are_a_table() {
    let terms = serde_json::json!({
        "workload": {
            "image": format!("registry.example/analyse@sha256:{}", "91c0".repeat(16)),
            "imageEnv": [], "argv": ["/analyse"], "env": [],
        },
        "params": [{"name": "delimiter", "required": true, "values": [",", ";"]}], "input": {"maxBytes": 1, "waitSeconds": 1, "chat": false},
        "output": {"from": "stdout", "maxBytes": 1}, "network": {"allow": []}, "secrets": [],
        "resources": {"vcpus": 2, "memoryMiB": 3072}, "timeoutSeconds": 1, "blobServers": [],
        "kbs": null,
    });
    let offered = Offered {
        offer: Offer {
            id: OfferId::from_bytes([15; 32]),
            provider: PROVIDER,
            service: "analyse".to_owned(),
            kind: 5999,
            content: OfferContent {
                name: "analyse".to_owned(),
                about: "statistics over a confidential table".to_owned(),
                cdvm: serde_json::from_value(terms).unwrap(),
            },
        },
        created_at: Timestamp::from_secs(1_790_000_000),
    };
    let news = News::Offered(Box::new(offered));
    let mut lines = vec![offers::heading()];
    for detail in [Detail::Summary, Detail::Full] {
        for row in rows(&news, detail) {
            let Row::Plain(line) = row else {
                panic!("a table has no times");
            };
            lines.push(line);
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_workload_cannot_break_the_bar() {
    for progress in [(0, 0), (u64::MAX, 1), (1, u64::MAX), (u64::MAX, u64::MAX)] {
        let news = News::Progress {
            text: "x".repeat(4096),
            progress: Some(progress),
        };
        let line = text(&[news]);
        assert!(line.chars().count() < 140, "{line}");
    }
}
