# Agent policy of a Confidential DVM job, version 1.
#
# A closed world: a request to the guest equals what this text computes from the
# manifest, or it is refused. This text never changes; the line behind it is the
# only thing that differs from job to job.

package agent_policy

import rego.v1

manifest := json.unmarshal(base64.decode(job_data.manifest))

agent := manifest.deployment.agent

workload := manifest.terms.workload

# Absence of a rule, or an error inside one, refuses.
default AllowRequestsFailingPolicy := false

# ---------------------------------------------------------------------------
# Requests that say nothing a host could use: no condition.

DestroySandboxRequest := true

GetOOMEventRequest := true

GuestDetailsRequest := true

OnlineCPUMemRequest := true

RemoveContainerRequest := true

RemoveStaleVirtiofsShareMountsRequest := true

StartContainerRequest := true

StatsContainerRequest := true

TtyWinResizeRequest := true

WaitProcessRequest := true

# ---------------------------------------------------------------------------
# Never. Named so that a refusal reads as one.

default ExecProcessRequest := false

default ReadStreamRequest := false

default WriteStreamRequest := false

default CloseStdinRequest := false

default SetPolicyRequest := false

default UpdateContainerRequest := false

default UpdateEphemeralMountsRequest := false

default PauseContainerRequest := false

default ResumeContainerRequest := false

default ReseedRandomDevRequest := false

default SetGuestDateTimeRequest := false

default MemHotplugByProbeRequest := false

default AddSwapRequest := false

default AddSwapPathRequest := false

default ResizeVolumeRequest := false

default VolumeStatsRequest := false

default StartTracingRequest := false

default StopTracingRequest := false

default GetDiagnosticDataRequest := false

default GetIPTablesRequest := false

default SetIPTablesRequest := false

default GetMetricsRequest := false

default ListInterfacesRequest := false

default ListRoutesRequest := false

default CopyFileRequest := false

default SignalProcessRequest := false

default CreateSandboxRequest := false

default UpdateInterfaceRequest := false

default UpdateRoutesRequest := false

default AddARPNeighborsRequest := false

default CreateContainerRequest := false

# ---------------------------------------------------------------------------
# Signals: only those that end a process.

SignalProcessRequest if {
	input.signal in {9, 15}
	known_fields(input, {"container_id", "exec_id", "signal"})
}

# A field this text does not know refuses; what it says nothing about is free.
known_fields(request, names) if object.keys(request) - names == set()

# ---------------------------------------------------------------------------
# Files copied from the host: the four that Kubernetes makes for every
# container, never executable.

# A regular file for reading and writing by its mode; guests from Kata 3.29 on also
# say its type, those before show its data.
CopyFileRequest if {
	bits.and(input.file_mode, bits.negate(438)) == 32768
	object.get(input, "file_type", "Regular") == "Regular"
	object.get(input, "symlink_target", null) == null
	known_fields(input, {"path", "file_type", "symlink_target", "file_size", "file_mode", "dir_mode", "uid", "gid", "offset", "data"})
	regex.match("^/run/kata-containers/shared/containers(/passthrough)?/[0-9a-f]{64}-[0-9a-f]{16}-(hosts|hostname|resolv\\.conf|termination-log)$", input.path)
}

# ---------------------------------------------------------------------------
# The sandbox and its network.

shm := {
	"driver": "ephemeral",
	"driver_options": [],
	"fs_group": null,
	"fstype": "tmpfs",
	"mount_point": "/run/kata-containers/sandbox/shm",
	"options": ["noexec", "nosuid", "nodev", "mode=1777", "size=67108864"],
	"source": "shm",
}

CreateSandboxRequest if {
	input.guest_hook_path == ""
	input.kernel_modules == []
	input.sandbox_pidns == false
	known_fields(input, {"hostname", "dns", "storages", "sandbox_pidns", "sandbox_id", "guest_hook_path", "kernel_modules"})
	every storage in input.storages {
		unshared(storage) == shm
	}
}

