//! Lives of jobs, told as sights and plans. The world here does what plans say,
//! and sometimes crashes in the middle; the snapshots are meant to be read.

// A failed test is reported by stopping at once.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::fmt::Write as _;

use job::{
    Action, Admission, Admitted, Announcement, Answer, Attempt, By, Digest, Ending, Event,
    ImageRef, Job, JobId, Object, Observed, Order, Pod, PodState, PublicKey, Record, Rejected,
    Removal, Terms, Timestamp, Tried, Verdict, Wait, WaitingFor, Weight, Wish, plan,
};

const START: u64 = 1_790_000_000;
const KEY: PublicKey = PublicKey::from_bytes([1; 32]);

fn image(name: &str, byte: &str) -> ImageRef {
    let text = format!("registry.example/{name}@sha256:{}", byte.repeat(32));
    text.parse().unwrap()
}

fn terms() -> Terms {
    serde_json::from_value(serde_json::json!({
        "workload": {
            "image": image("analyse", "91"), "imageEnv": [], "argv": ["/analyse"], "env": [],
        },
        "params": [],
        "input": {"maxBytes": 1000, "waitSeconds": 60, "chat": false},
        "output": {"from": "stdout", "maxBytes": 1000},
        "network": {"allow": []},
        "secrets": [],
        "resources": {"vcpus": 2, "memoryMiB": 3072},
        "timeoutSeconds": 300,
        "blobServers": [],
        "kbs": null,
    }))
    .unwrap()
}

fn order() -> Order {
    let tag = |name: &str, value: String| vec![name.to_owned(), value];
    let event = Event {
        id: JobId::from_bytes([2; 32]),
        pubkey: PublicKey::from_bytes([3; 32]),
        created_at: START,
        kind: 5999,
        tags: vec![
            tag("p", "04".repeat(32)),
            tag("challenge", "05".repeat(32)),
            tag("relays", "wss://relay.example".to_owned()),
            tag("expiration", (START + 3600).to_string()),
            tag("offer", "0f".repeat(32)),
        ],
        content: String::new(),
        sig: "00".repeat(64),
    };
    Order::from_event(event, |_| true).unwrap()
}

fn wait(what: WaitingFor, text: &str) -> Wait {
    let text = text.to_owned();
    Wait { what, text }
}

/// What happens in a round between two looks.
#[derive(Clone, Copy)]
enum Crash {
    No,
    /// The operator dies after this many actions.
    After(usize),
}

struct World {
    job: Job,
    seen: Observed,
    now: u64,
    pods_ever: Vec<Attempt>,
    /// How the API server answers a create, when it makes no pod.
    refuses: Option<(Answer, Wait)>,
    /// What the key broker says instead of taking secrets.
    broker_refuses: Option<Wait>,
    /// HOST_DATA of attempts whose secrets the broker has.
    held: Vec<Digest>,
    creates: usize,
    records: usize,
    warnings: Vec<&'static str>,
    text: String,
}

impl World {
    fn new() -> Self {
        let admitted = Admitted {
            order: order(),
            service: "analyse".to_owned(),
            terms: terms(),
            agent: image("agent", "77"),
            start_within_secs: 120,
        };
        Self {
            job: Job {
                object: Object::Own,
                admission: Admission::Admitted(Box::new(admitted)),
                wish: Wish::Run,
                record: Record::default(),
            },
            seen: Observed::default(),
            now: START,
            pods_ever: Vec::new(),
            refuses: None,
            broker_refuses: None,
            held: Vec::new(),
            creates: 0,
            records: 0,
            warnings: Vec::new(),
            text: String::new(),
        }
    }

    /// The same, of a service that needs a secret for each job.
    fn with_secret() -> Self {
        let mut world = Self::new();
        let mut terms = serde_json::to_value(terms()).unwrap();
        terms["secrets"] = serde_json::json!([
            {"name": "own", "resource": "job"},
            {"name": "owners", "resource": "kbs:///acme/models/score-1"},
        ]);
        terms["kbs"] = serde_json::json!({"url": "https://kbs.example", "certificate": ""});
        if let Admission::Admitted(admitted) = &mut world.job.admission {
            admitted.terms = serde_json::from_value(terms).unwrap();
        }
        world
    }

