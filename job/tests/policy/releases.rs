//! What other releases of containerd, Kata and Kubernetes write differently in the same
//! places, and what stays refused beside it. Versions and files: `ORIGIN.md`.

use serde_json::{Value, json};

use crate::guest::{Guest, request};
use crate::push;

/// Whether a container of this role passes with this change.
fn passes(role: &str, change: impl Fn(&mut Value)) -> bool {
    let mut body = request(role);
    change(&mut body);
    assert_ne!(body, request(role), "the change changes something");
    Guest::before(role).create(&body).0
}

fn mounts(body: &mut Value) -> &mut Vec<Value> {
    body["OCI"]["Mounts"].as_array_mut().unwrap()
}

/// Where the mount on this path stands.
fn at(mounts: &[Value], destination: &str) -> usize {
    let mut all = mounts.iter();
    all.position(|mount| mount["destination"] == destination)
        .unwrap()
}

/// Takes one mount on this path away.
fn without(mounts: &mut Vec<Value>, destination: &str) {
    mounts.remove(at(mounts, destination));
}

fn double(mounts: &mut Vec<Value>, destination: &str) {
    let again = mounts[at(mounts, destination)].clone();
    mounts.push(again);
}

#[test]
fn a_sandbox_has_its_shared_memory_once_or_twice_and_no_other_mount() {
    // containerd 1.6: twice, as recorded; from 1.7.0: once (`WithoutMounts(devShm)`).
    assert!(passes("sandbox", |r| without(mounts(r), "/dev/shm")));
    for other in ["/proc", "/dev", "/sys", "/etc/resolv.conf"] {
        assert!(!passes("sandbox", |r| {
            without(mounts(r), "/dev/shm");
            double(mounts(r), other);
        }));
    }
    assert!(
        !passes("sandbox", |r| double(mounts(r), "/dev/shm")),
        "three"
    );
    assert!(!passes("sandbox", |r| mounts(r)
        .retain(|mount| mount["destination"] != "/dev/shm")));
    assert!(!passes("sandbox", |r| {
        let second = at(mounts(r), "/dev/shm");
        mounts(r)[second]["source"] = json!("/run/kata-containers/shared/containers/x");
    }));
    for role in ["init", "main"] {
        assert!(!passes(role, |r| double(mounts(r), "/dev/shm")), "{role}");
    }
}

#[test]
fn mounts_and_namespaces_come_in_any_order() {
    for role in ["sandbox", "init", "main"] {
        assert!(passes(role, |r| mounts(r).reverse()), "{role}");
        assert!(passes(role, |r| {
            let namespaces = &mut r["OCI"]["Linux"]["Namespaces"];
            namespaces.as_array_mut().unwrap().reverse();
        }));
    }
}

#[test]
fn a_copied_file_has_the_options_of_its_release() {
    let with = |role: &str, file: &str, options: &[&str]| {
        passes(role, |r| {
            let at = at(mounts(r), file);
            mounts(r)[at]["options"] = json!(options);
        })
    };
    // containerd from 1.7.1; before: as recorded.
    let file = "/etc/resolv.conf";
    assert!(with(
        "sandbox",
        file,
        &["rbind", "ro", "nosuid", "nodev", "noexec"]
    ));
    assert!(!with("sandbox", file, &["rbind", "rw"]));
    assert!(!with("sandbox", file, &["rbind", "ro", "suid"]));
    assert!(!with("sandbox", file, &[]));
    // As the pod's root is read-only or not.
    assert!(with("init", file, &["rbind", "rprivate", "rw"]));
    assert!(!with("init", file, &["rbind", "rshared", "rw"]));
    assert!(!with("init", file, &["rbind", "ro"]));
}

