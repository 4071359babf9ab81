#!/usr/bin/env bash
# Says what this machine lacks, before anything is built or started.
#
#   preflight.sh [build|cluster]     both, when nothing is named
#
# One message per missing thing: what it is, what that means, what to do.
# Leaves installing to packages.sh and building to tools.sh.
set -euo pipefail
export LC_ALL=C

faults=0
missing() { # WHAT MEANS DO
  printf 'missing  %s\n         means: %s\n         do:    %s\n' "$1" "$2" "$3" >&2
  faults=$((faults + 1))
}
have() { command -v "$1" >/dev/null; }
newer() { printf '%s\n%s\n' "$2" "$1" | sort --version-sort --check=quiet; } # HAVE WANT

check_build() {
  local repo go free
  repo=$(realpath "$(dirname "$0")/../..")

  [[ $(uname -sm) == 'Linux x86_64' ]] ||
    missing "Linux on x86_64 (this is $(uname -sm))" 'agent and guest images are built for SEV-SNP machines, which are x86_64' 'use such a machine'
  { have cargo && have rustup; } ||
    missing 'cargo and rustup' 'rust-toolchain.toml pins a compiler that rustup fetches' 'install it from https://rustup.rs'
  go=$(go env GOVERSION 2>/dev/null | tr -d go) || :
  newer "${go:-0}" 1.26 || # the line `go` in go.mod
    missing "Go 1.26 or newer (found: ${go:-none})" 'Kubernetes and its tools are built from source' 'install it from https://go.dev/dl'
  have make || missing make 'nothing here runs without it' 'apt-get install make'
  have clang && have llvm-ar || missing 'clang and llvm' 'the pure crates cannot be built for wasm32' 'apt-get install clang llvm'
  have musl-gcc || missing musl-gcc 'static binaries cannot be linked' 'apt-get install musl-tools'
  have cc || missing 'a C compiler' 'crates with C parts cannot be linked' 'apt-get install gcc libc6-dev'
  have g++ || missing 'a C++ compiler' 'the fuzzer cannot be linked' 'apt-get install g++'
  free=$(df --output=avail --block-size=1G "$repo" | tail -n 1)
  ((free >= 15)) || # Go cache 6, Rust target 7, tools and images 1, and a reserve
    missing "15 GB of free disk (found:$free GB)" 'the first build will stop half way' "make room below $repo"
}

check_cluster() {
  local shortage hierarchy
  if ((EUID != 0)); then
    missing root 'namespaces, mounts and cgroups of the test cluster need it' 'run the same command with sudo'
    return # what follows would fail for that reason alone
  fi
  shortage=$("$(dirname "$0")/packages.sh" --list)
  [[ -z $shortage ]] || have apt-get ||
    missing "Debian packages:$shortage" 'they can be installed here by apt-get only, which is not found' 'install what they stand for, or use Debian 12 or newer'
  (($(awk '/^MemTotal/ {print $2}' /proc/meminfo) >= 3800000)) || # kB; a 4 GB machine shows a little less
    missing '4 GB of memory' 'a control plane takes 0.6 GB, its images and data live in memory, tests run beside it' 'use a larger machine'

  if ! unshare --mount --net --pid --cgroup --fork --mount-proc true 2>/dev/null; then
    missing 'namespaces (mount, net, pid, cgroup)' 'the cluster cannot be kept apart from this machine' 'in a container: run it with --privileged'
    return
  fi
  unshare --mount bash -c 'mount -t tmpfs none /mnt && cd /mnt && mkdir l u w m && mount -t overlay none -o lowerdir=l,upperdir=u,workdir=w m' 2>/dev/null ||
    missing 'overlayfs' 'containerd cannot unpack images' 'modprobe overlay'
  setpriv --reuid 65534 --regid 65534 --clear-groups unshare --user --map-root-user --net --mount --pid --fork true 2>/dev/null ||
    missing 'user namespaces for users other than root' 'the agent cannot lock the workload in' \
      'sysctl user.max_user_namespaces=10000 kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0 (those that exist)'
  ! have ip || unshare --net bash -c 'ip link add name br0 type bridge && ip link add name v0 type veth peer name v1' 2>/dev/null ||
    missing 'network bridges and veth pairs' 'pods have no network' 'modprobe -a bridge veth'
  ! have iptables || unshare --net iptables -t nat -A POSTROUTING -m comment --comment x -j MASQUERADE 2>/dev/null ||
    missing 'iptables with nat, comment and MASQUERADE' 'Service addresses do not work' 'modprobe -a iptable_nat xt_comment xt_MASQUERADE nf_tables nft_compat'
  check_cgroups
}

hand_on() { echo "+$1" 2>/dev/null >/sys/fs/cgroup/cgroup.subtree_control; } # v2: a controller reaches children only so

check_cgroups() {
  local all controller hierarchy
  if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then # v2
    all=" $(</sys/fs/cgroup/cgroup.controllers) "
    set -- cpu cpuset memory pids
  else # v1: one mount per controller, or per few
    all=" $(awk '$3 == "cgroup" {print $4}' /proc/mounts | tr ',\n' '  ') "
    set -- cpu cpuacct cpuset memory pids devices freezer
  fi
  for controller; do
    [[ $all == *" $controller "* ]] && { [[ ! -e /sys/fs/cgroup/cgroup.controllers ]] || hand_on "$controller"; } ||
      missing "the cgroup controller '$controller'" 'kubelet does not start' 'enable it on the kernel command line, or, in a container, run it with --privileged --cgroupns=host'
  done
  findmnt --raw --noheadings --output TARGET --types cgroup,cgroup2 | sort --unique | while read -r hierarchy; do
    mkdir "$hierarchy/cdvm-preflight" && rmdir "$hierarchy/cdvm-preflight"
  done 2>/dev/null || missing 'writable cgroups' 'the cluster cannot have cgroups of its own' 'in a container: run it with --privileged --cgroupns=host'
}

case ${1:-both} in
  build) check_build ;;
  cluster) check_cluster ;;
  both) check_build && check_cluster ;;
  *) sed -n '2,/^set/{/^#/p}' "$0" && exit 2 ;;
esac
((faults == 0)) || exit 1
echo 'preflight  ok'