    fn note(&mut self, text: &str) {
        writeln!(self.text, "       -- {text}").unwrap();
    }

    fn later(&mut self, secs: u64) {
        self.now += secs;
    }

    fn pod(&mut self, state: PodState) {
        self.seen.pods.last_mut().unwrap().state = state;
    }

    fn pod_if_any(&mut self, state: PodState) {
        if let Some(pod) = self.seen.pods.last_mut() {
            pod.state = state;
        }
    }

    fn accept_evidence(&mut self) {
        self.seen.verdict = Verdict::Accepted {
            key: KEY,
            simulated: false,
        };
    }

    fn round(&mut self) {
        self.round_with(Crash::No);
    }

    /// One round: look, plan, do.
    fn round_with(&mut self, crash: Crash) {
        let plan = plan(&self.job, &self.seen, Timestamp::from_secs(self.now));
        let sees: Vec<String> = self
            .seen
            .pods
            .iter()
            .map(|pod| format!("pod {} {:?}", pod.attempt, pod.state))
            .collect();
        let sees = if sees.is_empty() {
            "no pod".to_owned()
        } else {
            sees.join(", ")
        };
        writeln!(self.text, "{:>5} s  sees {sees}", self.now - START).unwrap();
        let most = match crash {
            Crash::No => usize::MAX,
            Crash::After(actions) => actions,
        };
        for (done, action) in plan.actions.iter().enumerate() {
            if done == most {
                writeln!(self.text, "         CRASH").unwrap();
                return;
            }
            let refused = match action {
                Action::CreatePod(_) => self.refuses.is_some(),
                Action::Grant(_) => self.broker_refuses.is_some(),
                _ => false,
            };
            self.carry_out(action);
            if refused {
                break;
            }
        }
        for reason in &plan.why {
            if reason.weight == Weight::Warning {
                self.warnings.push(reason.word);
            }
            writeln!(self.text, "         why  {}: {}", reason.word, reason.text).unwrap();
        }
        if let Some(wake) = plan.wake {
            let secs = wake.as_secs().saturating_sub(self.now);
            writeln!(self.text, "         wake in {secs} s").unwrap();
        }
    }

    fn carry_out(&mut self, action: &Action) {
        let did = match action {
            Action::Record(record) => {
                let before = self.job.record.phase();
                assert!(
                    !before.is_terminal() || before == record.phase(),
                    "terminal is for ever"
                );
                self.job.record = (**record).clone();
                self.records += 1;
                format!("record {}", record.phase())
            }
            Action::Grant(secrets) => {
                let text = format!(
                    "grant {} of attempt {}",
                    secrets.names.join(", "),
                    secrets.attempt
                );
                if let Some(wait) = self.broker_refuses.clone() {
                    self.note_tried(secrets.attempt, Answer::Refused, wait);
                    writeln!(self.text, "         {text}: refused").unwrap();
                    return;
                }
                self.held.push(secrets.host_data);
                self.seen.granted = true;
                text
            }
            Action::GrantAgain(secrets) => format!("grant again {}", secrets.names.join(", ")),
            Action::CreatePod(manifest) => {
                let attempt = manifest.deployment().attempt;
                assert!(!self.pods_ever.contains(&attempt), "one pod per attempt");
                self.creates += 1;
                if let Some((answer, wait)) = self.refuses.clone() {
                    let text = format!("create pod {attempt}: {answer:?}");
                    self.note_tried(attempt, answer, wait);
                    writeln!(self.text, "         {text}").unwrap();
                    return;
                }
                self.seen.tried = None;
                self.pods_ever.push(attempt);
                self.seen.pods.push(Pod {
                    uid: format!("uid-{attempt}"),
                    attempt,
                    state: PodState::Waiting(None),
                });
                format!("create pod {attempt}")
            }
            Action::DeletePod { uid } => {
                self.seen.pods.retain(|pod| pod.uid != *uid);
                format!("delete pod {uid}")
            }
            Action::Revoke(secrets) => {
                self.held.retain(|held| *held != secrets.host_data);
                self.seen.granted = false;
                format!(
                    "revoke {} of attempt {}",
                    secrets.names.join(", "),
                    secrets.attempt
                )
            }
            Action::Announce(announcement) => {
                assert!(
                    self.job.record.recorded_at(*announcement).is_some(),
                    "recorded first"
                );
                format!("tell {announcement:?}")
            }
            Action::RecordAnnounced(announcement) => {
                self.job.record.announced.push(*announcement);
                format!("record that {announcement:?} was told")
            }
        };
        writeln!(self.text, "         {did}").unwrap();
    }

