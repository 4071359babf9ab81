//! `cdvm verify --explain`: the words are those of what was asked, of the root it
//! was held against, and of the key that signed.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use crate::collateral::{ARK, ASK, REPORT, by_provider, report};
use crate::verify::ordered;
use crate::world::{Ended, SIMULATED, World, machine, simulated_root, trust};

/// Holds a file alone against a trust file, and asks for words.
async fn explained(world: &World, evidence: &str, more: &[&str]) -> Ended {
    let args = ["verify", "--explain", "--offline", "--evidence", evidence];
    world.cdvm_bare(&[&args[..], more].concat()).end().await
}

const ANY: [&str; 4] = ["--host-data", "any", "--report-data", "any"];

fn assert_silent(ended: &Ended, words: &[&str]) {
    for word in words {
        assert!(!ended.says(word), "{word:?} in {ended:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_explained_by_what_was_asked_and_no_more() {
    let world = World::new().await;
    std::fs::write(world.path("report.bin"), report()).unwrap();
    let ended = explained(&world, "report.bin", &ANY).await;
    ended.assert(
        3,
        &[
            "It was refused",
            "A genuine AMD processor signed it",
            "HOST_DATA was not compared, by choice",
            "REPORT_DATA was not compared, by choice",
        ],
    );
    assert_silent(&ended, &["for your order", "your challenge", "you gave"]);

    let digest = "ab".repeat(32);
    let to_job = ["--host-data", &digest, "--report-data", "any"];
    let ended = explained(&world, "report.bin", &to_job).await;
    ended.assert(3, &["the init data whose digest you gave (HOST_DATA)"]);
    ended.assert(3, &["REPORT_DATA was not compared, by choice"]);
    assert_silent(&ended, &["for your order", "HOST_DATA was not compared"]);

    // The file is the customer's own: nothing was kept.
    assert_silent(&ended, &["kept in", "Evidence kept"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_machine_of_an_order_is_explained_as_one() {
    let world = World::new().await;
    let (_, guest) = ordered(&world).await;
    guest.hello().await;
    // Without the simulated root: the vendor's count, and nothing else is accepted.
    let ended = world.cdvm_bare(&["verify", "--explain"]).end().await;
    ended.assert(
        3,
        &[
            "✗ agent",
            "It was refused",
            "It was started for your order",
            "Evidence kept in ",
        ],
    );
    assert_silent(&ended, &["SIMULATED", "by choice"]);
    // Of evidence that passes under a simulated root, nothing holds.
    std::fs::write(world.path("bare.toml"), bare(&simulated_root())).unwrap();
    let args = ["verify", "--explain", "--trust", "bare.toml", SIMULATED];
    let ended = world.cdvm_bare(&args).end().await;
    ended.assert(3, &["✗ simulated · policy", "NOTHING"]);
    assert_silent(&ended, &["It was started for your order"]);
}

/// A trust file with nothing but these roots.
fn bare(roots: &str) -> String {
    format!("version = 1\nrevocation_max_age_days = 30\n{roots}")
}

/// Milan's root is the vendor's, Genoa's is not.
fn mixed(world: &World) -> [&'static str; 3] {
    let milan = format!(
        "[[roots]]\nclass = \"vendor\"\ngeneration = \"milan\"\nark = \"{}\"\nask = \"{}\"\nsource = \"test\"\n",
        BASE64.encode(ARK),
        BASE64.encode(ASK),
    );
    let text = trust(&format!("{milan}{}", simulated_root()));
    std::fs::write(world.path("mixed.toml"), text).unwrap();
    ["--trust", "mixed.toml", SIMULATED]
}

#[tokio::test(flavor = "multi_thread")]
async fn simulated_is_what_a_simulated_root_vouches_for_and_nothing_else() {
    let world = World::new().await;
    let mixed = mixed(&world);
    let more = [&ANY[..], &mixed].concat();

    // Held against the vendor's root.
    std::fs::write(world.path("milan.bin"), report()).unwrap();
    let ended = explained(&world, "milan.bin", &more).await;
    ended.assert(3, &["✗ signing key", "A genuine AMD processor signed it"]);
    assert_silent(&ended, &["imulated", "SIMULATED"]);
    let json = [&more[..], &["--json"]].concat();
    let events = explained(&world, "milan.bin", &json).await.events();
    let marks = events.iter().filter_map(|event| event.get("simulated"));
    assert!(marks.clone().count() > 2 && marks.clone().all(|mark| *mark == false));

    // Held against the simulated one.
    let (_, chip) = machine();
    let bare = simvendor::Fields::new(chip).sign(chip).unwrap();
    std::fs::write(world.path("genoa.bin"), bare).unwrap();
    let ended = explained(&world, "genoa.bin", &more).await;
    ended.assert(3, &["✗ simulated · signing key", "SIMULATED", "NOTHING"]);
    assert_silent(&ended, &["A genuine AMD processor"]);

    // Refused before there was a root: either may be meant.
    let version_2 = hex::decode(REPORT.trim()).unwrap();
    std::fs::write(world.path("version-2.bin"), version_2).unwrap();
    let ended = explained(&world, "version-2.bin", &more).await;
    ended.assert(
        3,
        &[
            "✗ simulated · report version",
            "some roots of your trust file are SIMULATED",
            "A genuine AMD processor signed it",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_providers_key_no_chip_is_certified_and_the_words_say_so() {
    let world = World::new().await;
    let (evidence, _) = by_provider();
    std::fs::write(world.path("lent.json"), evidence).unwrap();
    let ended = explained(&world, "lent.json", &ANY).await;
    ended.assert(
        3,
        &[
            "✗ vendor chain",
            "A key that AMD lent to a cloud provider (VLEK) signed it",
            "Which chip signed",
            "Whose provider's key",
        ],
    );
    assert_silent(&ended, &["A genuine AMD processor signed it"]);
    std::fs::write(world.path("report.bin"), report()).unwrap();
    let ended = explained(&world, "report.bin", &ANY).await;
    ended.assert(3, &["A genuine AMD processor signed it"]);
    assert_silent(&ended, &["VLEK", "Which chip"]);
}
