//! What Kata's host half asks its guest, computed from what containerd asks its
//! runtime: OCI's `config.json` in, the agent's requests out (Kata 4.1.0,
//! `shared_fs = none`, guest pull). A pure translation: nothing is judged here.

use serde_json::{Map, Value, json};

/// SIGKILL.
const KILL: i32 = 9;

/// Directory of what the host copies into the guest.
const SHARED: &str = "/run/kata-containers/shared/containers";

/// What containerd asks for.
pub(crate) struct Container<'c> {
    /// Its id.
    pub(crate) id: &'c str,
    /// Its bundle.
    pub(crate) bundle: &'c str,
    /// `config.json`.
    pub(crate) config: &'c Value,
    /// A file of the host that is copied into the guest.
    pub(crate) file: &'c dyn Fn(&str) -> HostFile,
}

/// A file of the host.
pub(crate) struct HostFile {
    pub(crate) content: Vec<u8>,
    /// Type and permissions (`st_mode`).
    pub(crate) mode: u32,
}

/// One request to the guest.
#[derive(Debug)]
pub(crate) struct Request {
    /// Name of the message.
    pub(crate) name: &'static str,
    /// Its fields.
    pub(crate) body: Value,
}

impl Container<'_> {
    /// Value of an annotation.
    pub(crate) fn annotation(&self, name: &str) -> Option<&str> {
        self.config.pointer("/annotations")?.get(name)?.as_str()
    }

    /// Whether it is the pod's sandbox.
    pub(crate) fn is_sandbox(&self) -> bool {
        self.annotation("io.kubernetes.cri.container-type") == Some("sandbox")
    }

    /// Everything the guest is asked before the container exists; a sandbox's network
    /// comes before.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let mut requests = Vec::new();
        if self.is_sandbox() {
            requests.push(self.create_sandbox());
            requests.push(Request {
                name: "GuestDetailsRequest",
                body: json!({"mem_block_size": true, "mem_hotplug_probe": true}),
            });
        }
        let copied = self.mounts().filter(|mount| copied_name(mount).is_some());
        requests.extend(copied.filter_map(|mount| self.copy_file(mount)));
        requests.push(Request {
            name: "CreateContainerRequest",
            body: self.create_container(),
        });
        requests
    }

    fn create_sandbox(&self) -> Request {
        Request {
            name: "CreateSandboxRequest",
            body: json!({
                "hostname": self.config.get("hostname"),
                "dns": self.dns(),
                "storages": [{
                    "driver": "ephemeral",
                    "driver_options": [],
                    "fs_group": null,
                    "fstype": "tmpfs",
                    "mount_point": "/run/kata-containers/sandbox/shm",
                    "options": ["noexec", "nosuid", "nodev", "mode=1777", "size=67108864"],
                    "shared": false,
                    "source": "shm",
                }],
                "sandbox_pidns": false,
                "sandbox_id": self.id,
                "guest_hook_path": "",
                "kernel_modules": [],
            }),
        }
    }

    /// Lines of the resolver's file.
    fn dns(&self) -> Vec<String> {
        let mut files = self.mounts().filter_map(host_path);
        let path = files.find(|path| path.ends_with("/resolv.conf"));
        let content = path.map_or_else(Vec::new, |path| (self.file)(path).content);
        let text = String::from_utf8_lossy(&content).into_owned();
        text.split('\n').map(str::to_owned).collect()
    }

    fn copy_file(&self, mount: &Value) -> Option<Request> {
        let name = copied_name(mount)?;
        let file = (self.file)(host_path(mount)?);
        Some(Request {
            name: "CopyFileRequest",
            body: json!({
                "path": self.copied_path(name),
                "file_type": "Regular",
                "symlink_target": null,
                "file_size": file.content.len(),
                "file_mode": file.mode,
                // Go's bit for a directory, and 0750.
                "dir_mode": (1_u32 << 31) | 0o750,
                "uid": 0,
                "gid": 0,
                "offset": 0,
            }),
        })
    }

    /// Kata puts random digits between id and name; derived from both here, so
    /// that copying and mounting agree.
    fn copied_path(&self, name: &str) -> String {
        use sha2::{Digest as _, Sha256};
        let digest = Sha256::digest(format!("{}{name}", self.id));
        let random: String = hex::encode(digest).chars().take(16).collect();
        format!("{SHARED}/{}-{random}-{name}", self.id)
    }

    fn create_container(&self) -> Value {
        json!({
            "container_id": self.id,
            "exec_id": self.id,
            "string_user": null,
            "devices": [],
            "storages": self.storages(),
            "OCI": self.oci(),
            "sandbox_pidns": false,
            "shared_mounts": [],
            "stdin_port": 0,
            "stdout_port": 0,
            "stderr_port": 0,
        })
    }

    fn storages(&self) -> Vec<Value> {
        let source = if self.is_sandbox() {
            "pause"
        } else {
            self.annotation("io.kubernetes.cri.image-name")
                .unwrap_or_default()
        };
        let metadata = json!({"metadata": self.annotations()});
        let mut storages = vec![json!({
            "driver": "image_guest_pull",
            "driver_options": [format!("image_guest_pull={metadata}")],
            "fs_group": null,
            "fstype": "overlay",
            "mount_point": self.rootfs(),
            "options": [],
            "shared": false,
            "source": source,
        })];
        let volumes = self.mounts().filter_map(ephemeral_name);
        storages.extend(volumes.map(|volume| {
            json!({
                "driver": "ephemeral",
                "driver_options": [],
                "fs_group": null,
                "fstype": "tmpfs",
                "mount_point": format!("/run/kata-containers/sandbox/ephemeral/{volume}"),
                "options": [],
                "shared": false,
                "source": "tmpfs",
            })
        }));
        storages
    }

    fn rootfs(&self) -> String {
        format!("/run/kata-containers/{}/rootfs", self.id)
    }

    fn annotations(&self) -> Map<String, Value> {
        let given = self.config.get("annotations").and_then(Value::as_object);
        let mut annotations = given.cloned().unwrap_or_default();
        // The guest has them from its block device.
        annotations.remove("io.katacontainers.config.hypervisor.cc_init_data");
        let kind = if self.is_sandbox() {
            "pod_sandbox"
        } else {
            "pod_container"
        };
        let mut set = |name: &str, value: &str| annotations.insert(name.to_owned(), value.into());
        set("io.katacontainers.pkg.oci.container_type", kind);
        set("io.katacontainers.pkg.oci.bundle_path", self.bundle);
        annotations
    }

    fn oci(&self) -> Value {
        let at = |pointer: &str| self.config.pointer(pointer).cloned().unwrap_or_default();
        json!({
            "Version": at("/ociVersion"),
            "Hostname": self.config.get("hostname").cloned().unwrap_or_else(|| "".into()),
            "Hooks": at("/hooks"),
            "Solaris": null,
            "Windows": null,
            "Annotations": self.annotations(),
            "Root": {"Path": self.rootfs(), "Readonly": or(at("/root/readonly"), false)},
            "Process": self.process(),
            "Mounts": self.mounts().map(|mount| self.mount(mount)).collect::<Vec<_>>(),
            "Linux": self.linux(),
        })
    }

    fn process(&self) -> Value {
        let at = |name: &str| {
            let pointer = format!("/process/{name}");
            self.config.pointer(&pointer).cloned().unwrap_or_default()
        };
        let capabilities = |kind: &str| list(at(&format!("capabilities/{kind}")));
        json!({
            "ApparmorProfile": or(at("apparmorProfile"), ""),
            "Args": list(at("args")),
            "Capabilities": {
                "Ambient": capabilities("ambient"),
                "Bounding": capabilities("bounding"),
                "Effective": capabilities("effective"),
                "Inheritable": capabilities("inheritable"),
                "Permitted": capabilities("permitted"),
            },
            "ConsoleSize": at("consoleSize"),
            "Cwd": or(at("cwd"), ""),
            "Env": list(at("env")),
            "NoNewPrivileges": or(at("noNewPrivileges"), false),
            "OOMScoreAdj": or(at("oomScoreAdj"), 0),
            "Rlimits": list(at("rlimits")),
            "SelinuxLabel": or(at("selinuxLabel"), ""),
            "Terminal": or(at("terminal"), false),
            "User": {
                "UID": or(at("user/uid"), 0),
                "GID": or(at("user/gid"), 0),
                "AdditionalGids": list(at("user/additionalGids")),
                "Username": or(at("user/username"), ""),
            },
        })
    }

    fn mounts(&self) -> impl Iterator<Item = &Value> {
        let mounts = self.config.get("mounts").and_then(Value::as_array);
        mounts.into_iter().flatten()
    }

    /// A mount as the guest sees it: what lies on the host is replaced by what
    /// was copied or made inside.
    fn mount(&self, mount: &Value) -> Value {
        let text = |name: &str| mount.get(name).and_then(Value::as_str).unwrap_or_default();
        let destination = text("destination");
        let (source, options) = if destination == "/dev/shm" {
            (
                "/run/kata-containers/sandbox/shm".to_owned(),
                json!(["rbind"]),
            )
        } else if let Some(volume) = ephemeral_name(mount) {
            let source = format!("/run/kata-containers/sandbox/ephemeral/{volume}");
            (
                source,
                list(mount.get("options").cloned().unwrap_or_default()),
            )
        } else {
            let source = match copied_name(mount) {
                Some(name) => self.copied_path(name),
                None => text("source").to_owned(),
            };
            (
                source,
                list(mount.get("options").cloned().unwrap_or_default()),
            )
        };
        let kind = if destination == "/dev/shm" {
            "bind"
        } else {
            text("type")
        };
        json!({
            "destination": destination,
            "source": source,
            "type_": kind,
            "options": options,
        })
    }

    fn linux(&self) -> Value {
        let at = |name: &str| {
            let pointer = format!("/linux/{name}");
            self.config.pointer(&pointer).cloned().unwrap_or_default()
        };
        let namespaces: Vec<Value> = list(at("namespaces"))
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|namespace| namespace.get("type")?.as_str())
            // The guest has one network and one process tree per container.
            .filter(|kind| !["network", "pid", "cgroup"].contains(kind))
            .map(|kind| json!({"Type": kind, "Path": ""}))
            .collect();
        json!({
            "CgroupsPath": or(at("cgroupsPath"), ""),
            "Devices": list(at("devices")),
            "GIDMappings": list(at("gidMappings")),
            "UIDMappings": list(at("uidMappings")),
            "IntelRdt": at("intelRdt"),
            "MaskedPaths": list(at("maskedPaths")),
            "MountLabel": or(at("mountLabel"), ""),
            "Namespaces": namespaces,
            "ReadonlyPaths": list(at("readonlyPaths")),
            "Resources": self.resources(),
            "RootfsPropagation": or(at("rootfsPropagation"), ""),
            // The guest has no seccomp of the host's.
            "Seccomp": null,
            "Sysctl": or(at("sysctl"), json!({})),
        })
    }

    fn resources(&self) -> Value {
        let number = |name: &str| {
            let pointer = format!("/linux/resources/{name}");
            or(
                self.config.pointer(&pointer).cloned().unwrap_or_default(),
                0,
            )
        };
        let memory = json!({
            "DisableOOMKiller": false,
            "Kernel": 0,
            "KernelTCP": 0,
            "Limit": number("memory/limit"),
            "Reservation": number("memory/reservation"),
            "Swap": number("memory/swap"),
            "Swappiness": 0,
        });
        json!({
            "BlockIO": null,
            "CPU": {
                "Cpus": "",
                "Mems": "",
                "Period": number("cpu/period"),
                "Quota": number("cpu/quota"),
                "RealtimePeriod": 0,
                "RealtimeRuntime": 0,
                "Shares": number("cpu/shares"),
            },
            "Devices": [],
            "HugepageLimits": [],
            "Memory": if self.is_sandbox() { Value::Null } else { memory },
            "Network": null,
            "Pids": null,
        })
    }
}