    fn note_tried(&mut self, attempt: Attempt, answer: Answer, wait: Wait) {
        let before = self.seen.tried.as_ref().map_or(0, |tried| tried.tries);
        self.seen.tried = Some(Tried {
            attempt,
            tries: before + 1,
            at: Timestamp::from_secs(self.now),
            answer,
            wait,
        });
    }

    /// Rounds until nothing changes any more.
    fn settle(&mut self) {
        for _ in 0..10 {
            let before = self.job.record.clone();
            let there = (self.seen.pods.len(), self.held.len());
            self.round();
            if self.job.record == before && (self.seen.pods.len(), self.held.len()) == there {
                return;
            }
        }
        panic!("the job does not settle:\n{}", self.text);
    }

    fn running() -> Self {
        let mut world = Self::new();
        world.round();
        world.later(1);
        world.pod(PodState::Running);
        world.round();
        world.later(1);
        world.accept_evidence();
        world.round();
        world
    }

    fn ending(&self) -> Option<Ending> {
        self.job.record.ended.as_ref().map(|ended| ended.ending)
    }
}

#[test]
fn a_job_runs_and_is_destroyed() {
    let mut world = World::running();
    world.later(1);
    world.seen.input_accepted = true;
    world.round();
    world.later(2);
    world.pod(PodState::Exited(0));
    world.settle();
    assert_eq!(world.ending(), Some(Ending::Received));
    insta::assert_snapshot!(world.text);
}

#[test]
fn a_crash_between_record_and_create_loses_the_attempt() {
    let mut world = World::new();
    world.round_with(Crash::After(1));
    world.later(1);
    world.note("the operator is back");
    world.round();
    world.round();
    assert_eq!(world.pods_ever, [Attempt::try_from(2).unwrap()]);
    insta::assert_snapshot!(world.text);
}

#[test]
fn a_crash_after_create_finds_the_pod_again() {
    let mut world = World::new();
    world.round_with(Crash::After(2));
    world.later(1);
    world.note("the operator is back");
    world.round();
    world.round();
    assert_eq!(world.pods_ever, [Attempt::FIRST]);
    insta::assert_snapshot!(world.text);
}

#[test]
fn a_pod_that_was_slow_to_appear_is_deleted_as_a_stray() {
    let mut world = World::new();
    world.round_with(Crash::After(1));
    world.round();
    world.note("the create of attempt 1 arrives after all");
    world.seen.pods.push(Pod {
        uid: "uid-late".to_owned(),
        attempt: Attempt::FIRST,
        state: PodState::Waiting(None),
    });
    world.round();
    assert_eq!(world.seen.pods.len(), 1);
    insta::assert_snapshot!(world.text);
}

#[test]
fn a_guest_that_refuses_ends_the_job() {
    let mut world = World::new();
    world.round();
    world.later(2);
    let message = "PERMISSION_DENIED: CreateContainerRequest is blocked by policy";
    world.pod(PodState::Refused(message.to_owned()));
    world.settle();
    assert_eq!(world.ending(), Some(Ending::GuestRefused));
    insta::assert_snapshot!(world.text);
}

#[test]
fn a_pod_that_does_not_start_ends_the_job() {
    let mut world = World::new();
    world.round();
    world.later(60);
    world.pod(PodState::Waiting(Some(wait(
        WaitingFor::Image,
        "ErrImagePull: not found",
    ))));
    world.round();
    world.later(60);
    world.settle();
    assert_eq!(world.ending(), Some(Ending::NeverStarted));
    insta::assert_snapshot!(world.text);
}

/// Looks ten times a second until something ends, as a cluster wakes us.
fn wait_in(world: &mut World, secs: u64) {
    for _ in 0..secs {
        for _ in 0..10 {
            world.round();
        }
        world.later(1);
    }
}

const QUOTA: &str = "pods is forbidden: exceeded quota: jobs";

