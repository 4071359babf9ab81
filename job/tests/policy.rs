//! The agent policy, evaluated by the engine guests use, on requests as the guest
//! sees them: the three honest containers pass in their order, and every single
//! change is refused for its own reason.

// A failed test is reported by stopping at once.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use job::{
    Attempt, Deployment, Event, JobId, Manifest, Order, PublicKey, Terms, Timestamp, init_data,
    policy_text,
};
use regorus::{Engine, PolicyLengthConfig, Value as Rego};
use serde_json::{Value, json};

const AGENT: &str = "registry.example/agent@sha256:7777777777777777777777777777777777777777777777777777777777777777";
const WORKLOAD: &str =
    "registry.example/work@sha256:9191919191919191919191919191919191919191919191919191919191919191";

fn manifest() -> Manifest {
    let tag = |name: &str, value: String| vec![name.to_owned(), value];
    let event = Event {
        id: JobId::from_bytes([2; 32]),
        pubkey: PublicKey::from_bytes([3; 32]),
        created_at: 1_790_000_000,
        kind: 5999,
        tags: vec![
            tag("p", "04".repeat(32)),
            tag("challenge", "05".repeat(32)),
            tag("relays", "wss://relay.example".to_owned()),
            tag("expiration", "1790003600".to_owned()),
            tag("offer", "0f".repeat(32)),
        ],
        content: String::new(),
        sig: "00".repeat(64),
    };
    let terms: Terms = serde_json::from_value(json!({
        "workload": {"image": WORKLOAD, "imageEnv": ["PATH=/", "LANG=C"], "argv": ["/w"], "env": []},
        "params": [],
        "input": {"maxBytes": 1000, "waitSeconds": 60, "chat": false},
        "output": {"from": "stdout", "maxBytes": 1000},
        "network": {"allow": []}, "secrets": [],
        "resources": {"vcpus": 2, "memoryMiB": 3072},
        "timeoutSeconds": 300, "blobServers": [], "kbs": null,
    }))
    .unwrap();
    let deployment = Deployment {
        attempt: Attempt::FIRST,
        not_after: Timestamp::from_secs(1_790_001_000),
        agent: AGENT.parse().unwrap(),
    };
    let order = Order::from_event(event, |_| true).unwrap();
    Manifest::new(order, terms, deployment).unwrap()
}

/// The engine as Kata's agent sets it up.
struct Guest(Engine);

impl Guest {
    fn new() -> Self {
        let mut engine = Engine::new();
        engine.set_strict_builtin_errors(false);
        engine.set_gather_prints(true);
        engine.set_policy_length_config(PolicyLengthConfig {
            max_col: (64 * 1024).try_into().unwrap(),
            max_file_bytes: (16 * 1024 * 1024).try_into().unwrap(),
            max_lines: 200_000.try_into().unwrap(),
        });
        let state = Rego::from_json_str("{\"pstate\": {}}").unwrap();
        engine.add_data(state).unwrap();
        let text = policy_text(&manifest());
        engine.add_policy("agent_policy".to_owned(), text).unwrap();
        Self(engine)
    }

    /// Whether a request is allowed; what the policy printed.
    fn ask(&mut self, name: &str, request: &Value) -> (bool, String) {
        self.0.set_input_json(&request.to_string()).unwrap();
        let query = format!("data.agent_policy.{name}");
        let results = self.0.eval_query(query, false).unwrap();
        let prints = self.0.take_prints().unwrap().join(" ");
        let answer = results
            .result
            .first()
            .map(|r| r.expressions[0].value.clone());
        let Some(answer) = answer else {
            return (false, prints);
        };
        let answer: Value = serde_json::from_str(&answer.to_string()).unwrap();
        match answer {
            Value::Bool(allowed) => (allowed, prints),
            answer => {
                let op = &answer["ops"][0];
                assert_eq!(op["op"], "add");
                let role = op["path"]
                    .as_str()
                    .unwrap()
                    .strip_prefix("/pstate/")
                    .unwrap();
                let mut data: Value = serde_json::from_str(&self.0.get_data().to_string()).unwrap();
                data["pstate"][role] = op["value"].clone();
                self.0.clear_data();
                self.0
                    .add_data(Rego::from_json_str(&data.to_string()).unwrap())
                    .unwrap();
                (answer["allowed"] == json!(true), prints)
            }
        }
    }

    fn create(&mut self, request: &Value) -> (bool, String) {
        self.ask("CreateContainerRequest", request)
    }

    /// A guest in which the containers before `role` were created.
    fn before(role: &str) -> Self {
        let mut guest = Self::new();
        for earlier in ["sandbox", "init", "main"] {
            if earlier == role {
                return guest;
            }
            assert!(guest.create(&request(earlier)).0);
        }
        guest
    }
}

fn request(name: &str) -> Value {
    let text = match name {
        "sandbox" => include_str!("policy/sandbox.json"),
        "init" => include_str!("policy/init.json"),
        "main" => include_str!("policy/main.json"),
        "create-sandbox" => include_str!("policy/create-sandbox.json"),
        "copy-file" => include_str!("policy/copy-file.json"),
        other => panic!("no request {other}"),
    };
    let manifest = manifest();
    let text = text
        .replace("{init data}", &init_data(&manifest).unwrap().annotation())
        .replace("{manifest}", &BASE64.encode(manifest.bytes()))
        .replace("{agent}", AGENT)
        .replace("{workload}", WORKLOAD);
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_honest_containers_pass_in_their_order() {
    let mut guest = Guest::new();
    for role in ["sandbox", "init", "main"] {
        let (allowed, prints) = guest.create(&request(role));
        assert!(allowed, "{role}: {prints}");
    }
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

/// Every place of a request, as JSON pointers.
fn places(value: &Value, at: &str, out: &mut Vec<String>) {
    out.push(at.to_owned());
    let escape = |name: &str| name.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                places(field, &format!("{at}/{}", escape(name)), out);
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{i}"), out);
            }
        }
        _ => {}
    }
}