UpdateInterfaceRequest if {
	known_fields(input, {"interface"})
	known_fields(input.interface, {"device", "name", "IPAddresses", "mtu", "hwAddr", "devicePath", "type_", "raw_flags"})
	every address in input.interface.IPAddresses {
		known_fields(address, {"family", "address", "mask"})
	}
	input.interface.name != "lo"
	input.interface.hwAddr != "00:00:00:00:00:00"
	bits.and(input.interface.raw_flags, bits.negate(128)) == 0
}

UpdateRoutesRequest if {
	known_fields(input, {"routes"})
	known_fields(input.routes, {"Routes"})
	every route in input.routes.Routes {
		known_fields(route, {"dest", "gateway", "device", "source", "scope", "family", "flags", "mtu"})
		route.device != "lo"
		is_string(route.source)
		not loopback(route.source)
	}
}

AddARPNeighborsRequest if {
	every neighbor in input.neighbors.ARPNeighbors {
		neighbor.device != "lo"
		neighbor.toIPAddress.mask == ""
		is_string(neighbor.toIPAddress.address)
		not loopback(neighbor.toIPAddress.address)
		neighbor.state in {2, 128}
		bits.and(neighbor.flags, bits.negate(136)) == 0
	}
}

loopback(address) if startswith(address, "127.")

loopback(address) if regex.match("^(0*:)+0*1(/|$)", address)

# ---------------------------------------------------------------------------
# Containers: pause, then the agent that installs itself, then the workload's
# image with the agent as its first process. Each once, in this order, and
# removing one makes no room for another.

CreateContainerRequest := {"allowed": true, "ops": [{"op": "add", "path": concat("/", ["/pstate", role]), "value": true}]} if {
	print(role, "in the wrong order or twice:", out_of_order, "differs in:", differences)
	not out_of_order
	count(differences) == 0
}

role := "sandbox" if input.OCI.Annotations["io.kubernetes.cri.container-type"] == "sandbox"

role := "init" if {
	input.OCI.Annotations["io.kubernetes.cri.container-type"] != "sandbox"
	input.OCI.Process.Args == init_args
}

role := "main" if {
	input.OCI.Annotations["io.kubernetes.cri.container-type"] != "sandbox"
	input.OCI.Process.Args != init_args
}

default out_of_order := false

out_of_order if data.pstate[role]

out_of_order if {
	role != "sandbox"
	not data.pstate.sandbox
}

out_of_order if {
	role == "main"
	not data.pstate.init
}

# The request is cut into parts; a part is refused when it does not equal what
# is expected, and the last two lines refuse a part this text does not know.
# Always "not equal" as "not a == b", never "a != b": what is undefined must
# count as a difference.
differences contains "OCI.Annotations" if not annotations_fit(input.OCI.Annotations)

differences contains "OCI.Hostname" if not is_string(input.OCI.Hostname)

differences contains "OCI.Linux" if not input.OCI.Linux == expected_linux

differences contains "OCI.Linux" if not figures_fit

differences contains "OCI.Mounts" if not mounts_fit(input.OCI.Mounts)

differences contains "OCI.Process" if not object.remove(input.OCI.Process, ["Env"]) == expected_process

differences contains "OCI.Process.Env" if not environment_fits(input.OCI.Process.Env)

differences contains "OCI.Root" if not input.OCI.Root == {"Path": rootfs, "Readonly": true}

differences contains "OCI.Version" if not regex.match("^1\\.[0-9]+\\.[0-9]+(-dev)?$", input.OCI.Version)

differences contains "container_id" if not regex.match("^[0-9a-f]{64}$", input.container_id)

differences contains "exec_id" if not input.exec_id == input.container_id

differences contains "storages" if not same_items(storages_without_options, expected_storages)

differences contains "storages.driver_options" if not driver_options_fit

differences contains "stream ports" if not ports_fit

differences contains "another field of OCI" if not object.remove(input.OCI, ["Annotations", "Hostname", "Linux", "Mounts", "Process", "Root", "Version"]) == {"Hooks": null, "Solaris": null, "Windows": null}

differences contains "another field" if not object.remove(input, ["OCI", "container_id", "exec_id", "storages", "stdin_port", "stdout_port", "stderr_port"]) == {"devices": [], "sandbox_pidns": false, "shared_mounts": [], "string_user": null}