#[test]
fn a_full_quota_burns_no_attempt_and_the_job_runs_when_it_frees() {
    let mut world = World::new();
    world.refuses = Some((Answer::Refused, wait(WaitingFor::Room, QUOTA)));
    wait_in(&mut world, 60);
    // After 1, 2, 4, 8, 16 s; one record of the attempt and one of the wait.
    assert_eq!((world.creates, world.records), (6, 2));
    assert_eq!(world.warnings, ["WaitingForRoom"]);
    let told = Announcement::Waiting(WaitingFor::Room);
    assert_eq!(world.job.record.announced, [told]);
    world.refuses = None;
    world.text.clear();
    world.note("the quota frees");
    world.later(3);
    world.round();
    world.later(1);
    world.pod(PodState::Running);
    world.round();
    assert_eq!(world.pods_ever, [Attempt::FIRST]);
    assert_eq!(world.job.record.attempt.clone().unwrap().waiting, None);
    insta::assert_snapshot!(world.text);
}

#[test]
fn a_quota_that_stays_full_ends_the_job_by_its_start_with_the_reason() {
    let mut world = World::new();
    world.refuses = Some((Answer::Refused, wait(WaitingFor::Room, QUOTA)));
    world.round();
    world.later(1);
    world.round();
    world.later(119);
    world.settle();
    let ended = world.job.record.ended.clone().unwrap();
    assert_eq!(
        (ended.ending, ended.message.as_str()),
        (Ending::NeverStarted, QUOTA)
    );
    assert!(world.pods_ever.is_empty());
    insta::assert_snapshot!(world.text);
}

/// Behind an answer that says nothing a pod may come to be: its number is lost, but
/// not ten times a second.
#[test]
fn a_create_that_was_not_answered_loses_its_number_slowly() {
    let mut world = World::new();
    world.refuses = Some((Answer::Unclear, wait(WaitingFor::Cluster, "timeout")));
    wait_in(&mut world, 30);
    let attempt = world.job.record.attempt.clone().unwrap();
    assert_eq!((world.creates, attempt.number.get()), (5, 5));
    assert_eq!(world.warnings, ["WaitingForCluster"]);
}

/// What was heard of a refusal dies with the process; the number with it.
#[test]
fn a_crash_while_a_quota_is_full_doubles_nothing() {
    let mut world = World::new();
    world.refuses = Some((Answer::Refused, wait(WaitingFor::Room, QUOTA)));
    world.round();
    world.round();
    world.note("the operator is another one");
    world.seen.tried = None;
    world.refuses = None;
    world.round();
    assert_eq!(world.pods_ever, [Attempt::try_from(2).unwrap()]);
    world.round();
    assert_eq!(world.seen.pods.len(), 1);
}

/// The kubelet says it in turns and in many words; it is warned of once.
#[test]
fn what_a_pod_waits_for_is_shown_until_it_runs() {
    let mut world = World::new();
    world.round();
    for text in ["ErrImagePull: 1", "ImagePullBackOff: 2", "ErrImagePull: 3"] {
        world.later(3);
        world.pod(PodState::Waiting(Some(wait(WaitingFor::Image, text))));
        world.round();
    }
    assert_eq!(world.warnings, ["WaitingForImage"]);
    world.later(30);
    world.round();
    let waiting = world.job.record.attempt.clone().unwrap().waiting.unwrap();
    assert_eq!(waiting.wait.text, "ErrImagePull: 3");
    world.later(1);
    world.pod(PodState::Running);
    world.round();
    assert_eq!(world.warnings.len(), 1);
    insta::assert_snapshot!(world.text);
}

#[test]
fn a_pod_deleted_by_others_is_lost_and_not_repeated() {
    let mut world = World::running();
    world.later(5);
    world.seen.pods.clear();
    world.settle();
    assert_eq!(world.ending(), Some(Ending::PodLost));
    assert_eq!(world.pods_ever.len(), 1);
    insta::assert_snapshot!(world.text);
}

#[test]
fn no_input_ends_the_job() {
    let mut world = World::running();
    world.later(60);
    world.pod(PodState::Exited(12));
    world.settle();
    assert_eq!(world.ending(), Some(Ending::NoInput));
    insta::assert_snapshot!(world.text);
}

