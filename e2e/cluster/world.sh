#!/usr/bin/env bash
# A throwaway Kubernetes of one node, for tests and the demo: control plane, kubelet,
# containerd and an OCI registry, in namespaces of their own. What it writes lies in
# memory or below the state directory; when its first process dies, it is gone.
#
#   world.sh up     --state DIR --runtime PROGRAM [--name NODE] [--foreground]
#   world.sh down   --state DIR          keeps DIR/log
#   world.sh enter  --state DIR [-- COMMAND...]
#   world.sh status --state DIR
#
# PROGRAM is the OCI runtime behind the runtime class kata-qemu-snp; NODE (default
# cdvm) names the node. With --foreground the world ends with this process, with
# Ctrl-C, or with the end of standard input. DIR/world.env, KEY=VALUE lines, says the rest.
#
# A life: up -> make_cgroups -> outer -> init (process 1 inside); up then waits until
# the node can run pods. Leaves building the programs to tools.sh.
set -euo pipefail
export LC_ALL=C

here=$(dirname "$(realpath "$0")")
cache=${CDVM_CACHE:-$(realpath "$here/../..")/.cache}
tools=$cache/bin
address=10.88.0.1                 # the node, on the bridge its pods hang on; config/pods.conflist agrees
covered='/run /var/lib /var/log' # where Kubernetes writes; in the world these are memory

fail() { echo "world.sh: $*" >&2 && exit 1; }