rootfs := concat("", ["/run/kata-containers/", input.container_id, "/rootfs"])

# Lists whose order the runtime chooses: the same items, the same number.
same_items(seen, expected) if {
	count(seen) == count(expected)
	{item | some item in seen} == {item | some item in expected}
}

ports_fit if {
	every port in [input.stdin_port, input.stdout_port, input.stderr_port] {
		is_number(port)
	}
}

# --- process

init_args := ["/cdvm-agent", "install", "/cdvm"]

arguments := {
	"sandbox": ["/pause"],
	"init": init_args,
	"main": ["/cdvm/agent", "run"],
}

sandbox_user := {"AdditionalGids": [65535], "GID": 65535, "UID": 65535, "Username": ""}

agent_user := {"AdditionalGids": [65534], "GID": 65534, "UID": 65534, "Username": ""}

users := {"sandbox": sandbox_user, "init": agent_user, "main": agent_user}

# What containerd leaves to a sandbox; our own containers have none.
sandbox_capabilities := ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE"]

capabilities_of_sandbox := {
	"Ambient": [],
	"Bounding": sandbox_capabilities,
	"Effective": sandbox_capabilities,
	"Inheritable": [],
	"Permitted": sandbox_capabilities,
}

no_capabilities := {"Ambient": [], "Bounding": [], "Effective": [], "Inheritable": [], "Permitted": []}

capabilities := {"sandbox": capabilities_of_sandbox, "init": no_capabilities, "main": no_capabilities}

# A guest has no AppArmor; the host's default profile is a name without effect.
apparmor := input.OCI.Process.ApparmorProfile if input.OCI.Process.ApparmorProfile in {"", "cri-containerd.apparmor.d"}

oom_score := input.OCI.Process.OOMScoreAdj if is_number(input.OCI.Process.OOMScoreAdj)

expected_process := {
	"ApparmorProfile": apparmor,
	"Args": arguments[role],
	"Capabilities": capabilities[role],
	"ConsoleSize": null,
	"Cwd": "/",
	"NoNewPrivileges": true,
	"OOMScoreAdj": oom_score,
	"Rlimits": [],
	"SelinuxLabel": "",
	"Terminal": false,
	"User": users[role],
}

# --- environment: the agent reads CDVM_MANIFEST and nothing else

environment_fits(entries) if {
	every entry in entries {
		entry_fits(entry)
	}
	own := [entry | some entry in entries; startswith(entry, "CDVM_")]
	own == own_environment[role]
}

own_environment := {
	"sandbox": [],
	"init": [],
	"main": [concat("=", ["CDVM_MANIFEST", job_data.manifest])],
}

entry_fits(entry) if regex.match("^PATH=", entry)

entry_fits(entry) if {
	role != "sandbox"
	regex.match("^(HOSTNAME|KUBERNETES_[A-Z0-9_]+)=", entry)
}

entry_fits(entry) if {
	role == "main"
	entry in workload.imageEnv
}

entry_fits(entry) if {
	role == "main"
	entry in own_environment.main
}

# --- mounts

plain_mounts := [
	{"destination": "/proc", "options": ["nosuid", "noexec", "nodev"], "source": "proc", "type_": "proc"},
	{"destination": "/dev", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"], "source": "tmpfs", "type_": "tmpfs"},
	{"destination": "/dev/pts", "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"], "source": "devpts", "type_": "devpts"},
	{"destination": "/dev/mqueue", "options": ["nosuid", "noexec", "nodev"], "source": "mqueue", "type_": "mqueue"},
	{"destination": "/sys", "options": ["nosuid", "noexec", "nodev", "ro"], "source": "sysfs", "type_": "sysfs"},
	shared_memory,
]

shared_memory := {"destination": "/dev/shm", "options": ["rbind"], "source": "/run/kata-containers/sandbox/shm", "type_": "bind"}

mounts_fit(mounts) if same_items(mounts, expected_mounts)

