//! What an owner does on the broker's own machine, and what goes wrong there.

use crate::broker::{Folder, RESOURCE, SECRET};
use crate::guest::Guest;

#[tokio::test]
async fn the_master_key_is_changed_and_the_old_one_opens_nothing() {
    let folder = Folder::new();
    folder.grant("score", "unlimited");
    let (new, old) = (folder.text("master-2"), folder.text("master"));
    folder.must(&["new-master-key", &new]);
    let broker = folder.start();
    assert!(
        folder
            .must_not(&["rotate", "--new-master-key", &new])
            .contains("stop it first")
    );
    broker.stop();
    assert!(
        folder
            .must(&["rotate", "--new-master-key", &new])
            .contains("1 secrets")
    );
    assert!(
        folder
            .must_not(&["rotate", "--new-master-key", &new])
            .contains("not the master key")
    );
    assert!(
        folder
            .must_not(&["put", RESOURCE, &folder.text("secret")])
            .contains("not the master key")
    );
    std::fs::rename(&new, &old).unwrap();
    let broker = folder.start();
    assert_eq!(
        Guest::new(&broker.url()).fetch(RESOURCE).await.as_deref(),
        Some(SECRET)
    );
}

#[tokio::test]
async fn a_copy_put_back_is_noticed() {
    let folder = Folder::new();
    folder.grant("score", "1");
    let copy = folder.text("copy.db");
    folder.must(&["backup", &copy]);
    assert!(
        folder
            .must_not(&["backup", &copy])
            .contains("must not be there yet")
    );
    let broker = folder.start();
    assert!(Guest::new(&broker.url()).fetch(RESOURCE).await.is_some());
    assert!(
        folder
            .must_not(&["restore", &copy])
            .contains("stop it first")
    );
    broker.stop();
    // The file put back by hand.
    for left in ["state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(folder.path("state").join(left));
    }
    std::fs::copy(&copy, folder.path("state/state.db")).unwrap();
    let said = folder.must_not(&[
        "serve",
        "--trust-file",
        &folder.text("trust.toml"),
        "--insecure-http-on-loopback",
        "--accept-simulated-evidence-nothing-is-confidential",
        "--listen",
        "127.0.0.1:0",
    ]);
    assert!(said.contains("would be given again"), "{said}");
    assert!(
        folder
            .must_not(&["log", "--verify"])
            .contains("its end is missing")
    );
    // By the command, which says so too, and does it when told.
    assert!(
        folder
            .must_not(&["restore", &copy])
            .contains("--what-happened-since-is-lost")
    );
    folder.must(&["restore", &copy, "--what-happened-since-is-lost"]);
    let broker = folder.start();
    assert!(Guest::new(&broker.url()).fetch(RESOURCE).await.is_some());
    assert_eq!(folder.events("restored").len(), 1);
    assert!(folder.must(&["log", "--verify"]).contains("whole"));
}

#[test]
fn a_copy_of_the_newest_state_needs_no_word() {
    let folder = Folder::new();
    folder.grant("score", "1");
    let copy = folder.text("copy.db");
    folder.must(&["backup", &copy]);
    folder.must(&["restore", &copy]);
    assert!(folder.must(&["list"]).contains("acme/score"));
    std::fs::write(folder.path("garbage"), "not a database").unwrap();
    assert!(
        folder
            .must_not(&["restore", &folder.text("garbage")])
            .contains("not a copy of a state")
    );
}

#[test]
fn what_makes_no_sense_is_said_in_words() {
    let folder = Folder::new();
    let secret = folder.text("secret");
    std::fs::write(folder.path("empty"), "").unwrap();
    for (arguments, says) in [
        (
            vec!["put", "acme/score", &secret],
            "is not the name of a secret",
        ),
        (
            vec!["put", &format!("cdvm/{}/x", "ab".repeat(32)), &secret],
            "secret of one job",
        ),
        (
            vec!["put", RESOURCE, "/nonexistent"],
            "failed to read /nonexistent",
        ),
        (
            vec!["put", RESOURCE, &folder.text("empty")],
            "1 to 2097152 bytes",
        ),
        (vec!["put", RESOURCE, "/dev/zero"], "1 to 2097152 bytes"),
        (vec!["remove", RESOURCE], "there is no"),
        (vec!["log"], "there is no state"),
        (
            vec!["new-master-key", &folder.text("master")],
            "must not be there yet",
        ),
    ] {
        let said = folder.must_not(&arguments);
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
    // Without a master key nothing is made, not even a folder.
    let keyless = folder
        .command()
        .env_remove("CDVM_KBS_MASTER_KEY")
        .args(["put", RESOURCE, &secret])
        .output();
    let keyless = String::from_utf8(keyless.unwrap().stderr).unwrap();
    assert!(keyless.contains("there is no master key"), "{keyless}");
    assert!(!folder.path("state").exists());
    std::fs::remove_dir(folder.path("grants")).unwrap();
    assert!(folder.must(&["check"]).contains("nobody gets anything"));
    folder.must(&["put", RESOURCE, &secret]);
    assert!(folder.must(&["list"]).contains("not granted to anybody"));
    assert!(folder.must(&["check"]).contains("nobody gets anything"));
    let said = folder.must_not(&[
        "grant",
        "x",
        "acme/models/other",
        "--terms",
        &folder.text("terms.json"),
        "--agent",
        &crate::guest::agent().to_string(),
        "--customer",
        "any",
        "--runs",
        "1",
        "--until",
        "never",
    ]);
    assert!(said.contains("the terms ask for no secret"), "{said}");
    folder.must(&["remove", RESOURCE]);
}

#[tokio::test]
async fn a_certificate_of_its_own_making_is_what_terms_name() {
    let folder = Folder::new();
    folder.grant("score", "unlimited");
    let broker = folder.start_with(&[
        "--tls-self-made",
        "localhost",
        "--tls-self-made",
        "127.0.0.1",
    ]);
    assert!(
        broker
            .said
            .iter()
            .any(|line| line.contains("the broker's certificate") && line.contains("sha256="))
    );
    let pem = std::fs::read(folder.path("state/tls.pem")).unwrap();
    let client = |roots: Vec<reqwest::Certificate>| {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        reqwest::Client::builder()
            .tls_certs_only(roots)
            .no_proxy()
            .build()
            .unwrap()
    };
    let url = format!("https://{}/healthz", broker.address);
    let trusted = client(vec![reqwest::Certificate::from_pem(&pem).unwrap()]);
    assert!(
        trusted
            .get(&url)
            .send()
            .await
            .unwrap()
            .status()
            .is_success()
    );
    assert!(client(Vec::new()).get(&url).send().await.is_err());
    broker.stop();
    // The same one after a restart.
    let broker = folder.start_with(&["--tls-self-made", "localhost"]);
    assert_eq!(std::fs::read(folder.path("state/tls.pem")).unwrap(), pem);
    drop(broker);
    let plain = folder.must_not(&[
        "serve",
        "--trust-file",
        &folder.text("trust.toml"),
        "--insecure-http-on-loopback",
        "--accept-simulated-evidence-nothing-is-confidential",
        "--listen",
        "0.0.0.0:0",
    ]);
    assert!(plain.contains("loopback alone"), "{plain}");
}