/// What the guest is asked when a container starts.
pub(crate) fn started(id: &str) -> Vec<Request> {
    vec![start(id), wait(id)]
}

/// The same of a sandbox.
pub(crate) fn sandbox_started(id: &str) -> Vec<Request> {
    let memory = Request {
        name: "GetOOMEventRequest",
        body: json!({}),
    };
    vec![start(id), memory, wait(id)]
}

fn start(id: &str) -> Request {
    Request {
        name: "StartContainerRequest",
        body: json!({"container_id": id}),
    }
}

/// What it is asked when a container is to end.
pub(crate) fn signalled(id: &str, signal: i32) -> Request {
    Request {
        name: "SignalProcessRequest",
        body: json!({"container_id": id, "exec_id": "", "signal": signal}),
    }
}

/// What it is asked when a container has ended, however.
pub(crate) fn removed(id: &str) -> Vec<Request> {
    let remove = Request {
        name: "RemoveContainerRequest",
        body: json!({"container_id": id, "timeout": 0}),
    };
    let stale = Request {
        name: "RemoveStaleVirtiofsShareMountsRequest",
        body: json!({}),
    };
    vec![signalled(id, KILL), wait(id), remove, stale]
}

/// What it is asked when the machine is to end.
pub(crate) fn destroyed(id: &str) -> Vec<Request> {
    let mut requests = vec![signalled(id, KILL)];
    requests.extend(removed(id));
    requests.push(Request {
        name: "DestroySandboxRequest",
        body: json!({}),
    });
    requests
}