# A sandbox has its shared memory once or twice: containerd before 1.7 leaves its
# default beside the sandbox's own, and Kata makes the same of both.
mounts_fit(mounts) if {
	role == "sandbox"
	same_items(mounts, array.concat(expected_mounts, [shared_memory]))
	count([mount | some mount in mounts; mount == shared_memory]) == 2
}

# Read-only or not, and with which flags, differs between releases of containerd;
# a copied file is the host's own in any case.
file_options := {["rbind", "ro"], ["rbind", "ro", "nosuid", "nodev", "noexec"]} if role == "sandbox"

file_options := {["rbind", "rprivate", "ro"], ["rbind", "rprivate", "rw"]} if role != "sandbox"

sandbox_mounts := [copied("/etc/resolv.conf", "resolv.conf")]

container_mounts := [
	{"destination": "/sys/fs/cgroup", "options": ["nosuid", "noexec", "nodev", "relatime", "ro"], "source": "cgroup", "type_": "cgroup"},
	{"destination": "/cdvm", "options": ["rbind", "rprivate", "rw"], "source": "/run/kata-containers/sandbox/ephemeral/cdvm", "type_": "bind"},
	copied("/etc/hosts", "hosts"),
	copied("/dev/termination-log", "termination-log"),
	copied("/etc/hostname", "hostname"),
	copied("/etc/resolv.conf", "resolv.conf"),
]

expected_mounts := array.concat(plain_mounts, sandbox_mounts) if role == "sandbox"

expected_mounts := array.concat(plain_mounts, container_mounts) if role != "sandbox"

# A file copied into the guest for this container: only its random part is free.
copied(destination, name) := {"destination": destination, "options": mount.options, "source": source, "type_": "bind"} if {
	some mount in input.OCI.Mounts
	mount.destination == destination
	mount.options in file_options
	source := mount.source
	prefix := concat("", ["/run/kata-containers/shared/containers/", input.container_id, "-"])
	startswith(source, prefix)
	regex.match(concat("", ["^[0-9a-f]{16}-", replace(name, ".", "\\."), "$"]), trim_prefix(source, prefix))
}

# --- storages

image := {"init": agent, "main": workload.image, "sandbox": "pause"}

guest_pull := {
	"driver": "image_guest_pull",
	"fs_group": null,
	"fstype": "overlay",
	"mount_point": rootfs,
	"options": [],
	"source": image[role],
}

ephemeral := {
	"driver": "ephemeral",
	"fs_group": null,
	"fstype": "tmpfs",
	"mount_point": "/run/kata-containers/sandbox/ephemeral/cdvm",
	"options": [],
	"source": "tmpfs",
}

expected_storages := [guest_pull] if role == "sandbox"

expected_storages := [guest_pull, ephemeral] if role != "sandbox"

unshared(storage) := object.remove(storage, ["shared"]) if object.get(storage, "shared", false) == false

storages_without_options := [object.remove(unshared(storage), ["driver_options"]) | some storage in input.storages]

driver_options_fit if {
	every storage in input.storages {
		options_fit(storage)
	}
}

options_fit(storage) if {
	storage.driver == "ephemeral"
	storage.driver_options == []
}

# What the host says about the image to pull: annotations, under the same rule
# as those of the container.
options_fit(storage) if {
	storage.driver == "image_guest_pull"
	count(storage.driver_options) == 1
	option := storage.driver_options[0]
	startswith(option, "image_guest_pull=")
	description := json.unmarshal(trim_prefix(option, "image_guest_pull="))
	object.keys(description) == {"metadata"}
	annotations_fit(description.metadata)
}

# --- annotations

container_types := {"sandbox": "sandbox", "init": "container", "main": "container"}

kata_types := {"sandbox": "pod_sandbox", "init": "pod_container", "main": "pod_container"}

annotations_fit(annotations) if {
	annotations["io.kubernetes.cri.container-type"] == container_types[role]
	annotations["io.katacontainers.pkg.oci.container_type"] == kata_types[role]
	every key, value in annotations {
		annotation_fits(key, value)
	}
}

annotation_fits(key, value) if {
	startswith(key, "io.kubernetes.cri.")
	is_string(value)
	not key in {"io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id"}
}

