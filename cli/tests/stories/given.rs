//! Files that are named and not to be had: told by name and kind, as wrong usage,
//! before anything is ordered, sent or asked.

use crate::world::World;

const RUN: [&str; 4] = ["run", "analyse", "--output", "report.md"];

/// What a customer may mistype, and the words that say it.
const CASES: [(&str, &str); 4] = [
    ("nofile", "nofile is not there"),
    ("no/file", "no/file is not there, nor is its folder no"),
    ("folder", "folder is a folder, and a file is read"),
    ("", "the name of the file is empty"),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_is_not_to_be_had_is_told_before_anything_is_ordered() {
    let world = World::new().await;
    std::fs::create_dir(world.path("folder")).unwrap();
    for (name, words) in CASES {
        let mut args = RUN.to_vec();
        // stdin is not waited for when another input is missing.
        args.extend(["--input", "-", "--input", name]);
        let ended = world.cdvm(&args).end().await;
        ended.assert(
            2,
            &["Not done: --input: ", words, "Nothing was ordered or sent."],
        );
        assert!(
            ended.says("Next: ") && !ended.says("try again"),
            "{ended:#?}"
        );
        assert!(ended.out.is_empty(), "{ended:#?}");
        let ended = world.cdvm(&["send", "--input", name]).end().await;
        ended.assert(2, &["Not done: --input: ", words]);
    }
    let secret = ["--secret-param", "token=@nofile", "--input", "input.csv"];
    let ended = world.cdvm(&[&RUN[..], &secret].concat()).end().await;
    ended.assert(2, &["--secret-param token: nofile is not there"]);
    let key = ["--key", "nofile", "--input", "input.csv"];
    let ended = world.cdvm(&[&RUN[..], &key].concat()).end().await;
    ended.assert(2, &["--key: nofile is not there"]);
    assert!(!world.path(".local/share/cdvm").exists(), "nothing is kept");
    assert_eq!(world.addressed_to(world.provider.public_key()).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_option_that_names_a_file_says_which_one_is_missing() {
    let world = World::new().await;
    let input = "input.csv";
    for (args, named) in [
        (&["verify", "--evidence", "nofile"][..], "--evidence"),
        (&["verify", "--event", "nofile"], "--event"),
        (
            &[
                "verify",
                "--attestation",
                "nofile",
                "--order",
                input,
                "--offer",
                input,
            ],
            "--attestation",
        ),
        (
            &[
                "verify",
                "--attestation",
                input,
                "--order",
                "nofile",
                "--offer",
                input,
            ],
            "--order",
        ),
        (
            &[
                "verify",
                "--attestation",
                input,
                "--order",
                input,
                "--offer",
                "nofile",
            ],
            "--offer",
        ),
        (
            &["verify", "--evidence", input, "--collateral", "nofile"],
            "--collateral",
        ),
        (&["collateral", "import", "nofile"], "the bundle"),
        (
            &[
                "collateral",
                "export",
                "--output",
                "x",
                "--evidence",
                "nofile",
            ],
            "--evidence",
        ),
        (&["key", "show", "nofile"], "the key"),
        (&["measure", "--vcpus", "2", "--kata", "nofile"], "--kata"),
        (
            &["measure", "--vcpus", "2", "--firmware", "nofile"],
            "--firmware",
        ),
        (
            &[
                "measure",
                "--vcpus",
                "2",
                "--firmware",
                input,
                "--kernel",
                "nofile",
            ],
            "--kernel",
        ),
    ] {
        let ended = world.cdvm(args).end().await;
        let words = format!("Not done: {named}: nofile is not there. Nothing was ordered or sent.");
        ended.assert(2, &[&words, "Next: correct the name"]);
    }
    let ended = world
        .cdvm_bare(&["verify", "--trust", "nofile"])
        .end()
        .await;
    ended.assert(2, &["--trust: nofile is not there"]);
}