#[test]
fn a_job_ends_by_its_deadline() {
    let mut world = World::running();
    let attempt = world.job.record.attempt.clone().unwrap();
    world.now = attempt.not_after.as_secs();
    world.settle();
    assert_eq!(world.ending(), Some(Ending::Deadline));
    insta::assert_snapshot!(world.text);
}

#[test]
fn a_customer_cancels() {
    let mut world = World::running();
    world.later(1);
    world.job.wish = Wish::Cancel(By::Customer);
    world.settle();
    assert_eq!(world.ending(), Some(Ending::ByCustomer));
    insta::assert_snapshot!(world.text);
}

#[test]
fn somebody_in_the_cluster_cancels() {
    let mut world = World::running();
    world.later(1);
    world.job.wish = Wish::Cancel(By::Cluster);
    world.settle();
    assert_eq!(world.ending(), Some(Ending::ByCluster));
    // Whose word came first stands; the customer's own changes nothing any more.
    world.job.wish = Wish::Cancel(By::Customer);
    world.settle();
    assert_eq!(world.ending(), Some(Ending::ByCluster));
    insta::assert_snapshot!(world.text);
}

#[test]
fn a_cancelled_order_never_starts() {
    let mut world = World::new();
    world.job.wish = Wish::Cancel(By::Customer);
    world.settle();
    assert_eq!(world.ending(), Some(Ending::ByCustomer));
    assert!(world.pods_ever.is_empty());
}

#[test]
fn a_deleted_job_leaves_nothing_behind() {
    let mut world = World::running();
    world.later(1);
    world.job.wish = Wish::Delete;
    world.settle();
    assert_eq!(world.ending(), Some(Ending::Deleted));
    assert!(world.seen.pods.is_empty());
    insta::assert_snapshot!(world.text);
}

/// What ends when its provider is removed at once, and what it had said before.
#[test]
fn a_provider_that_is_removed_ends_its_jobs_and_starts_none() {
    let mut running = World::running();
    running.later(1);
    running.note("the provider is being removed");
    running.seen.removal = Removal::Now;
    running.settle();
    assert_eq!(running.ending(), Some(Ending::ProviderRemoved));
    assert!(running.seen.pods.is_empty());
    insta::assert_snapshot!(running.text);

    let mut new = World::new();
    new.seen.removal = Removal::Now;
    new.settle();
    assert_eq!(new.ending(), Some(Ending::ProviderRemoved));
    assert!(new.pods_ever.is_empty());

    // Its namespace goes: others stop the pod, or it is gone before it is looked at.
    let ends = [
        (PodState::Terminating, Ending::ProviderRemoved),
        (PodState::Exited(18), Ending::ProviderRemoved),
        (PodState::Killed("137".to_owned()), Ending::ProviderRemoved),
        (PodState::Exited(0), Ending::Received),
        (PodState::Exited(10), Ending::WorkloadFailed),
    ];
    for (state, ending) in ends {
        let mut world = World::running();
        world.seen.removal = Removal::Now;
        world.pod(state);
        world.settle();
        assert_eq!(world.ending(), Some(ending));
    }
    let mut world = World::running();
    world.seen.removal = Removal::Now;
    world.seen.pods.clear();
    world.settle();
    assert_eq!(world.ending(), Some(Ending::ProviderRemoved));
}

#[test]
fn a_provider_that_waits_for_its_jobs_starts_no_other() {
    let mut world = World::running();
    world.seen.removal = Removal::AfterJobs;
    world.settle();
    assert_eq!(world.ending(), None);
    world.pod(PodState::Exited(0));
    world.settle();
    assert_eq!(world.ending(), Some(Ending::Received));

    // One without a machine is not waited for, whatever it waits for itself.
    let mut waiting = World::new();
    waiting.refuses = Some((Answer::Refused, wait(WaitingFor::Room, "exceeded quota")));
    waiting.round();
    let mut pending = World::new();
    pending.round();
    for (mut world, pods) in [(World::new(), 0), (waiting, 0), (pending, 1)] {
        world.seen.removal = Removal::AfterJobs;
        world.settle();
        assert_eq!(world.ending(), Some(Ending::ProviderRemoved));
        assert_eq!(world.pods_ever.len(), pods);
    }
}