/// What a host may choose: its value can change and the request still passes. All
/// else is fixed to the letter.
fn is_free(place: &str, value: &Value) -> bool {
    let entry = value.as_str().unwrap_or_default();
    let annotation = |name: &str| {
        let name = name.replace('/', "~1");
        place == format!("/OCI/Annotations/{name}")
    };
    place == "/OCI/Hostname"
        || place == "/OCI/Linux/CgroupsPath"
        || place == "/OCI/Process/OOMScoreAdj"
        || place.starts_with("/OCI/Linux/Resources/CPU/") && {
            ["Period", "Quota", "Shares"]
                .iter()
                .any(|name| place.ends_with(name))
        }
        || place.starts_with("/OCI/Linux/Resources/Memory/") && {
            ["Limit", "Reservation", "Swap"]
                .iter()
                .any(|name| place.ends_with(name))
        }
        || ["stdin_port", "stdout_port", "stderr_port"]
            .iter()
            .any(|port| place == format!("/{port}"))
        || annotation("io.katacontainers.config.hypervisor.cc_init_data")
        || annotation("io.katacontainers.pkg.oci.bundle_path")
        || place.starts_with("/OCI/Linux/MaskedPaths")
        || place.starts_with("/OCI/Linux/ReadonlyPaths")
        || (place.starts_with("/OCI/Annotations/io.kubernetes.cri.")
            && !place.ends_with("container-type")
            && !place.ends_with("sandbox-id"))
        || ["PATH=", "HOSTNAME=", "KUBERNETES_"]
            .iter()
            .any(|name| entry.starts_with(name))
}

/// Another value of the same type.
fn another(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(value) => json!(!value),
        Value::Number(_) => json!(4711),
        Value::String(text) => json!(format!("{text}x")),
        Value::Array(items) => {
            let mut items = items.clone();
            items.push(json!("x"));
            json!(items)
        }
        Value::Object(fields) => {
            let mut fields = fields.clone();
            fields.insert("x".to_owned(), json!("x"));
            json!(fields)
        }
    }
}

#[test]
fn every_single_change_of_a_container_is_refused() {
    for role in ["sandbox", "init", "main"] {
        let honest = request(role);
        let mut all = Vec::new();
        places(&honest, "", &mut all);
        let mut refused = 0;
        for place in all {
            if is_free(&place, honest.pointer(&place).unwrap())
                || place.starts_with("/OCI/Annotations") && place.matches('/').count() == 2
            {
                continue;
            }
            let mut changed = honest.clone();
            let at = changed.pointer_mut(&place).unwrap();
            *at = another(at);
            let (allowed, _) = Guest::before(role).create(&changed);
            assert!(!allowed, "{role}: {place} was changed");
            refused += 1;
        }
        assert!(refused > 150, "{role}: only {refused} places");
    }
}

#[test]
fn every_missing_field_of_a_container_is_refused() {
    for role in ["sandbox", "init", "main"] {
        let honest = request(role);
        let mut all = Vec::new();
        places(&honest, "", &mut all);
        for place in all.iter().filter(|place| !place.is_empty()) {
            let (parent, name) = place.rsplit_once('/').unwrap();
            let mut changed = honest.clone();
            let parent_value = changed.pointer_mut(parent).unwrap();
            match parent_value {
                Value::Object(fields) => {
                    let name = name.replace("~1", "/").replace("~0", "~");
                    fields.remove(&name);
                }
                Value::Array(items) => {
                    items.remove(name.parse().unwrap());
                }
                _ => continue,
            }
            // Annotations of the runtime, entries of the environment and longer lists
            // of hidden paths may be fewer; the manifest may not be missing.
            let optional = parent == "/OCI/Annotations"
                && !["container_type", "container-type"]
                    .iter()
                    .any(|end| name.ends_with(end))
                || parent == "/OCI/Process/Env"
                    && !honest
                        .pointer(place)
                        .unwrap()
                        .as_str()
                        .unwrap()
                        .starts_with("CDVM_")
                || parent == "/OCI/Linux/MaskedPaths";
            if optional {
                continue;
            }
            let (allowed, _) = Guest::before(role).create(&changed);
            assert!(!allowed, "{role}: {place} was left out");
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn the_attacks_by_name_are_refused() {
    type Change = fn(&mut Value);
    let attacks: [(&str, &str, Change); 22] = [
        ("main", "another image", |r| {
            let other = WORKLOAD.replace("91", "e5");
            r["storages"][0]["source"] = json!(other);
        }),
        ("main", "the agent's image as workload", |r| {
            r["storages"][0]["source"] = json!(AGENT);
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
    let honest = request("create-sandbox");
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

    let honest = request("copy-file");
    assert!(guest.ask("CopyFileRequest", &honest).0);
    let path = honest["path"].as_str().unwrap().to_owned();
    let changes: [(&str, Value); 7] = [
        ("/file_type", json!("Symlink")),
        ("/file_type", json!("Directory")),
        ("/file_mode", json!(0o100_755)),
        ("/path", json!("/etc/passwd")),
        ("/path", json!(path.replace("-hosts", "-agent"))),
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
    let interface = |name: &str, flags: i64| json!({"interface": {"name": name, "hwAddr": "02:00:00:00:00:01", "raw_flags": flags}});
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
