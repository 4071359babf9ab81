//! What is composed here is what a real host half sent, field by field: the policy's
//! recording (`job/tests/policy/ORIGIN.md`) is turned back into what containerd had
//! asked, and translated again.

// A failed test is reported by stopping at once.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::{Value, json};

use super::{Container, HostFile, destroyed, removed, sandbox_started, started};

const RECORDED: &str = include_str!("../../../../job/tests/policy/requests.jsonl");

fn all() -> Vec<(String, Value)> {
    let lines = RECORDED.lines();
    let all = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.map(|line| {
        (
            line["kind"].as_str().unwrap().to_owned(),
            line["request"].clone(),
        )
    })
    .filter(|(kind, _)| kind != "AllowRequestsFailingPolicy")
    .collect()
}

/// The recorded requests of this kind.
pub(crate) fn recorded(kind: &str) -> Vec<Value> {
    let all = all().into_iter().filter(|(name, _)| name == kind);
    all.map(|(_, body)| body).collect()
}

/// What containerd had asked for, from what the guest was asked.
fn config(asked: &Value) -> Value {
    let (id, oci) = (asked["container_id"].as_str().unwrap(), &asked["OCI"]);
    let process = &oci["Process"];
    let user = &process["User"];
    let mut shm = 0;
    let mounts = oci["Mounts"].as_array().unwrap().iter().map(|mount| {
        let destination = mount["destination"].as_str().unwrap();
        let source = mount["source"].as_str().unwrap();
        let mut mount = json!({
            "destination": destination, "type": mount["type_"], "source": source, "options": mount["options"],
        });
        if destination == "/dev/shm" {
            shm += 1;
            let sandboxs = shm == 2 || asked["OCI"]["Hostname"] == "";
            mount["type"] = json!(if sandboxs { "bind" } else { "tmpfs" });
            mount["source"] = json!(if sandboxs { "/run/containerd/sandboxes/x/shm" } else { "shm" });
            mount["options"] = json!(["nosuid", "noexec"]);
        } else if destination == "/cdvm" {
            mount["source"] = json!("/var/lib/kubelet/pods/x/volumes/kubernetes.io~empty-dir/cdvm");
        } else if source.contains(id) {
            mount["source"] = json!(format!("/host{destination}"));
        }
        mount
    });
    let mounts: Vec<Value> = mounts.collect();
    let linux = &oci["Linux"];
    let mut annotations = oci["Annotations"].clone();
    let fields = annotations.as_object_mut().unwrap();
    fields.retain(|name, _| !name.starts_with("io.katacontainers.pkg.oci."));
    fields.insert(
        "io.katacontainers.config.hypervisor.cc_init_data".to_owned(),
        json!("x"),
    );
    let namespaces: Vec<Value> = linux["Namespaces"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| json!({"type": it["Type"]}))
        .chain([
            json!({"type": "network", "path": "/var/run/netns/x"}),
            json!({"type": "pid"}),
        ])
        .collect();
    let resources = &linux["Resources"];
    let cpu = &resources["CPU"];
    let mut config = json!({
        "ociVersion": oci["Version"],
        "process": {
            "terminal": false, "args": process["Args"], "env": process["Env"], "cwd": process["Cwd"],
            "user": {"uid": user["UID"], "gid": user["GID"], "additionalGids": user["AdditionalGids"]},
            "capabilities": {
                "bounding": process["Capabilities"]["Bounding"],
                "effective": process["Capabilities"]["Effective"],
                "permitted": process["Capabilities"]["Permitted"],
            },
            "noNewPrivileges": process["NoNewPrivileges"], "oomScoreAdj": process["OOMScoreAdj"],
        },
        "root": {"path": "rootfs", "readonly": oci["Root"]["Readonly"]},
        "mounts": mounts,
        "annotations": annotations,
        "linux": {
            "cgroupsPath": linux["CgroupsPath"], "namespaces": namespaces, "seccomp": {"x": 1},
            "maskedPaths": linux["MaskedPaths"], "readonlyPaths": linux["ReadonlyPaths"],
            "resources": {
                "cpu": {"shares": cpu["Shares"], "quota": cpu["Quota"], "period": cpu["Period"]},
                "devices": [{"allow": false, "access": "rwm"}],
            },
        },
    });
    if let Some(memory) = resources["Memory"].as_object() {
        config["linux"]["resources"]["memory"] = json!({
            "limit": memory["Limit"], "reservation": memory["Reservation"], "swap": memory["Swap"],
        });
    }
    if oci["Hostname"] != "" {
        config["hostname"] = oci["Hostname"].clone();
    }
    config
}

