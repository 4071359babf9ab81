//! Settings that are kept: what holds and why, changing it, and what may not stand
//! there.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use insta::assert_snapshot;

use crate::jobs::recorded;
use crate::parties::Provider;
use crate::world::World;

/// `cdvm` with nothing typed but this, and these variables.
async fn cdvm(world: &World, args: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_cdvm"));
    command.args(args).current_dir(&world.dir).env_clear();
    command
        .env("HOME", &world.dir)
        .envs(variables.iter().copied());
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().await.unwrap();
    let text = [stdout, stderr].concat();
    (status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_holds_where_nothing_is_typed() {
    let world = World::new().await;
    let (code, path) = cdvm(&world, &["config", "--path"], &[]).await;
    let file = world.path(".config/cdvm/config.toml");
    assert_eq!((code, path.trim()), (0, file.to_str().unwrap()));
    let elsewhere = world.path("elsewhere");
    let xdg = [("XDG_CONFIG_HOME", elsewhere.to_str().unwrap())];
    let (_, path) = cdvm(&world, &["config", "--path"], &xdg).await;
    assert!(path.trim().ends_with("elsewhere/cdvm/config.toml"));

    let set = ["config", "set", "key_server", "https://mirror.example"];
    let (code, text) = cdvm(&world, &set, &[]).await;
    assert_eq!(code, 0, "{text}");
    let mine = format!("# mine\n{}", std::fs::read_to_string(&file).unwrap());
    std::fs::write(&file, mine).unwrap();
    for args in [
        &[
            "config",
            "set",
            "relays",
            &world.url,
            "--allow-plain-relays",
        ][..],
        &[
            "config",
            "set",
            "trust",
            "trust.toml",
            "--allow-plain-relays",
        ],
        &["config", "set", "state", "~/jobs", "--allow-plain-relays"],
    ] {
        let (code, text) = cdvm(&world, args, &[]).await;
        assert_eq!(code, 0, "{text}");
    }
    let variables = [("CDVM_KEY_SERVER", "https://of.the.environment")];
    let args = ["config", "--allow-plain-relays", "--state", "/typed"];
    let (code, text) = cdvm(&world, &args, &variables).await;
    assert_eq!(code, 0, "{text}");
    let shown: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("intel"))
        .collect();
    let shown = shown.join("\n").replace(&world.url, "RELAY");
    // How wide a column is depends on the port and the folder.
    let lines = shown
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let shown = lines.collect::<Vec<_>>().join("\n");
    assert_snapshot!(recorded(&world, &shown), @r#"
    relays RELAY ~/.config/cdvm/config.toml, line 3
    key_server https://of.the.environment CDVM_KEY_SERVER
    key a fresh one per job default
    trust ~/trust.toml ~/.config/cdvm/config.toml, line 4
    state /typed --state
    Next: change one with cdvm config set NAME VALUE; they are kept in ~/.config/cdvm/config.toml
    "#);

    // They hold: a job is ordered without an option but those that may not be kept.
    let mut provider = Provider::of(&world).await;
    let order = ["request", "analyse", "--allow-plain-relays"];
    let (code, text) = cdvm(&world, &order, &[]).await;
    assert_eq!(code, 0, "{text}");
    let order = provider.order().await;
    assert!(world.path("jobs").join(order.id().to_string()).is_dir());
    // A key that is set signs new orders, and takes no job away from its own.
    let (code, _) = cdvm(
        &world,
        &["key", "new", "--out", "my.nsec", "--allow-plain-relays"],
        &[],
    )
    .await;
    assert_eq!(code, 0);
    let set = ["config", "set", "key", "my.nsec", "--allow-plain-relays"];
    assert_eq!(cdvm(&world, &set, &[]).await.0, 0);
    let job = order.id().to_string();
    let (code, text) = cdvm(&world, &["cancel", &job, "--allow-plain-relays"], &[]).await;
    assert_eq!(code, 0, "{text}");
    provider.rumor().await;
    let (code, text) = cdvm(&world, &["request", "analyse", "--allow-plain-relays"], &[]).await;
    assert_eq!(code, 0, "{text}");
    let order = provider.order().await;
    assert!(
        !world
            .path("jobs")
            .join(order.id().to_string())
            .join("key.nsec")
            .exists()
    );

    assert_eq!(cdvm(&world, &["config", "unset", "state"], &[]).await.0, 0);
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace(&world.url, "RELAY");
    assert_snapshot!(recorded(&world, &text), @r#"
    # mine
    key_server = "https://mirror.example"
    relays = ["RELAY"]
    trust = "~/trust.toml"
    key = "~/my.nsec"
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_setting_is_is_refused_by_line_and_nearest_name() {
    let world = World::new().await;
    let file = world.path(".config/cdvm/config.toml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    for (text, line, word) in [
        ("relay = ['wss://x']\n", 1, "do you mean relays?"),
        ("# a\n\naccept_simulated = true\n", 3, "turns a check off"),
        ("allow-plain-relays = true\n", 1, "turns a check off"),
        ("key = 'nsec1abcdef'\n", 1, "name the file"),
        ("\nrelays = ['ws://x']\n", 2, "--allow-plain-relays"),
        ("key_server = 'http://x'\n", 1, "is not encrypted"),
        ("trust = '/nofile'\n", 1, "/nofile is not there"),
    ] {
        std::fs::write(&file, text).unwrap();
        let args = ["collateral", "list"];
        let (code, said) = cdvm(&world, &args, &[]).await;
        assert_eq!(code, 2, "{text}: {said}");
        let line = format!("config.toml, line {line}");
        assert!(
            said.contains(&line) && said.contains(word),
            "{text}: {said}"
        );
        assert!(!said.contains("nsec1abcdef"), "{said}");
    }
    std::fs::write(&file, "relay = ['wss://x']\n").unwrap();
    let (_, said) = cdvm(&world, &["jobs"], &[]).await;
    assert_snapshot!(recorded(&world, &said), @r#"
    Not done: ~/.config/cdvm/config.toml, line 1: there is no setting "relay"; do you mean relays? Nothing was done.
    Next: correct that line, or remove it: cdvm config unset NAME
    "#);
    // It can be mended by the command too.
    assert_eq!(cdvm(&world, &["config", "unset", "relay"], &[]).await.0, 0);
    assert_eq!(cdvm(&world, &["jobs"], &[]).await.0, 0);
    for (args, word) in [
        (
            &["config", "set", "relayz", "wss://x"][..],
            "do you mean relays?",
        ),
        (
            &["config", "set", "relays", "ws://x"],
            "--allow-plain-relays",
        ),
        (
            &["config", "set", "key", "nsec1abcdef"],
            "holds a secret key",
        ),
        (&["config", "set", "key", "/a", "/b"], "takes one value"),
        (&["config", "set", "offline", "true"], "there is no setting"),
        (&["config", "unset", "state"], "is not set"),
    ] {
        let (code, said) = cdvm(&world, args, &[]).await;
        assert!(code == 2 && said.contains(word), "{args:?}: {said}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "");
    std::fs::write(&file, "#".repeat(65 * 1024)).unwrap();
    let (code, said) = cdvm(&world, &["jobs"], &[]).await;
    assert!(
        code == 2 && said.contains("more than 65536 bytes"),
        "{said}"
    );
    std::fs::write(&file, "").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    let (code, said) = cdvm(&world, &["jobs"], &[]).await;
    assert!(
        code == 2 && said.contains("can be written by everybody"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn help_teaches_by_example() {
    let world = World::new().await;
    for (command, example) in [
        ("jobs", "cdvm jobs --most 1000 --json"),
        ("show", "cdvm show 4f1c9be0"),
        ("forget", "cdvm forget --all-ended --yes"),
        ("config", "cdvm config set relays wss://one.example"),
    ] {
        let (code, text) = cdvm(&world, &[command, "--help"], &[]).await;
        assert!(code == 0 && text.contains(example), "{text}");
    }
}

/// Who made a mistake with a file they may not lose hears of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_is_said_and_leaves_nothing_behind() {
    let world = World::new().await;
    let cdvm = env!("CARGO_BIN_EXE_cdvm");
    // A disk that takes nothing, and a limit of no bytes for each file.
    let shell = |script: &str| {
        let mut command = std::process::Command::new("sh");
        command
            .args(["-c", script])
            .current_dir(&world.dir)
            .env("HOME", &world.dir)
            .env("cdvm", cdvm);
        let Output { status, stderr, .. } = command.output().unwrap();
        (status.code(), String::from_utf8(stderr).unwrap())
    };
    for script in [
        "$cdvm key new --out - >/dev/full",
        "$cdvm config >/dev/full",
        "$cdvm --json config >/dev/full",
    ] {
        let (code, said) = shell(script);
        assert_eq!(code, Some(1), "{script}: {said}");
        assert!(
            said.contains("failed to write to standard output"),
            "{script}: {said}"
        );
    }
    // Who reads only the first line wants no more.
    let (code, said) = shell("{ $cdvm config; echo $? >code; } | head -n 1 >first");
    assert_eq!((code, &*said), (Some(0), ""));
    assert_eq!(std::fs::read_to_string(world.path("code")).unwrap(), "0\n");
    let full = "trap '' XFSZ; ulimit -f 0; ";
    let (code, said) = shell(&format!("{full} $cdvm key new --out k"));
    assert_eq!((code, world.path("k").exists()), (Some(1), false), "{said}");
    let (code, said) = shell(&format!(
        "{full} $cdvm config set relays wss://relay.example"
    ));
    assert_eq!(code, Some(1), "{said}");
    let left = std::fs::read_dir(world.path(".config/cdvm"))
        .unwrap()
        .count();
    assert_eq!(left, 0);
    let (code, said) = shell("$cdvm key new --out k");
    assert_eq!(code, Some(0), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_are_changed_at_once_are_all_kept() {
    let world = World::new().await;
    let sets = [
        ["key_server", "https://mirror.example"],
        ["relays", "wss://a.example,wss://b.example"],
        ["state", "/s"],
        ["trust", "/t"],
    ];
    let tasks = sets.map(|[name, value]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_cdvm"));
        command
            .args(["config", "set", name, value])
            .env_clear()
            .env("HOME", &world.dir);
        command.spawn().unwrap()
    });
    for mut task in tasks {
        assert!(task.wait().await.unwrap().success());
    }
    let kept = std::fs::read_to_string(world.path(".config/cdvm/config.toml")).unwrap();
    for line in [
        "key_server",
        "state",
        "trust",
        "\"wss://a.example\", \"wss://b.example\"",
    ] {
        assert!(kept.contains(line), "{line}: {kept}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_of_ones_own_are_never_passed_over() {
    let world = World::new().await;
    let own = world.path(".config/cdvm/trust.toml");
    std::fs::create_dir_all(own.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("nowhere.toml", &own).unwrap();
    let report = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../evidence/tests/vectors/milan-v2-report.hex"
    );
    let verify = [
        "verify",
        "--offline",
        "--evidence",
        report,
        "--host-data",
        "any",
        "--report-data",
        "any",
    ];
    let (code, said) = cdvm(&world, &verify, &[]).await;
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("trust.toml"), "{said}");
    std::fs::remove_file(&own).unwrap();
    // Its content is not what is asked here: everybody may write it.
    std::fs::write(&own, "version = 1\n").unwrap();
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o666)).unwrap();
    let (code, said) = cdvm(&world, &verify, &[]).await;
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("can be written by everybody"), "{said}");
    std::fs::remove_file(&own).unwrap();
    // A digit too few is not "not said".
    let digits = "a".repeat(63);
    let typed = [
        "verify",
        "--evidence",
        report,
        "--host-data",
        &digits,
        "--report-data",
        "any",
    ];
    let (code, said) = cdvm(&world, &typed, &[]).await;
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("--host-data has 63 hex digits"), "{said}");
}
