//! The agent policy, evaluated by the engine guests use, on the requests of a job that
//! ran on real Kata (`ORIGIN.md`): it passes from its start to its end, every single
//! change is refused for its own reason, and what other releases write differently
//! passes too.

// A failed test is reported by stopping at once.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod changes;
mod guest;
mod releases;

use serde_json::{Value, json};

use crate::guest::{Guest, RECORDED, of_manifest, request};

#[test]
fn a_whole_job_of_a_real_machine_is_allowed_and_nothing_may_fail_silently() {
    let mut guest = Guest::new();
    let mut seen = [0, 0];
    for request in RECORDED.iter() {
        let (allowed, prints) = guest.ask(request.kind, &request.body);
        let asked_to_ignore = request.kind == "AllowRequestsFailingPolicy";
        assert_eq!(allowed, !asked_to_ignore, "{}: {prints}", request.name);
        seen[usize::from(asked_to_ignore)] += 1;
    }
    assert_eq!(seen, [37, 2], "what was recorded");
}

#[test]
fn each_container_is_created_once_and_in_order() {
    for role in ["sandbox", "init", "main"] {
        let mut guest = Guest::before(role);
        assert!(guest.create(&request(role)).0);
        assert!(!guest.create(&request(role)).0, "{role} twice");
        // Removing one makes no room for another.
        let removed = json!({"container_id": request(role)["container_id"], "timeout": 0});
        assert!(guest.ask("RemoveContainerRequest", &removed).0);
        assert!(
            !guest.create(&request(role)).0,
            "{role} again after it was removed"
        );
    }
    assert!(
        !Guest::new().create(&request("init")).0,
        "init before the sandbox"
    );
    assert!(
        !Guest::new().create(&request("main")).0,
        "main before everything"
    );
    assert!(
        !Guest::before("init").create(&request("main")).0,
        "main before init"
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn the_attacks_by_name_are_refused() {
    type Change = fn(&mut Value);
    let attacks: [(&str, &str, Change); 22] = [
        ("main", "another image", |r| {
            let other = of_manifest("/terms/workload/image").replace("39e1", "e5e5");
            r["storages"][0]["source"] = json!(other);
        }),
        ("main", "the agent's image as workload", |r| {
            r["storages"][0]["source"] = json!(of_manifest("/deployment/agent"));
        }),
        ("main", "another command", |r| {
            r["OCI"]["Process"]["Args"] = json!(["/cdvm/agent", "run", "x"]);
        }),
        ("main", "the workload's own program", |r| {
            r["OCI"]["Process"]["Args"] = json!(["/w"]);
        }),
        ("init", "another command", |r| {
            r["OCI"]["Process"]["Args"] = json!(["/w"]);
        }),
        ("main", "LD_PRELOAD", |r| {
            push(r, "/OCI/Process/Env", json!("LD_PRELOAD=/x.so"));
        }),
        ("main", "a second manifest", |r| {
            push(r, "/OCI/Process/Env", json!("CDVM_MANIFEST=e30="));
        }),
        ("main", "another variable of ours", |r| {
            push(r, "/OCI/Process/Env", json!("CDVM_DEBUG=1"));
        }),
        ("init", "a manifest for init", |r| {
            push(r, "/OCI/Process/Env", json!("CDVM_MANIFEST=e30="));
        }),
        ("main", "another manifest", |r| {
            let env = r["OCI"]["Process"]["Env"].as_array_mut().unwrap();
            env.retain(|entry| !entry.as_str().unwrap().starts_with("CDVM_"));
            env.push(json!("CDVM_MANIFEST=e30="));
        }),
        ("main", "no /cdvm mount", |r| {
            let mounts = r["OCI"]["Mounts"].as_array_mut().unwrap();
            mounts.retain(|mount| mount["destination"] != "/cdvm");
        }),
        ("main", "a mount over the agent", |r| {
            push(
                r,
                "/OCI/Mounts",
                json!({
                    "destination": "/cdvm/agent", "options": ["rbind", "rprivate", "ro"], "type_": "bind",
                    "source": "/run/kata-containers/shared/containers/x",
                }),
            );
        }),
        ("main", "the same mount twice", |r| {
            let mount = r["OCI"]["Mounts"][0].clone();
            push(r, "/OCI/Mounts", mount);
        }),
        ("main", "a storage more", |r| {
            push(
                r,
                "/storages",
                json!({
                    "driver": "local", "driver_options": [], "fs_group": null, "fstype": "local",
                    "mount_point": "/run/x", "options": [], "source": "local",
                }),
            );
        }),
        ("main", "another user", |r| {
            r["OCI"]["Process"]["User"]["UID"] = json!(0);
        }),
        ("main", "a capability", |r| {
            push(
                r,
                "/OCI/Process/Capabilities/Bounding",
                json!("CAP_SYS_ADMIN"),
            );
        }),
        ("main", "a device", |r| {
            push(r, "/OCI/Linux/Devices", json!({"Path": "/dev/mem"}));
        }),
        ("main", "a hook", |r| {
            r["OCI"]["Hooks"] = json!({"Prestart": [{"Path": "/x"}]});
        }),
        ("main", "a sysctl", |r| {
            r["OCI"]["Linux"]["Sysctl"] = json!({"kernel.x": "1"});
        }),
        ("main", "an unmasked path", |r| {
            let paths = r["OCI"]["Linux"]["MaskedPaths"].as_array_mut().unwrap();
            paths.retain(|path| path != "/proc/kcore");
        }),
        ("main", "a sandbox in disguise", |r| {
            r["OCI"]["Annotations"]["io.kubernetes.cri.container-type"] = json!("sandbox");
        }),
        ("main", "a sandbox in the pull options", |r| {
            let options = r["storages"][0]["driver_options"][0].as_str().unwrap();
            let options = options.replace(
                "container-type\":\"container\"",
                "container-type\":\"sandbox\"",
            );
            r["storages"][0]["driver_options"][0] = json!(options);
        }),
    ];
    for (role, name, change) in attacks {
        let mut changed = request(role);
        change(&mut changed);
        assert_ne!(
            changed,
            request(role),
            "{name}: the attack changes something"
        );
        let (allowed, prints) = Guest::before(role).create(&changed);
        assert!(!allowed, "{name}");
        assert!(prints.contains("differs in"), "{name}: {prints}");
    }
}

fn push(request: &mut Value, place: &str, item: Value) {
    request
        .pointer_mut(place)
        .unwrap()
        .as_array_mut()
        .unwrap()
        .push(item);
}

#[test]
fn what_the_runtime_may_choose_is_its_own() {
    for role in ["sandbox", "init", "main"] {
        let mut changed = request(role);
        let text = changed.to_string();
        let id = changed["container_id"].as_str().unwrap().to_owned();
        changed = serde_json::from_str(&text.replace(&id, &"ab".repeat(32))).unwrap();
        changed["OCI"]["Hostname"] = json!("elsewhere");
        changed["OCI"]["Linux"]["CgroupsPath"] = json!("/else/where");
        changed["OCI"]["Process"]["OOMScoreAdj"] = json!(-998);
        changed["OCI"]["Linux"]["Resources"]["CPU"]["Shares"] = json!(77);
        changed["stdout_port"] = json!(1026);
        changed["storages"][0]["shared"] = json!(false);
        push(&mut changed, "/OCI/Linux/MaskedPaths", json!("/proc/more"));
        let (allowed, prints) = Guest::before(role).create(&changed);
        assert!(allowed, "{role}: {prints}");
    }
}

#[test]
fn the_sandbox_and_its_files_are_as_kubernetes_makes_them() {
    let mut guest = Guest::new();
    let honest = request("CreateSandboxRequest");
    assert!(guest.ask("CreateSandboxRequest", &honest).0);
    let changes: [(&str, Value); 4] = [
        ("/guest_hook_path", json!("/usr/share/hooks")),
        ("/kernel_modules", json!([{"name": "x"}])),
        ("/sandbox_pidns", json!(true)),
        ("/storages/0/source", json!("/dev/vdb")),
    ];
    for (place, value) in changes {
        let mut changed = honest.clone();
        *changed.pointer_mut(place).unwrap() = value;
        assert!(!guest.ask("CreateSandboxRequest", &changed).0, "{place}");
    }

    let honest = request("CopyFileRequest");
    assert!(guest.ask("CopyFileRequest", &honest).0);
    let path = honest["path"].as_str().unwrap().to_owned();
    let changes: [(&str, Value); 10] = [
        ("/file_type", json!("Symlink")),
        ("/file_type", json!("Directory")),
        ("/file_mode", json!(0o100_755)),
        ("/file_mode", json!(0o104_644)),
        ("/file_mode", json!(0o120_644)),
        ("/file_mode", json!(0o644)),
        ("/path", json!("/etc/passwd")),
        ("/path", json!(path.replace("-resolv.conf", "-agent"))),
        ("/path", json!(format!("{path}/../x"))),
        ("/path", json!(format!("{path}\n"))),
    ];
    for (place, value) in changes {
        let mut changed = honest.clone();
        *changed.pointer_mut(place).unwrap() = value;
        assert!(
            !guest.ask("CopyFileRequest", &changed).0,
            "{place}: {changed}"
        );
    }
}

#[test]
fn what_lets_a_host_look_in_or_change_rules_is_never_allowed() {
    let mut guest = Guest::before("none");
    for name in [
        "ExecProcessRequest",
        "ReadStreamRequest",
        "WriteStreamRequest",
        "SetPolicyRequest",
        "UpdateEphemeralMountsRequest",
        "UpdateContainerRequest",
        "PauseContainerRequest",
        "SetGuestDateTimeRequest",
        "AddSwapRequest",
        "GetDiagnosticDataRequest",
        "StartTracingRequest",
        "SomethingNobodyKnowsRequest",
        "AllowRequestsFailingPolicy",
    ] {
        for input in [json!({}), request("main"), json!({"signal": 9})] {
            assert!(!guest.ask(name, &input).0, "{name}");
        }
    }
    for signal in [9, 15] {
        assert!(
            guest
                .ask("SignalProcessRequest", &json!({"signal": signal}))
                .0
        );
    }
    for signal in [0, 1, 2, 10, 17, 19, 30] {
        assert!(
            !guest
                .ask("SignalProcessRequest", &json!({"signal": signal}))
                .0,
            "{signal}"
        );
    }
}

#[test]
fn loopback_stays_the_guests_own() {
    let mut guest = Guest::new();
    let interface = |name: &str, flags: i64| json!({"interface": {"name": name, "hwAddr": "02:00:00:00:00:01", "IPAddresses": [], "raw_flags": flags}});
    assert!(guest.ask("UpdateInterfaceRequest", &interface("eth0", 0)).0);
    assert!(
        guest
            .ask("UpdateInterfaceRequest", &interface("eth0", 128))
            .0
    );
    assert!(!guest.ask("UpdateInterfaceRequest", &interface("lo", 0)).0);
    assert!(!guest.ask("UpdateInterfaceRequest", &interface("eth0", 8)).0);

    let route = |device: &str, source: &str| json!({"routes": {"Routes": [{"device": device, "source": source, "dest": ""}]}});
    assert!(guest.ask("UpdateRoutesRequest", &route("eth0", "")).0);
    for (device, source) in [
        ("lo", ""),
        ("eth0", "127.0.0.1"),
        ("eth0", "::1"),
        ("eth0", "0:0::1"),
    ] {
        assert!(
            !guest.ask("UpdateRoutesRequest", &route(device, source)).0,
            "{device} {source}"
        );
    }

    let neighbor = |address: &str, state: i64| {
        json!({"neighbors": {"ARPNeighbors": [{
            "device": "eth0", "toIPAddress": {"address": address, "mask": ""}, "state": state, "flags": 0,
        }]}})
    };
    assert!(
        guest
            .ask("AddARPNeighborsRequest", &neighbor("10.0.0.1", 128))
            .0
    );
    assert!(
        !guest
            .ask("AddARPNeighborsRequest", &neighbor("127.0.0.1", 128))
            .0
    );
    assert!(
        !guest
            .ask("AddARPNeighborsRequest", &neighbor("10.0.0.1", 4))
            .0
    );
}
