//! What counts: each promise with its neighbour.

use rusqlite::Connection;

use super::{
    Answer, Ask, append, delete, head, is_revoked, open, release, resources, revoke, runs, sweep,
    walk, write,
};
use crate::examples::{NOW, RESOURCE, guest, manifest, manifest_with, order, terms};
use crate::grant::{Limit, Limits};
use crate::log::{Event, Who};

const FREE: Limits = Limits {
    runs: Limit::Unlimited,
    runs_per_customer: Limit::Unlimited,
    runs_per_day: Limit::Unlimited,
};

fn state() -> Connection {
    let state = open(std::path::Path::new(":memory:")).unwrap();
    write(&state, RESOURCE, b"sealed", "test", NOW).unwrap();
    state
}

fn who(customer: u8, attempt: u32, instance: &str) -> Who {
    Who::of(&guest(
        &manifest_with(order(customer), terms(), attempt),
        instance,
    ))
}

fn ask_at(state: &Connection, limits: Limits, guest: Who, now: u64) -> Result<Vec<u8>, String> {
    let ask = Ask {
        resource: RESOURCE.to_owned(),
        permits: vec![("acme/score".to_owned(), limits)],
        refused: Vec::new(),
        guest,
    };
    match release(state, ask, now).unwrap() {
        Answer::Released(sealed) => Ok(sealed),
        Answer::Refused(reasons) => Err(reasons.last().unwrap().check.clone()),
    }
}

fn ask(state: &Connection, limits: Limits, guest: Who) -> Result<Vec<u8>, String> {
    ask_at(state, limits, guest, NOW)
}

#[test]
fn one_run_is_one_machine_of_one_attempt() {
    let state = state();
    let once = Limits {
        runs: Limit::AtMost(1),
        ..FREE
    };
    assert_eq!(ask(&state, once, who(3, 1, "a")).unwrap(), b"sealed");
    // The same machine comes again: the same run.
    assert!(ask(&state, once, who(3, 1, "a")).is_ok());
    // A second one, started by the host from the same init data.
    assert_eq!(ask(&state, once, who(3, 1, "b")), Err("machine".to_owned()));
    // Another attempt, another order: further runs.
    assert_eq!(ask(&state, once, who(3, 2, "c")), Err("runs".to_owned()));
    assert_eq!(ask(&state, once, who(5, 1, "d")), Err("runs".to_owned()));
    assert_eq!(runs(&state, "acme/score").unwrap(), 1);
    // Also where nothing is counted.
    assert_eq!(ask(&state, FREE, who(3, 1, "b")), Err("machine".to_owned()));
}

#[test]
fn customers_and_days_have_their_own_counts() {
    let state = state();
    let two = Limits {
        runs_per_customer: Limit::AtMost(2),
        ..FREE
    };
    assert!(ask(&state, two, who(3, 1, "a")).is_ok());
    assert!(ask(&state, two, who(3, 2, "b")).is_ok());
    assert_eq!(
        ask(&state, two, who(3, 3, "c")),
        Err("runs of this customer".to_owned())
    );
    assert!(ask(&state, two, who(5, 1, "d")).is_ok());
    let daily = Limits {
        runs_per_day: Limit::AtMost(3),
        ..FREE
    };
    assert_eq!(
        ask(&state, daily, who(7, 1, "e")),
        Err("runs of this day".to_owned())
    );
    assert!(ask_at(&state, daily, who(7, 1, "e"), NOW + 86_400).is_ok());
}

#[test]
fn nothing_is_released_by_no_permit_of_a_revoked_one_or_where_nothing_is() {
    let state = state();
    let none = Ask {
        resource: RESOURCE.to_owned(),
        permits: Vec::new(),
        refused: Vec::new(),
        guest: who(3, 1, "a"),
    };
    assert_eq!(
        release(&state, none, NOW).unwrap(),
        Answer::Refused(Vec::new())
    );
    assert!(revoke(&state, "acme/score", "test", NOW).unwrap());
    assert!(!revoke(&state, "acme/score", "test", NOW).unwrap());
    assert!(is_revoked(&state, "acme/score").unwrap());
    assert_eq!(ask(&state, FREE, who(3, 1, "a")), Err("revoked".to_owned()));
    let state = self::state();
    assert!(delete(&state, RESOURCE, "test", NOW).unwrap());
    assert!(!delete(&state, RESOURCE, "test", NOW).unwrap());
    assert_eq!(ask(&state, FREE, who(3, 1, "a")), Err("secret".to_owned()));
    assert_eq!(runs(&state, "acme/score").unwrap(), 0);
}

