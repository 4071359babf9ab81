//! Who gets a secret, how often, and what its owner reads of it.

use dvm::Keys;
use reqwest::StatusCode;
use serde_json::json;

use crate::broker::{Folder, RESOURCE, SECRET, holds, until};
use crate::guest::{Guest, manifest_of, order, terms};

#[tokio::test]
async fn an_attested_guest_of_the_job_gets_the_key_once_and_again_for_itself() {
    let folder = Folder::new();
    folder.grant("score", "1");
    let broker = folder.start();
    let guest = Guest::new(&broker.url());
    // By token, by cookie, and by another token of the same machine.
    let (cookie, token) = guest.attest().await;
    let bearer = format!("Bearer {token}");
    assert_eq!(
        guest
            .ask(RESOURCE, ("authorization", &bearer))
            .await
            .unwrap(),
        SECRET
    );
    assert_eq!(
        guest.ask(RESOURCE, ("cookie", &cookie)).await.unwrap(),
        SECRET
    );
    assert_eq!(guest.again().fetch(RESOURCE).await.unwrap(), SECRET);
    // The next order finds no run left, and its customer's guest learns nothing.
    let second = Guest::new(&broker.url());
    assert_eq!(second.fetch(RESOURCE).await, None);
    broker.stop();

    let released = folder.events("released");
    let again: Vec<bool> = released
        .iter()
        .map(|line| line["again"].as_bool().unwrap())
        .collect();
    assert_eq!(again, [false, true, true]);
    assert_eq!(released[0]["guest"]["simulated"], true);
    let refused = folder.events("refused");
    assert_eq!(refused.len(), 1);
    let reason = &refused[0]["reasons"][0];
    assert_eq!(
        (&reason["grant"], &reason["check"], &reason["seen"]),
        (&json!("acme/score"), &json!("runs"), &json!("1"))
    );
    assert!(
        folder
            .must(&["list"])
            .contains("acme/score  acme/models/score-1  runs 1 of 1")
    );
    assert!(folder.must(&["log", "--verify"]).contains("whole"));
    assert!(
        folder
            .must(&["log", "--owner", "acme"])
            .contains("runs: expected fewer than 1, seen 1")
    );
    assert!(!folder.must(&["log", "--owner", "rival"]).contains("acme"));
    // The secret lies in no file but the one it came from.
    std::fs::remove_file(folder.path("secret")).unwrap();
    assert!(!holds(&folder.path(""), SECRET));
}

#[tokio::test]
async fn a_second_machine_of_the_same_attempt_gets_nothing() {
    let folder = Folder::new();
    folder.grant("score", "unlimited");
    let broker = folder.start();
    let manifest = manifest_of(order(&Keys::generate()), terms(), 1);
    let first = Guest::of(&broker.url(), &manifest);
    let second = Guest::of(&broker.url(), &manifest);
    assert_eq!(first.fetch(RESOURCE).await.unwrap(), SECRET);
    assert_eq!(second.fetch(RESOURCE).await, None);
    assert_eq!(first.fetch(RESOURCE).await.unwrap(), SECRET);
}

#[tokio::test]
async fn what_is_refused_looks_like_what_is_not_there() {
    let folder = Folder::new();
    folder.grant("score", "unlimited");
    folder.must(&["put", "acme/models/other", &folder.text("secret")]);
    let broker = folder.start();
    let mut value = serde_json::to_value(terms()).unwrap();
    value["workload"]["argv"] = json!(["/bin/cat", "/cdvm/job/secrets/model-key"]);
    let cat = manifest_of(
        order(&Keys::generate()),
        serde_json::from_value(value).unwrap(),
        1,
    );
    let guest = Guest::of(&broker.url(), &cat);
    let (_, token) = guest.attest().await;
    let bearer = format!("Bearer {token}");
    let mut answers = Vec::new();
    for path in [
        RESOURCE,
        "acme/models/other",
        "acme/models/none",
        "nobody/a/b",
        "not-a-path",
    ] {
        answers.push(
            guest
                .ask(path, ("authorization", &bearer))
                .await
                .unwrap_err(),
        );
    }
    answers.dedup();
    let denied = "https://github.com/confidential-containers/kbs/errors/PolicyDeny";
    assert_eq!(
        answers,
        [(
            StatusCode::UNAUTHORIZED,
            json!({"type": denied, "detail": "Access denied by policy"})
        )]
    );
    let refused = folder.events("refused");
    assert_eq!(refused[0]["reasons"][0]["check"], "workload command");
    assert_eq!(refused[1]["reasons"][0]["check"], "grant");
}

#[tokio::test]
async fn grants_are_read_while_it_runs_and_a_bad_file_changes_nothing() {
    let folder = Folder::new();
    folder.must(&["put", RESOURCE, &folder.text("secret")]);
    let broker = folder.start();
    let url = broker.url();
    assert_eq!(Guest::new(&url).fetch(RESOURCE).await, None);
    folder.grant("score", "unlimited");
    until("the grant counts", async || {
        Guest::new(&url).fetch(RESOURCE).await.is_some()
    })
    .await;
    let good = std::fs::read_to_string(folder.path("grants/acme.toml")).unwrap();
    std::fs::write(
        folder.path("grants/acme.toml"),
        good.replace("runs =", "rnus ="),
    )
    .unwrap();
    let metric = async || {
        reqwest::get(format!("{url}/metrics"))
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    };
    until("the bad file is seen", async || {
        metric().await.contains("grant_files_refused_total 1")
    })
    .await;
    assert!(Guest::new(&url).fetch(RESOURCE).await.is_some());
    assert!(folder.must_not(&["check"]).contains("rnus"));
    std::fs::remove_file(folder.path("grants/acme.toml")).unwrap();
    until("the grant is gone", async || {
        Guest::new(&url).fetch(RESOURCE).await.is_none()
    })
    .await;
}

#[tokio::test]
async fn a_revoked_grant_ends_at_once_and_for_good() {
    let folder = Folder::new();
    folder.grant("score", "unlimited");
    let broker = folder.start();
    let guest = Guest::new(&broker.url());
    assert!(guest.fetch(RESOURCE).await.is_some());
    folder.must(&["revoke", "acme/score"]);
    assert!(guest.fetch(RESOURCE).await.is_none());
    broker.stop();
    let broker = folder.start();
    assert!(Guest::new(&broker.url()).fetch(RESOURCE).await.is_none());
    assert!(folder.must(&["list"]).contains("REVOKED"));
    assert!(
        folder
            .must_not(&["revoke", "acme/none"])
            .contains("there is no grant")
    );
}

#[tokio::test]
async fn a_token_of_before_a_restart_is_over_and_the_runs_are_not() {
    let folder = Folder::new();
    folder.grant("score", "1");
    let broker = folder.start();
    let guest = Guest::new(&broker.url());
    let (cookie, token) = guest.attest().await;
    let bearer = format!("Bearer {token}");
    assert!(
        guest
            .ask(RESOURCE, ("authorization", &bearer))
            .await
            .is_ok()
    );
    broker.stop();
    let broker = folder.start();
    let mut other = Guest::new(&broker.url());
    for header in [("authorization", &*bearer), ("cookie", &*cookie)] {
        assert_eq!(
            other.ask(RESOURCE, header).await.unwrap_err().0,
            StatusCode::UNAUTHORIZED
        );
    }
    assert_eq!(other.fetch(RESOURCE).await, None);
    other = Guest::of(
        &broker.url(),
        &manifest_of(order(&Keys::generate()), terms(), 2),
    );
    assert_eq!(other.fetch(RESOURCE).await, None);
}