#[test]
fn a_rejected_order_starts_nothing() {
    let mut world = World::new();
    world.job.admission = Admission::Rejected(Rejected {
        ending: Ending::NoSuchOffer,
        message: "no service here makes this offer".to_owned(),
    });
    world.settle();
    assert_eq!(world.ending(), Some(Ending::NoSuchOffer));
    assert!(world.pods_ever.is_empty());
    insta::assert_snapshot!(world.text);
}

/// Whatever becomes of a copy, also one with a forged record: its order's customer
/// hears nothing of it, and nothing claims that they did.
#[test]
fn an_object_that_is_not_the_orders_tells_nobody() {
    for wish in [Wish::Run, Wish::Cancel(By::Customer), Wish::Delete] {
        for mut world in [World::new(), World::running()] {
            let told = world.job.record.announced.clone();
            world.text.clear();
            world.job.object = Object::Alien;
            world.job.wish = wish;
            world.job.admission = Admission::Rejected(Rejected {
                ending: Ending::NameMismatch,
                message: "an object with this order must be named j-02".to_owned(),
            });
            world.pod_if_any(PodState::Exited(0));
            world.settle();
            assert!(world.ending().is_some());
            assert!(world.seen.pods.is_empty());
            assert_eq!(world.job.record.announced, told);
            assert!(!world.text.contains("tell"), "{}", world.text);
        }
    }
}

#[test]
fn a_guest_without_evidence_says_why_by_a_constant() {
    let docs = include_str!("../../docs/life-of-a-job.md");
    for (code, why) in [
        (20, "no guest API"),
        (21, "the guest API answered 4xx"),
        (22, "the guest API answered 5xx"),
        (23, "not JSON"),
        (24, "no report in it"),
        (25, "other host data"),
        (26, "other report data"),
        (27, "other privilege level"),
    ] {
        let mut world = World::new();
        world.round();
        world.pod(PodState::Exited(code));
        world.settle();
        let ended = world.job.record.ended.as_ref().unwrap();
        assert_eq!(ended.ending, Ending::NoEvidence);
        let expected = format!("the agent ended with code {code}: {why}");
        // Customers read it as it is, and what to do about it is written down.
        assert_eq!(world.job.record.told_of_the_end(), expected);
        assert!(docs.contains(&format!("| {code} | {why} | ")), "{why}");
        assert_eq!(ended.message, expected);
        // Events say it, too.
        assert!(
            world
                .text
                .contains(&format!("Failed/NoEvidence: {expected}"))
        );
    }
}

#[test]
fn evidence_that_is_refused_ends_nothing_by_itself() {
    let mut world = World::new();
    world.round();
    world.pod(PodState::Running);
    world.seen.verdict = Verdict::Refused {
        check: "HOST_DATA: expected aa, seen bb".to_owned(),
    };
    world.settle();
    assert_eq!(world.ending(), None);
    world.pod(PodState::Exited(12));
    world.settle();
    let ended = world.job.record.ended.as_ref().unwrap();
    assert_eq!(ended.ending, Ending::NoInput);
    assert!(ended.message.contains("HOST_DATA"));
}

#[test]
fn collateral_that_is_slow_delays_attested_and_not_the_job() {
    let mut world = World::new();
    world.round();
    world.pod(PodState::Running);
    for why in ["it is being fetched", "a.example: it answered 503"] {
        world.seen.verdict = Verdict::Lacking {
            why: format!("revocation list of Milan: {why}"),
        };
        world.settle();
        let attempt = world.job.record.attempt.as_ref().unwrap();
        assert!(attempt.attested.is_none() && attempt.lacking.as_ref().unwrap().contains(why));
    }
    // Said once each, whatever the number of rounds.
    let records = world.records;
    world.settle();
    assert_eq!(world.records, records);
    world.later(600);
    world.accept_evidence();
    world.settle();
    let attempt = world.job.record.attempt.as_ref().unwrap();
    assert!(attempt.attested.is_some() && attempt.lacking.is_none());
    assert_eq!(world.ending(), None);
    insta::assert_snapshot!(world.text);
}