fn wait(id: &str) -> Request {
    Request {
        name: "WaitProcessRequest",
        body: json!({"container_id": id, "exec_id": id}),
    }
}

/// Where a bind mount lies on the host.
fn host_path(mount: &Value) -> Option<&str> {
    mount.get("source").and_then(Value::as_str)
}

/// Name of a file that is copied into the guest: a bind of a single file that
/// Kubernetes or containerd made on the host.
fn copied_name(mount: &Value) -> Option<&str> {
    let text = |name: &str| mount.get(name).and_then(Value::as_str);
    if text("type") != Some("bind") || ephemeral_name(mount).is_some() {
        return None;
    }
    match text("destination")? {
        "/dev/shm" => None,
        destination => destination.rsplit('/').next(),
    }
}

/// Name of a memory-backed emptyDir, which is a tmpfs made inside the guest.
fn ephemeral_name(mount: &Value) -> Option<&str> {
    let source = mount.get("source").and_then(Value::as_str)?;
    let (_, volume) = source.split_once("/volumes/kubernetes.io~empty-dir/")?;
    Some(volume)
}

fn or(value: Value, default: impl Into<Value>) -> Value {
    if value.is_null() {
        default.into()
    } else {
        value
    }
}

fn list(value: Value) -> Value {
    or(value, Vec::<Value>::new())
}

#[cfg(test)]
pub(crate) mod tests;
