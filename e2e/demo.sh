#!/usr/bin/env bash
# The demo: a fresh world with everything in it, then the story (src/bin/demo.rs).
# The world stays up for `make shell`; `make down` ends it.
set -euo pipefail
cluster=$(dirname "$(realpath "$0")")/cluster
cd "$cluster/../.."
world=target/world
node=10.88.0.1 # as e2e::world::NODE
target=${CARGO_TARGET_DIR:-$PWD/target}
started=$SECONDS

cargo build --quiet --locked --package e2e --bins
! "$cluster/world.sh" status --state "$world" >/dev/null || {
  echo 'demo       replacing the world that is up'
  "$cluster/world.sh" down --state "$world"
}
"$cluster/world.sh" up --state "$world" --runtime target/simtee/simtee
"$cluster/push.sh" --state "$world"
echo 'demo       images are in the registry'

inside() { "$cluster/world.sh" enter --state "$world" -- "$@"; }
inside setsid "$target/debug/devrelay" "$node" </dev/null >"$world/log/devrelay.log" 2>&1 &
disown # it lives as long as the world
inside timeout 10 bash -c "until (exec 3<>/dev/tcp/$node/7778) 2>/dev/null; do sleep 0.1; done"
echo "demo       a relay listens at ws://$node:7777, a blob server at http://$node:3000"
cat >"$world/shell.rc" <<END
cdvm() { "$PWD/target/images/cdvm" --trust "$PWD/target/simtee/trust.toml" --accept-simulated-evidence-nothing-is-confidential --allow-plain-relays --state "$PWD/$world/customers/shell" "\$@"; }
export CDVM_RELAYS=ws://$node:7777
kubectl config set-context --current --namespace demo >/dev/null
END

inside "$target/debug/demo" "ws://$node:7777" "http://$node:3000" || {
  echo "demo       it did not hold; logs are in $world/log, and the world is still up: make shell" >&2
  exit 1
}
cat <<END
All of it held, in $((SECONDS - started)) s; the guest was SIMULATED.

What to do next:
  make shell     kubectl, helm and cdvm inside this world: try cdvm offers, kubectl get cjob,
                 kubectl describe cjob, kubectl explain cjob.spec
  make down      end it; nothing is left
  README.md      how to install on machines with SEV-SNP
  docs/          the life of a job, the threat model, the protocol
END