annotation_fits("io.kubernetes.cri.container-type", value) if value == container_types[role]

annotation_fits("io.kubernetes.cri.sandbox-id", value) if regex.match("^[0-9a-f]{64}$", value)

annotation_fits("io.katacontainers.pkg.oci.container_type", value) if value == kata_types[role]

annotation_fits("io.katacontainers.pkg.oci.bundle_path", value) if regex.match("^/[a-zA-Z0-9._/-]+$", value)

annotation_fits("nerdctl/network-namespace", value) if {
	role == "sandbox"
	regex.match("^/var/run/netns/[a-zA-Z0-9-]+$", value)
}

# The pod's own annotations, as the host repeats them. The guest was started
# from the measured ones, whatever stands here.
annotation_fits("io.katacontainers.config.hypervisor.cc_init_data", value) if is_string(value)

annotation_fits("io.katacontainers.config.hypervisor.kernel_params", value) if value == "agent.guest_components_rest_api=all"

annotation_fits("io.katacontainers.config.runtime.create_container_timeout", value) if regex.match("^[0-9]{1,3}$", value)

# --- linux: namespaces, resources and paths

masked_paths := {"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"}

read_only_paths := {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}

cgroups_path := input.OCI.Linux.CgroupsPath if is_string(input.OCI.Linux.CgroupsPath)

masked := input.OCI.Linux.MaskedPaths if hides(input.OCI.Linux.MaskedPaths, masked_paths)

read_only := input.OCI.Linux.ReadonlyPaths if hides(input.OCI.Linux.ReadonlyPaths, read_only_paths)

# At least these, and more of the kernel's own alone: a program's files stay as they are.
hides(paths, least) if {
	least - {path | some path in paths} == set()
	every path in paths {
		regex.match("^/(proc|sys)/", path)
	}
}

namespaces := input.OCI.Linux.Namespaces if same_items(input.OCI.Linux.Namespaces, [{"Path": "", "Type": "ipc"}, {"Path": "", "Type": "uts"}, {"Path": "", "Type": "mount"}])

default sysctls := {}

# What containerd sets on a sandbox, each by a switch of its own that is on from 2.0.
sandbox_sysctls := {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"}

sysctls := input.OCI.Linux.Sysctl if {
	role == "sandbox"
	every name, value in input.OCI.Linux.Sysctl {
		value == sandbox_sysctls[name]
	}
}

resources := {
	"BlockIO": null,
	"CPU": input.OCI.Linux.Resources.CPU,
	"Devices": [],
	"HugepageLimits": [],
	"Memory": input.OCI.Linux.Resources.Memory,
	"Network": null,
	"Pids": null,
}

expected_linux := {
	"CgroupsPath": cgroups_path,
	"Devices": [],
	"GIDMappings": [],
	"IntelRdt": null,
	"MaskedPaths": masked,
	"MountLabel": "",
	"Namespaces": namespaces,
	"ReadonlyPaths": read_only,
	"Resources": resources,
	"RootfsPropagation": "",
	"Seccomp": null,
	"Sysctl": sysctls,
	"UIDMappings": [],
}

# CPU and memory figures are free; which cores and nodes is not theirs to say.
figures_fit if {
	cpu_fits(input.OCI.Linux.Resources.CPU)
	memory_fits(input.OCI.Linux.Resources.Memory)
}

cpu_fits(cpu) if {
	object.remove(cpu, ["Period", "Quota", "Shares"]) == {"Cpus": "", "Mems": "", "RealtimePeriod": 0, "RealtimeRuntime": 0}
	every figure in [cpu.Period, cpu.Quota, cpu.Shares] {
		is_number(figure)
	}
}

memory_fits(memory) if memory == null

memory_fits(memory) if {
	object.remove(memory, ["Limit", "Reservation", "Swap"]) == {"DisableOOMKiller": false, "Kernel": 0, "KernelTCP": 0, "Swappiness": 0}
	every figure in [memory.Limit, memory.Reservation, memory.Swap] {
		is_number(figure)
	}
}