started=${EPOCHREALTIME//./}
step() { # TEXT: what is done, and how long after the start
  local ms=$(((${EPOCHREALTIME//./} - started) / 1000))
  printf 'world      %-70s %3d.%d s\n' "$1" $((ms / 1000)) $((ms % 1000 / 100))
}

# --- cgroups: the same steps for v1 (many hierarchies) and v2 (one) ---

hierarchies() { findmnt --raw --noheadings --output TARGET --types cgroup,cgroup2 | sort --unique; }

make_cgroups() { # NAME: a tree of that name in every hierarchy, with this process in it
  local hierarchy tree controller
  for hierarchy in $(hierarchies); do
    tree=$hierarchy/$1
    mkdir "$tree"
    if [[ -e $tree/cgroup.controllers ]]; then
      mkdir "$tree/daemons" # v2: a cgroup that hands on controllers holds no processes; outer moves there
      for controller in $(<"$hierarchy/cgroup.controllers"); do
        echo "+$controller" >"$hierarchy/cgroup.subtree_control" || : # the kubelet names those it cannot do without
      done
    elif [[ -e $tree/cpuset.cpus ]]; then # v1: a new cpuset is empty and takes nobody
      cat "$hierarchy/cpuset.cpus" >"$tree/cpuset.cpus"
      cat "$hierarchy/cpuset.mems" >"$tree/cpuset.mems"
    fi
    echo "$BASHPID" >"$tree/cgroup.procs"
  done
}

remove_cgroups() { # NAME: only a cgroup without processes can be removed, so this fails while somebody lives
  local hierarchy
  for hierarchy in $(hierarchies); do
    [[ ! -d $hierarchy/$1 ]] || find "$hierarchy/$1" -depth -type d -delete 2>/dev/null || return 1
  done
}

running() { [[ -e /proc/$1/exe ]]; } # and not a zombie, which has a number but no program

sweep_cgroups() { # those of worlds that were killed from outside
  local tree
  for tree in $(hierarchies | sed 's,$,/cdvm-*,'); do
    [[ ! -d $tree ]] || running "${tree##*-}" || remove_cgroups "${tree##*/}" || :
  done
}

# --- inside ---

outer() { # alone in its cgroups; becomes the parent of the world's first process, and takes it along when it dies
  local leaf
  for leaf in $(hierarchies | sed "s,\$,/$world/daemons,"); do
    [[ ! -d $leaf ]] || echo $$ >"$leaf/cgroup.procs"
  done
  exec unshare --mount --net --pid --fork --kill-child "$0" init
}

daemon() { # NAME COMMAND...: keeps it running, as systemd would on a real node
  local name=$1 && shift
  while :; do
    "$@" </dev/null >>"$state/log/$name.log" 2>&1 || echo "world.sh: $name ended with $?" >>"$state/log/$name.log"
    sleep 0.5 # long enough to be seen, and not to spin when it cannot start
  done &
}

own_mounts() {
  local hierarchy controller dir setting name
  for hierarchy in $(hierarchies); do # as in a container: the world's own tree is all there is
    mount --bind "$hierarchy/$world" "$hierarchy"
    [[ ! -d $hierarchy/daemons ]] || for controller in $(<"$hierarchy/cgroup.controllers"); do
      echo "+$controller" >"$hierarchy/cgroup.subtree_control"
    done
  done
  for dir in $covered; do mount -t tmpfs -o mode=755 cdvm "$dir"; done
  mkdir /run/cdvm /run/cni /run/sysctl
  mount --bind "$state" /run/cdvm # where config/ looks for it
  # The kubelet would set these for the whole machine; let it find them set.
  for setting in vm.overcommit_memory=1 vm.panic_on_oom=0 kernel.panic=10 kernel.panic_on_oops=1 \
    kernel.keys.root_maxkeys=1000000 kernel.keys.root_maxbytes=25000000; do
    name=${setting%=*}
    echo "${setting#*=}" >"/run/sysctl/$name"
    mount --bind "/run/sysctl/$name" "/proc/sys/${name//.//}"
  done
}

own_network() {
  ip link set lo up
  ip link add cdvm0 type bridge
  ip addr add $address/16 dev cdvm0
  ip link set cdvm0 up
  ip route add default dev cdvm0 # leads nowhere, but without a route no packet reaches a Service address
  sysctl -q net.ipv4.ip_forward=1
}

init() { # process 1 of the world: dies last, and everything with it
  local pki=/run/cdvm/pki pid
  read -r pid _ </proc/self/stat # still the machine's /proc: our number outside
  echo "$pid" >"$state/pid"
  mount -t proc proc /proc
  own_mounts
  own_network
  export TMPDIR=/run HOME=/run # nothing into the machine's /tmp and /root

  cp "$here/config/pods.conflist" /run/cni/
  sed "s,@RUNTIME@,$runtime," "$here/config/containerd.toml" >/run/containerd.toml
  daemon etcd etcd --data-dir /var/lib/etcd --log-level warn --unsafe-no-fsync
  daemon kube-apiserver kube-apiserver --advertise-address $address --etcd-servers http://127.0.0.1:2379 \
    --client-ca-file $pki/ca.crt --tls-cert-file $pki/kube-apiserver.crt --tls-private-key-file $pki/kube-apiserver.key \
    --service-account-key-file $pki/sa.key --service-account-signing-key-file $pki/sa.key \
    --service-account-issuer https://kubernetes.default.svc --service-cluster-ip-range 10.96.0.0/16 \
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
    --kubelet-certificate-authority $pki/ca.crt --kubelet-preferred-address-types InternalIP \
    --kubelet-client-certificate $pki/admin.crt --kubelet-client-key $pki/admin.key \
    --feature-gates MutatingAdmissionPolicy=true --runtime-config admissionregistration.k8s.io/v1beta1=true \
    --audit-policy-file "$here/config/audit.yaml" --audit-log-path /run/cdvm/log/audit.log
  daemon registry registry -port 5000
  daemon containerd containerd --config /run/containerd.toml

  # The others would only try again and again, on processors the API server needs.
  until (exec 3<>/dev/tcp/$address/6443) 2>/dev/null; do sleep 0.1; done
  # 200 and 400: the defaults, 20 and 30 requests a second, would be the bottleneck of a load test.
  daemon kubelet kubelet --config "$here/config/kubelet.yaml" --kubeconfig $pki/kubelet.kubeconfig \
    --hostname-override "$node" --node-ip $address --node-labels katacontainers.io/kata-runtime=true
  daemon kube-controller-manager kube-controller-manager --kubeconfig $pki/kube-controller-manager.kubeconfig \
    --leader-elect=false --kube-api-qps 200 --kube-api-burst 400 --use-service-account-credentials \
    --service-account-private-key-file $pki/sa.key --root-ca-file $pki/ca.crt
  daemon kube-scheduler kube-scheduler --kubeconfig $pki/kube-scheduler.kubeconfig \
    --leader-elect=false --kube-api-qps 200 --kube-api-burst 400
  daemon kube-proxy kube-proxy --config "$here/config/kube-proxy.yaml" --hostname-override "$node"
  wait
}

# --- outside ---

certificate() { # NAME COMMON_NAME ORGANISATION [ALTERNATIVE_NAMES]: a pair, and a kubeconfig that holds it
  local pair=$state/pki/$1
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 30 -CA "$state/pki/ca.crt" -CAkey "$state/pki/ca.key" \
    -subj "/O=$3/CN=$2" -addext "subjectAltName=${4:-DNS:$1}" -addext basicConstraints=CA:false \
    -keyout "$pair.key" -out "$pair.crt" 2>>"$state/log/openssl.log"
  cat >"$pair.kubeconfig" <<END
apiVersion: v1
kind: Config
current-context: cdvm
clusters: [{name: cdvm, cluster: {server: "https://$address:6443", certificate-authority-data: $(base64 -w0 "$state/pki/ca.crt")}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$pair.crt"), client-key-data: $(base64 -w0 "$pair.key")}}]
contexts: [{name: cdvm, context: {cluster: cdvm, user: $1}}]
END
}

certificates() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 30 -subj /CN=cdvm-throwaway \
    -keyout "$state/pki/ca.key" -out "$state/pki/ca.crt" 2>>"$state/log/openssl.log"
  openssl ecparam -genkey -noout -name prime256v1 -out "$state/pki/sa.key"
  certificate kube-apiserver kube-apiserver cdvm "IP:$address,IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes.default.svc"
  certificate kubelet "system:node:$node" system:nodes "IP:$address"
  certificate kube-controller-manager system:kube-controller-manager cdvm
  certificate kube-scheduler system:kube-scheduler cdvm
  certificate kube-proxy system:kube-proxy cdvm
  certificate admin admin system:masters
  mv "$state/pki/admin.kubeconfig" "$state/kubeconfig"
}

pause_image() { # kept in the cache
  local image=$cache/images/pause
  [[ ! -d $image ]] || return 0
  musl-gcc -static -Os -s -o "$state/pki/pause" "$here/pause.c"
  "$here/image.sh" --out "$image.$$" --entry '["/pause"]' --env PATH=/ --user 65535:65535 -- "$state/pki/pause=/pause" >/dev/null
  mv --no-target-directory "$image.$$" "$image" 2>/dev/null || rm -rf "$image.$$" # another world was faster
}

alive() { # also reads the world's values
  [[ -r $state/world.env ]] && . "$state/world.env" && running "$CDVM_WORLD_PID" && grep -q "/$CDVM_WORLD\b" "/proc/$CDVM_WORLD_PID/cgroup"
}

inside() { # COMMAND...
  nsenter --target "$CDVM_WORLD_PID" --mount --net --pid --cgroup -- env -C "$PWD" setpriv --pdeathsig TERM -- "$@"
}

await() { # SECONDS WHAT COMMAND...
  local deadline=$((SECONDS + $1)) what=$2 && shift 2
  until "$@" >"$state/await.log" 2>&1; do
    ((SECONDS < deadline)) && alive || {
      { grep --no-filename --before-context=1 '^world.sh: ' "$state"/log/*.log || :; } | tail -n 6 | cut -c-300 >&2
      fail "$what did not happen; last seen: $(<"$state/await.log"). Programs that ended are above; all logs are in $state/log"
    }
    sleep 0.1
  done
}

up() {
  local path dir
  [[ -x ${runtime:-} ]] || fail 'up needs --runtime PROGRAM, an executable'
  [[ -x $tools/etcd ]] || fail "no programs in $tools: run tools.sh first"
  ! alive || fail "a world is up in $state already"
  [[ $state != *[[:space:]]* ]] || fail "no blanks in $state, please: world.env is read by programs"
  for path in "$state" "$here" "$cache" "$runtime"; do
    for dir in $covered; do
      [[ $path/ != "$dir"/* ]] || fail "$path cannot be used: the world has a $dir of its own"
    done
  done
  sweep_cgroups
  forget
  rm -rf "$state/log"
  mkdir -p "$state/pki" "$state/log"
  trap down EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM

  (umask 077; certificates)
  pause_image
  step 'keys, certificates, pause image'

  export state runtime node covered
  (
    export world=cdvm-$BASHPID # unshare keeps this number, so nobody else gets it while the world lives
    make_cgroups "$world"
    # setsid: a Ctrl-C reaches the world through us only. pdeathsig: nor does it outlive us in the foreground.
    exec setsid ${foreground:+setpriv --pdeathsig KILL} unshare --cgroup "$0" outer
  ) </dev/null >"$state/log/init.log" 2>&1 &
  outer=$!
  disown # no report when it is killed
  until [[ -s $state/pid ]]; do
    kill -0 $outer 2>/dev/null || fail "$(<"$state/log/init.log")"
    sleep 0.02
  done
  cat >"$state/world.env" <<END
CDVM_WORLD=cdvm-$outer
CDVM_WORLD_PID=$(<"$state/pid")
CDVM_NODE=$node
CDVM_NODE_IP=$address
CDVM_REGISTRY=localhost:5000
CDVM_LOG_DIR=$state/log
CDVM_TOOLS=$tools
KUBECONFIG=$state/kubeconfig
KUBECACHEDIR=$state/kubectl
END
  set -a && alive && set +a || fail "$(<"$state/log/init.log")"

  await 10 'upload of the pause image' inside crane push "$cache/images/pause" localhost:5000/pause:1
  await 60 'an answer of the API server' inside kubectl get --raw /readyz
  step "API server at https://$address:6443, registry at localhost:5000"
  await 10 'creation of runtime class and node policy' inside kubectl apply -f "$here/config/objects.yaml"
  await 60 'readiness of the node' node_ready
  step "node $node is ready, with runtime class kata-qemu-snp"
  await 20 'a service account for pods' service_account
  await 20 'a connection to the Service address' inside timeout 0.2 bash -c 'exec 3<>/dev/tcp/10.96.0.1/443'
  step 'pods can start'

  if [[ -n $foreground ]]; then
    # 1: how late, in seconds, the end of the world itself is noticed. Above 128: nothing came, still open.
    while alive; do read -r -t 1 _ || (($? > 128)) || exit 0; done
    fail "the world ended by itself; see $state/log"
  fi
  trap - EXIT
}

node_ready() {
  local seen
  seen=$(inside kubectl get node "$node" --output 'jsonpath={.status.conditions[?(@.type=="Ready")].status} {.status.allocatable.cpu}')
  echo "$seen"
  [[ $seen == 'True 64' ]] # 64: config/objects.yaml
}

service_account() { # the controller takes seconds for the first one
  inside kubectl get serviceaccount default || inside kubectl create serviceaccount default
}

down() {
  ! alive || kill -KILL "$CDVM_WORLD_PID"
  pkill -KILL --parent $$ || : # a world that we were just starting
  local deadline=$((SECONDS + 20)) world=${outer:+cdvm-$outer}
  until remove_cgroups "${world:-${CDVM_WORLD:-cdvm-none}}"; do # possible as soon as the last process is gone
    ((SECONDS < deadline)) || fail "a process of the world does not die: see cgroup.procs in /sys/fs/cgroup/*/cdvm-*"
    sleep 0.05
  done
  forget
}

forget() { # all but the logs; by name, for the directory may be anybody's
  rm -rf "$state"/{pki,kubectl,kubeconfig,customers,world.env,pid,rc,shell.rc,await.log}
}

enter() {
  set -a && alive && set +a || fail "no world is up in $state"
  (($#)) || {
    printf 'PS1="(inside %s) \\w # "\n' "$CDVM_NODE" >"$state/rc"
    [[ ! -e $state/shell.rc ]] || cat "$state/shell.rc" >>"$state/rc" # what others want there
    echo "Inside the test cluster: kubectl, crane and helm work; logs are in $CDVM_LOG_DIR; leave with exit."
    set -- bash --rcfile "$state/rc"
  }
  # nsenter stays outside and waits; should it be killed, the command is told to end
  exec nsenter --target "$CDVM_WORLD_PID" --mount --net --pid --cgroup -- env -C "$PWD" setpriv --pdeathsig TERM -- "$@"
}

status() {
  alive || { echo "down: $state" && exit 1; }
  echo "up: node $CDVM_NODE in $state, process $CDVM_WORLD_PID"
}

PATH=$tools:$PATH
command=${1:-help}
shift || :
case $command in outer | init) "$command"; exit ;; esac # we ourselves, further in
state='' runtime='' node=cdvm foreground=''
while (($#)); do
  case $1 in
    --state) state=$(realpath -m "$2") && shift 2 ;;
    --runtime) runtime=$(realpath "$2") && shift 2 ;;
    --name) node=$2 && shift 2 ;;
    --foreground) foreground=yes && shift ;;
    --) shift && break ;;
    *) command=help && break ;;
  esac
done
[[ -n $state ]] || command=help
case $command in
  up | down | enter | status) "$command" "$@" ;;
  *) sed -n '2,/^set/{/^#/p}' "$0" >&2 && exit 2 ;;
esac