#[test]
fn a_used_up_grant_makes_room_for_the_next() {
    let state = state();
    let once = Limits {
        runs: Limit::AtMost(1),
        ..FREE
    };
    let both = |instance: &str, customer| Ask {
        resource: RESOURCE.to_owned(),
        permits: vec![("acme/one".to_owned(), once), ("acme/two".to_owned(), once)],
        refused: Vec::new(),
        guest: who(customer, 1, instance),
    };
    for (instance, customer) in [("a", 3), ("b", 5)] {
        let answer = release(&state, both(instance, customer), NOW).unwrap();
        assert!(matches!(answer, Answer::Released(_)));
    }
    let Answer::Refused(reasons) = release(&state, both("c", 7), NOW).unwrap() else {
        panic!("a third run of two");
    };
    assert_eq!(reasons.len(), 2);
}

#[test]
fn what_is_counted_of_an_owners_secret_outlives_it_and_of_a_jobs_does_not() {
    let state = state();
    let job = format!("cdvm/{}/own", "ab".repeat(32));
    write(&state, &job, b"own", "operator", NOW).unwrap();
    for (resource, permit) in [(RESOURCE, "acme/score"), (&job, &job)] {
        let ask = Ask {
            resource: resource.to_owned(),
            permits: vec![(permit.to_owned(), FREE)],
            refused: Vec::new(),
            guest: who(3, 1, "a"),
        };
        assert!(matches!(
            release(&state, ask, NOW).unwrap(),
            Answer::Released(_)
        ));
        assert!(delete(&state, resource, "test", NOW).unwrap());
    }
    assert_eq!(runs(&state, "acme/score").unwrap(), 1);
    assert_eq!(runs(&state, &job).unwrap(), 0);
    assert!(resources(&state).unwrap().is_empty());
}

#[test]
fn a_log_with_a_line_changed_taken_out_or_put_in_is_not_whole() {
    for break_it in [
        "UPDATE log SET entry = replace(entry, 'rival', 'acme') WHERE seq = 3",
        "UPDATE log SET at = at + 1 WHERE seq = 3",
        "UPDATE log SET hash = zeroblob(32) WHERE seq = 3",
        "DELETE FROM log WHERE seq = 3",
        "DELETE FROM log WHERE seq = 1",
        "INSERT INTO log SELECT 99, at, entry, hash FROM log WHERE seq = 3",
        "UPDATE log SET seq = 42 WHERE seq = 5",
    ] {
        let state = state();
        for owner in ["acme", "rival", "third", "fourth"] {
            let owner = owner.to_owned();
            let event = Event::Grants {
                owner,
                grants: 1,
                digest: String::new(),
            };
            append(&state, &event, NOW).unwrap();
        }
        let end = walk(&state, |_| Ok(())).unwrap();
        assert_eq!((end, end.seq), (head(&state).unwrap(), 5));
        assert_eq!(state.execute(break_it, []).unwrap(), 1, "{break_it}");
        assert!(walk(&state, |_| Ok(())).is_err(), "{break_it}");
    }
}

#[test]
fn every_release_is_one_line_that_says_to_whom() {
    let state = state();
    ask(&state, FREE, Who::of(&guest(&manifest(1), "a"))).unwrap();
    let mut lines = Vec::new();
    walk(&state, |line| {
        lines.push(line.text);
        Ok(())
    })
    .unwrap();
    let last: Event = serde_json::from_str(lines.last().unwrap()).unwrap();
    let Event::Released {
        resource,
        grant,
        again,
        guest,
    } = last
    else {
        panic!("{lines:?}");
    };
    assert_eq!(
        (&*resource, &*grant, again),
        (RESOURCE, "acme/score", false)
    );
    assert_eq!(guest.order, "03".repeat(32));
    assert!(guest.simulated && guest.customer.starts_with("npub1"));
}

#[test]
fn a_later_state_is_not_opened() {
    let dir = std::env::temp_dir().join(format!("cdvm-kbs-store-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("state.db");
    open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 2)
        .unwrap();
    assert!(
        open(&path)
            .unwrap_err()
            .to_string()
            .contains("newer release")
    );
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn secrets_of_jobs_that_are_long_over_are_forgotten_and_owners_are_not() {
    let state = state();
    for (name, at) in [("old", NOW - 100), ("new", NOW)] {
        let path = format!("cdvm/{}/{name}", "ab".repeat(32));
        write(&state, &path, b"s", "operator", at).unwrap();
    }
    assert_eq!(sweep(&state, NOW, NOW).unwrap(), 1);
    assert_eq!(sweep(&state, NOW, NOW).unwrap(), 0);
    let left = resources(&state).unwrap();
    assert_eq!(left.len(), 2);
    assert!(
        left.iter().any(|name| name == RESOURCE) && left.iter().any(|name| name.ends_with("/new"))
    );
}

#[test]
fn a_secret_of_a_job_that_is_put_there_again_is_one_line_and_an_owners_each_time() {
    let state = state();
    let job = format!("cdvm/{}/own", "ab".repeat(32));
    for name in [&job, &job, RESOURCE] {
        write(&state, name, b"again", "test", NOW + 1).unwrap();
    }
    // The example's own, one of the job, and the owner's new one.
    assert_eq!(head(&state).unwrap().seq, 3);
}