#[test]
fn a_sandbox_has_the_sysctls_containerd_sets_and_no_other() {
    let with = |role: &str, sysctls: Value| {
        passes(role, |r| r["OCI"]["Linux"]["Sysctl"] = sysctls.clone())
    };
    let (ports, ping) = (
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
    );
    // containerd from 2.0: `enable_unprivileged_ports` and `…_icmp`, each on its own.
    for sysctls in [
        json!({ports: "0", ping: "0 2147483647"}),
        json!({ports: "0"}),
        json!({ping: "0 2147483647"}),
    ] {
        assert!(with("sandbox", sysctls.clone()), "{sysctls}");
        assert!(!with("init", sysctls.clone()), "{sysctls}");
        assert!(!with("main", sysctls.clone()), "{sysctls}");
    }
    for sysctls in [
        json!({ports: "1"}),
        json!({ports: "0", "kernel.core_pattern": "|/x"}),
        json!({"net.ipv4.ip_forward": "1"}),
        json!(["0"]),
        json!(null),
    ] {
        assert!(!with("sandbox", sysctls.clone()), "{sysctls}");
    }
}

#[test]
fn more_paths_may_be_hidden_and_none_less() {
    for role in ["sandbox", "init", "main"] {
        let masked =
            |path: &'static str| passes(role, |r| push(r, "/OCI/Linux/MaskedPaths", json!(path)));
        // containerd from 1.7.11; Kubernetes from 1.33, one for each processor.
        assert!(masked("/sys/devices/virtual/powercap"), "{role}");
        assert!(
            masked("/sys/devices/system/cpu/cpu0/thermal_throttle"),
            "{role}"
        );
        // A program's own files stay as they are.
        for path in ["/cdvm/agent", "/dev/urandom", "proc/x", ""] {
            assert!(!masked(path), "{role}: {path}");
        }
        for hidden in ["/proc/kcore", "/proc/keys", "/sys/firmware"] {
            assert!(!passes(role, |r| {
                let paths = r["OCI"]["Linux"]["MaskedPaths"].as_array_mut();
                paths.unwrap().retain(|path| path != hidden);
            }));
        }
    }
}

#[test]
fn the_version_of_the_runtimes_words_is_any() {
    for version in ["1.0.2", "1.1.0", "1.2.0", "1.3.0-dev"] {
        assert!(
            passes("main", |r| r["OCI"]["Version"] = json!(version)),
            "{version}"
        );
    }
    for version in ["2.0.0", "1.x", ""] {
        assert!(
            !passes("main", |r| r["OCI"]["Version"] = json!(version)),
            "{version}"
        );
    }
}

#[test]
fn a_copied_file_is_seen_as_the_guests_release_shows_it() {
    // Kata 3.20 to 3.28: the message as it came, with its data, and no type.
    let mut raw = request("CopyFileRequest");
    for name in ["file_type", "symlink_target"] {
        raw.as_object_mut().unwrap().remove(name);
    }
    raw["data"] = json!([110, 97, 109, 101]);
    let mut guest = Guest::new();
    assert!(guest.ask("CopyFileRequest", &raw).0);
    // Then its mode alone says that it is no link, no folder and no program.
    for mode in [0o120_644, 0o040_755, 0o100_755, 0o106_644, 0o060_644] {
        raw["file_mode"] = json!(mode);
        assert!(!guest.ask("CopyFileRequest", &raw).0, "{mode:o}");
    }
    raw.as_object_mut().unwrap().remove("file_mode");
    assert!(!guest.ask("CopyFileRequest", &raw).0, "no mode");
}

#[test]
fn a_bundle_lies_where_the_hosts_containerd_keeps_it() {
    let at = |path: &'static str| {
        passes("main", |r| {
            r["OCI"]["Annotations"]["io.katacontainers.pkg.oci.bundle_path"] = json!(path);
        })
    };
    // k3s and RKE2, MicroK8s.
    assert!(at(
        "/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/4f"
    ));
    assert!(at(
        "/var/snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task/k8s.io/4f"
    ));
    for path in ["run/x", "/run/x y", "/run/x\n", ""] {
        assert!(!at(path), "{path:?}");
    }
}
