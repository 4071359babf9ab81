//! What other releases of containerd, Kata and Kubernetes write differently in the same
//! places, and what stays refused beside it. Versions and files: `ORIGIN.md`.

use serde_json::{Value, json};

use crate::guest::{Guest, request};

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
        let masked = |path: &'static str| {
            passes(role, |r| {
                let paths = &mut r["OCI"]["Linux"]["MaskedPaths"];
                paths.as_array_mut().unwrap().push(json!(path));
            })
        };
        // containerd from 1.7.11; Kubernetes from 1.33, one for each processor.
        assert!(masked("/sys/devices/virtual/powercap"), "{role}");
        assert!(
            masked("/sys/devices/system/cpu/cpu0/thermal_throttle"),
            "{role}"
        );
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
