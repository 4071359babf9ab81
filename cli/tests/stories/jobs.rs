//! One's own jobs: listed, told one by one, and forgotten. What people read is
//! recorded, with ids, keys and times left out.

use dvm::feedback::Status;
use dvm::payload::Payload;
use insta::assert_snapshot;

use crate::parties::{Guest, Provider};
use crate::world::{Ended, World};

/// What people read, with what differs each time left out.
pub(crate) fn recorded(world: &World, text: &str) -> String {
    let text = text.replace(world.dir.to_str().unwrap(), "~");
    let lines = text.lines().map(|line| {
        let words: Vec<String> = line.split(' ').map(masked).collect();
        let words = words.join(" ");
        words.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn masked(word: &str) -> String {
    // Where a long name is cut depends on how long the world's is.
    if word.starts_with('…') && word.ends_with("/report.md") {
        return "…/report.md".to_owned();
    }
    let parts = word.split('/').map(|part| {
        let bare = part.trim_matches([';', ',', '.', ':', '(', ')']);
        let hex = |bare: &str| {
            let digits = bare.replace('…', "");
            bare.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let age = bare
            .strip_suffix('s')
            .is_some_and(|number| number.parse::<u32>().is_ok());
        let name = match bare {
            _ if bare.starts_with("npub1") => "NPUB",
            _ if bare.starts_with("20") && bare.ends_with('Z') => "TIME",
            _ if bare.starts_with("20") && bare.matches('-').count() == 2 => "DAY",
            _ if hex(bare) => "ID",
            _ if age => "AGE",
            _ => return part.to_owned(),
        };
        part.replace(bare, name)
    });
    parts.collect::<Vec<_>>().join("/")
}

async fn told(world: &World, args: &[&str]) -> Ended {
    world.cdvm(args).end().await
}

/// An order nobody answered yet; its first digits.
async fn ordered(world: &World, provider: &mut Provider) -> (job::Order, String) {
    told(world, &["request", "analyse"]).await.assert(0, &[]);
    let order = provider.order().await;
    let digits = order.id().to_string()[..8].to_owned();
    (order, digits)
}

const RUN: [&str; 6] = [
    "run",
    "analyse",
    "--input",
    "input.csv",
    "--output",
    "report.md",
];

async fn rejected(world: &World, provider: &mut Provider) -> String {
    let (order, digits) = ordered(world, provider).await;
    let text = "Rejected/OfferChanged: the offer is now another";
    provider.says(&order, Status::Error, text).await;
    assert_eq!(told(world, &["watch", &digits]).await.code, 4);
    digits
}

async fn saved(world: &World, provider: &mut Provider) -> String {
    let cdvm = world.cdvm(&RUN);
    let order = provider.order().await;
    let mut guest = Guest::honest(world, &order).await;
    guest.hello().await;
    let start = guest.start().await;
    guest.accepts(start.digest()).await;
    guest
        .delivers(Payload::inline("# report\n"), start.digest())
        .await;
    guest.received().await;
    let gone = "destroyed: nothing is left";
    provider.says(&order, Status::Success, gone).await;
    cdvm.end().await.assert(0, &[]);
    order.id().to_string()
}

async fn refused(world: &World, provider: &mut Provider) -> String {
    let cdvm = world.cdvm(&RUN);
    let order = provider.order().await;
    let mut terms = serde_json::to_value(&world.terms).unwrap();
    terms["workload"]["argv"] = serde_json::json!(["/steal"]);
    let terms = serde_json::from_value(terms).unwrap();
    let guest = Guest::started_with(world, &order, terms).await;
    guest.hello().await;
    assert_eq!(cdvm.end().await.code, 3);
    order.id().to_string()
}

/// What `cdvm show` says of each.
async fn each_in_full(world: &World, jobs: [&String; 4]) {
    for (job, which) in jobs
        .into_iter()
        .zip(["running", "refused", "saved", "rejected"])
    {
        let ended = told(world, &["show", job]).await;
        ended.assert(0, &[]);
        let text = recorded(world, &ended.out);
        match which {
            "running" => assert_snapshot!(text, @r#"
    job        ID
    order      AGE ago, TIME, sealed to the provider
               expires TIME
    offer      analyse by NPUB
               ID, signed DAY
               registry.example/analyse@sha256:9191919191919191919191919191919191919191919191919191919191919191
    machine    none showed evidence while cdvm listened
    data       not sent
    result     none is known
    ending     none was heard
    machine    nobody said that it is destroyed while cdvm listened
    kept in    ~/.local/share/cdvm/ID, with its key
    Next: go on with cdvm verify ID, or end it with cdvm cancel ID
    "#),
            "refused" => assert_snapshot!(text, @r#"
    job        ID
    order      AGE ago, TIME, sealed to the provider
               expires TIME
    offer      analyse by NPUB
               ID, signed DAY
               registry.example/analyse@sha256:9191919191919191919191919191919191919191919191919191919191919191
    machine    simulated · NPUB was refused TIME: the machine would run something else than the offer says (workload command)
    data       not sent
    result     none is known
    ending     none was heard
    machine    nobody said that it is destroyed while cdvm listened
    kept in    ~/.local/share/cdvm/ID, with its key
    Next: see every check with cdvm verify ID, ask the provider, or forget it with cdvm forget ID
    "#),
            "saved" => assert_snapshot!(text, @r#"
    job        ID
    order      AGE ago, TIME, sealed to the provider
               expires TIME
    offer      analyse by NPUB
               ID, signed DAY
               registry.example/analyse@sha256:9191919191919191919191919191919191919191919191919191919191919191
    machine    simulated · NPUB was verified TIME
    data       sealed to NPUB alone; digest ID
    result     9 bytes in ~/report.md; receipt in ~/.local/share/cdvm/ID/receipt.json
    ending     the result was delivered
    machine    destroyed, says the provider: nothing is left
    kept in    ~/.local/share/cdvm/ID, with its key
    Next: verify it as on its day with cdvm verify ID, or forget it with cdvm forget ID
    "#),
            _ => assert_snapshot!(text, @r#"
    job        ID
    order      AGE ago, TIME, sealed to the provider
               expires TIME
    offer      analyse by NPUB
               ID, signed DAY
               registry.example/analyse@sha256:9191919191919191919191919191919191919191919191919191919191919191
    machine    none showed evidence while cdvm listened
    data       not sent
    result     none is known
    ending     Rejected/OfferChanged: the offer is now another, said by the provider TIME
    machine    nobody said that it is destroyed while cdvm listened
    kept in    ~/.local/share/cdvm/ID, with its key
    Next: read what is offered now (cdvm offers), and order again; or forget it with cdvm forget ID
    "#),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_listed_newest_first_and_told_in_full() {
    let world = World::new().await;
    let ended = told(&world, &["jobs"]).await;
    assert_snapshot!(recorded(&world, &ended.out), @"Next: no job is kept in ~/.local/share/cdvm; order one: cdvm offers, then cdvm run SERVICE --input FILE --output FILE");

    let mut provider = Provider::of(&world).await;
    let rejected = rejected(&world, &mut provider).await;
    let saved = saved(&world, &mut provider).await;
    let refused = refused(&world, &mut provider).await;
    let (_, running) = ordered(&world, &mut provider).await;

    let ended = told(&world, &["jobs"]).await;
    ended.assert(0, &[]);
    assert!(
        ended.out.lines().all(|line| line.chars().count() <= 80),
        "{}",
        ended.out
    );
    assert_snapshot!(recorded(&world, &ended.out), @r#"
    JOB       SERVICE         PROVIDER       AGE   HOW IT STANDS
    ID  analyse         NPUB  AGE    waiting for a machine
    ID  analyse         NPUB  AGE    machine refused: workload command
    ID  analyse         NPUB  AGE    result in …/report.md
    ID  analyse         NPUB  AGE    rejected: OfferChanged: the offe…
    Next: see one in full with cdvm show JOB
    "#);
    each_in_full(&world, [&running, &refused, &saved, &rejected]).await;
    let newest = told(&world, &["show"]).await;
    newest.assert(0, &[&running]);

    let events = told(&world, &["jobs", "--json", "--most", "2"])
        .await
        .events();
    let standing: Vec<_> = events[..2].iter().map(|event| &event["standing"]).collect();
    assert_eq!(standing, ["waiting", "refused"]);
    assert_eq!(events[2]["event"], "hint");
    let story = told(&world, &["show", &saved, "--json"]).await.events();
    assert_eq!(story[0]["event"], "story");
    assert_eq!(
        story[0]["result"],
        world.path("report.md").to_str().unwrap()
    );
    assert!(
        story[0]["destroyed"]
            .as_str()
            .unwrap()
            .starts_with("destroyed")
    );

    // What is over is forgotten together; what runs and what was saved stay.
    let ended = told(&world, &["forget", "--all-ended", "--yes"]).await;
    ended.assert(0, &[]);
    assert_snapshot!(recorded(&world, &ended.out), @r#"
    forgotten  ID: 5 files, its key overwritten
    forgotten  ID: 11 files, its key overwritten
    forgotten  ID: 5 files, its key overwritten
    "#);
    assert!(world.job_dir().ends_with(order_of(&world)));
    assert!(world.path("report.md").exists());
}

/// The id of the only job.
fn order_of(world: &World) -> String {
    let json = std::fs::read_to_string(world.job_dir().join("order.json")).unwrap();
    dvm::order::parse_order(&json).unwrap().id().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_runs_is_forgotten_only_by_force() {
    let world = World::new().await;
    let mut provider = Provider::of(&world).await;
    let (order, job) = ordered(&world, &mut provider).await;
    let ended = told(&world, &["forget", &job, "--yes"]).await;
    ended.assert(2, &[]);
    assert_snapshot!(recorded(&world, &ended.err), @r#"
    Not done: these are not known to be over:
      | ID: the order stands; nobody could send it data or cancel it any more.
    Nothing was forgotten.
    Next: see it with cdvm show JOB, end it with cdvm cancel JOB, or say --force to lose that
    "#);
    let mut guest = Guest::honest(&world, &order).await;
    guest.hello().await;
    let send = world.cdvm(&["send", &job, "--input", "input.csv"]);
    let start = guest.start().await;
    guest.accepts(start.digest()).await;
    send.end().await.assert(0, &[]);
    let ended = told(&world, &["forget", &job, "--yes"]).await;
    ended.assert(
        2,
        &["your data was sent; nobody could open the result any more"],
    );
    // Nobody is there to answer.
    let ended = told(&world, &["forget", &job, "--force"]).await;
    ended.assert(2, &["nobody is there to answer", "say --yes"]);
    assert!(world.job_dir().join("key.nsec").exists());
    std::fs::write(world.job_dir().join("report.md"), "mine").unwrap();
    let dir = world.job_dir();
    let ended = told(&world, &["forget", &job, "--force", "--yes"]).await;
    ended.assert(0, &[]);
    assert_snapshot!(recorded(&world, &ended.out), @"forgotten  ID: 7 files, its key overwritten; not of cdvm, and still there: report.md");
    let left = std::fs::read_dir(&dir).unwrap().count();
    assert_eq!((left, dir.join("report.md").exists()), (1, true));
    told(&world, &["show", &job])
        .await
        .assert(2, &["no job", "is kept here"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_jobs_are_listed_fast_and_what_is_none_is_named() {
    let world = World::new().await;
    // In memory where that can be had: ten thousand files on a disk take half a minute.
    let memory = std::path::Path::new("/dev/shm");
    let root = if memory.is_dir() {
        memory
    } else {
        world.dir.as_path()
    };
    let state = root.join(format!("cdvm-thousands-{}", std::process::id()));
    let option = state.to_str().unwrap();
    let told = async |args: &[&str]| told(&world, &[args, &["--state", option]].concat()).await;
    told(&["request", "analyse"]).await.assert(0, &[]);
    let job = std::fs::read_dir(&state).unwrap().next().unwrap().unwrap();
    let job = job.file_name().into_string().unwrap();
    // Older ones that cannot be read: each would be named if all were read.
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    for number in 0..10_000 {
        let other = state.join(format!("{number:064x}"));
        std::fs::create_dir(&other).unwrap();
        let file = std::fs::File::create(other.join("order.json")).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    std::fs::create_dir(state.join("holiday")).unwrap();
    std::fs::create_dir(state.join("f".repeat(64))).unwrap();
    let began = std::time::Instant::now();
    let ended = told(&["jobs", "--most", "2"]).await;
    let took = began.elapsed();
    ended.assert(
        0,
        &[
            &job[..8],
            "waiting for a machine",
            "holiday is no job of cdvm",
            "ffffffff has no order.json",
            "is damaged: failed to read",
            "9999 older ones are not shown",
        ],
    );
    assert!(took < std::time::Duration::from_secs(5), "{took:?}");
    // A damaged one is forgotten by its id, and an ambiguous beginning lists what it may be.
    let ended = told(&["show", "000000"]).await;
    ended.assert(
        2,
        &["10000 jobs start with \"000000\":", "give more digits"],
    );
    let damaged = format!("{:064x}", 7);
    let ended = told(&["forget", &damaged, "--yes"]).await;
    ended.assert(2, &["cannot be read, so nobody knows whether it runs"]);
    let ended = told(&["forget", &damaged, "--yes", "--force"]).await;
    ended.assert(0, &["1 file, no key of its own"]);
    assert!(!state.join(&damaged).exists());
    std::fs::remove_dir_all(&state).unwrap();
}