/// Without what is random, and with the text in the pull options read.
fn comparable(body: &Value, id: &str) -> Value {
    let mut body = body.clone();
    let random = |text: &str| match text.split_once(&format!("/{id}-")) {
        Some((before, after)) if after.len() > 17 => {
            format!("{before}/{id}-random-{}", &after[17..])
        }
        _ => text.to_owned(),
    };
    if let Some(path) = body["path"].as_str() {
        body["path"] = json!(random(path));
    }
    for mount in body["OCI"]["Mounts"].as_array_mut().into_iter().flatten() {
        mount["source"] = json!(random(mount["source"].as_str().unwrap()));
    }
    for storage in body["storages"].as_array_mut().into_iter().flatten() {
        for option in storage["driver_options"].as_array_mut().unwrap() {
            let text = option
                .as_str()
                .unwrap()
                .split_once('=')
                .unwrap()
                .1
                .to_owned();
            *option = serde_json::from_str(&text).unwrap();
        }
    }
    body
}

#[test]
fn every_container_is_asked_for_field_by_field_as_a_real_host_asks() {
    let all = all();
    for asked in recorded("CreateContainerRequest") {
        let id = asked["container_id"].as_str().unwrap();
        let config = config(&asked);
        let dns = recorded("CreateSandboxRequest")[0]["dns"].clone();
        let file = |path: &str| {
            let name = path.rsplit('/').next().unwrap();
            let copied = recorded("CopyFileRequest");
            let copied = copied
                .iter()
                .find(|it| it["path"].as_str().unwrap().ends_with(name));
            let copied = copied.unwrap();
            let lines: Vec<&str> = dns
                .as_array()
                .unwrap()
                .iter()
                .map(|it| it.as_str().unwrap())
                .collect();
            let size = usize::try_from(copied["file_size"].as_u64().unwrap()).unwrap();
            HostFile {
                content: if name == "resolv.conf" {
                    lines.join("\n").into()
                } else {
                    vec![b'x'; size]
                },
                mode: u32::try_from(copied["file_mode"].as_u64().unwrap()).unwrap(),
            }
        };
        let bundle = format!("/run/containerd/io.containerd.runtime.v2.task/k8s.io/{id}");
        let container = Container {
            id,
            bundle: &bundle,
            config: &config,
            file: &file,
        };
        let composed = container.requests();
        let from = all.iter().position(|(_, body)| *body == asked).unwrap() + 1 - composed.len();
        for (composed, (kind, body)) in composed.iter().zip(&all[from..]) {
            assert_eq!(composed.name, kind);
            assert_eq!(
                comparable(&composed.body, id),
                comparable(body, id),
                "{kind}"
            );
        }
    }
}

#[test]
fn a_life_is_asked_about_in_the_order_of_a_real_one() {
    let ids: Vec<String> = recorded("CreateContainerRequest")
        .iter()
        .map(|asked| asked["container_id"].as_str().unwrap().to_owned())
        .collect();
    let [sandbox, init, main] = ids.as_slice() else {
        panic!("three containers")
    };
    let mut composed = sandbox_started(sandbox);
    for id in [init, main] {
        composed.extend(started(id));
        composed.extend(removed(id));
    }
    composed.extend(destroyed(sandbox));
    let of_containers = [
        "StartContainerRequest",
        "GetOOMEventRequest",
        "WaitProcessRequest",
        "SignalProcessRequest",
        "RemoveContainerRequest",
        "RemoveStaleVirtiofsShareMountsRequest",
        "DestroySandboxRequest",
    ];
    let real = all()
        .into_iter()
        .filter(|(kind, _)| of_containers.contains(&kind.as_str()));
    let real: Vec<_> = real.collect();
    let composed: Vec<_> = composed
        .into_iter()
        .map(|it| (it.name.to_owned(), it.body))
        .collect();
    assert_eq!(composed, real);
}