#[test]
fn a_job_whose_collateral_never_comes_ends_as_any_other() {
    let mut world = World::new();
    world.round();
    world.pod(PodState::Running);
    world.seen.verdict = Verdict::Lacking {
        why: "revocation list of Milan: it is being fetched".to_owned(),
    };
    world.settle();
    world.pod(PodState::Exited(0));
    world.settle();
    assert_eq!(world.ending(), Some(Ending::Received));
}

#[test]
fn what_ended_stays_ended() {
    let mut world = World::running();
    world.pod(PodState::Exited(0));
    world.settle();
    let record = world.job.record.clone();
    for wish in [Wish::Cancel(By::Customer), Wish::Delete] {
        world.job.wish = wish;
        world.later(10);
        world.settle();
        assert_eq!(world.job.record.ended, record.ended);
    }
}

#[test]
fn a_service_that_changes_does_not_end_a_job_that_starts() {
    let mut world = World::new();
    world.round();
    world.note("the provider applies the service with other terms");
    world.job.admission = Admission::Rejected(Rejected {
        ending: Ending::OfferChanged,
        message: "the offer was changed since".to_owned(),
    });
    world.later(1);
    world.round();
    world.later(1);
    world.pod(PodState::Running);
    world.accept_evidence();
    world.round();
    world.later(5);
    world.pod(PodState::Exited(0));
    world.round();
    assert_eq!(world.ending(), Some(Ending::Received));
    insta::assert_snapshot!(world.text);
}

#[test]
fn a_secret_of_a_job_is_put_there_before_its_machine_and_taken_out_after_it() {
    let mut world = World::with_secret();
    world.round();
    assert_eq!(world.held.len(), 1);
    world.later(1);
    world.pod(PodState::Running);
    world.accept_evidence();
    world.round();
    world.later(60);
    world.round();
    world.pod(PodState::Exited(0));
    world.settle();
    assert_eq!(world.ending(), Some(Ending::Received));
    assert!(world.held.is_empty() && world.job.record.destroyed.is_some());
    insta::assert_snapshot!(world.text);
}

#[test]
fn while_the_broker_is_away_no_machine_starts_and_the_reason_is_told() {
    let mut world = World::with_secret();
    world.broker_refuses = Some(wait(WaitingFor::Broker, "the key broker cannot be reached"));
    world.round();
    for _ in 0..3 {
        world.later(2);
        world.round();
    }
    assert_eq!(
        (world.creates, world.warnings.as_slice()),
        (0, ["WaitingForBroker"].as_slice())
    );
    world.note("the broker is back");
    world.broker_refuses = None;
    world.later(60);
    world.round();
    // The number is the same: no machine of it was there.
    assert_eq!(world.pods_ever, [Attempt::FIRST]);
    insta::assert_snapshot!(world.text);
}

#[test]
fn a_broker_that_never_comes_ends_the_job_with_its_reason() {
    let mut world = World::with_secret();
    world.broker_refuses = Some(wait(WaitingFor::Broker, "the key broker cannot be reached"));
    world.round();
    world.round();
    world.later(120);
    world.settle();
    let ended = world.job.record.ended.clone().unwrap();
    assert_eq!(ended.ending, Ending::NeverStarted);
    assert_eq!(ended.message, "the key broker cannot be reached");
    assert_eq!(world.creates, 0);
}

#[test]
fn what_was_put_there_for_a_lost_attempt_is_taken_out() {
    let mut world = World::with_secret();
    // Recorded and granted, but not created.
    world.round_with(Crash::After(2));
    assert_eq!(world.held.len(), 1);
    let lost = world.held.clone();
    world.later(1);
    world.note("the operator is back");
    world.round();
    assert_eq!(world.held.len(), 1);
    assert_ne!(world.held, lost);
    assert_eq!(world.pods_ever, [Attempt::try_from(2).unwrap()]);
}

#[test]
fn of_a_job_that_ends_before_its_pod_nothing_is_left_in_the_broker() {
    let mut world = World::with_secret();
    world.refuses = Some((Answer::Refused, wait(WaitingFor::Room, "exceeded quota")));
    world.round();
    assert_eq!(world.held.len(), 1);
    world.job.wish = Wish::Cancel(By::Customer);
    world.later(1);
    world.settle();
    assert!(world.held.is_empty());
    assert!(world.job.record.destroyed.is_some());
}
