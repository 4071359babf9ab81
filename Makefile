# Everything people and CI run. Each target does all of its own set-up; `make`
# alone says what there is.
#
#   make demo     the main job on a real Kubernetes, told as a story
#   make test     every test of every rung, cluster included (needs root)
#   make check    what needs no root

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test check e2e fmt clippy unit wasm deny images simtee cluster shell down tcb bench clean preflight tools targets

cluster_dir := e2e/cluster
world := target/world
musl := x86_64-unknown-linux-musl
# C code compiled to wasm32 (secp256k1) needs clang, which knows the target.
wasm_env := CC_wasm32_unknown_unknown=clang AR_wasm32_unknown_unknown=llvm-ar
wasm_env += RUSTFLAGS='--cfg getrandom_backend="wasm_js"'

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: preflight images simtee tools ## the main job on a real Kubernetes, told as a story
	@$(cluster_dir)/world.sh status --state $(world) >/dev/null || $(cluster_dir)/world.sh up --state $(world) --runtime target/simtee/simtee
	@e2e/demo.sh

test: preflight check e2e ## every test of every rung, cluster included (needs root)

check: fmt clippy unit wasm deny ## what needs no root

preflight:
	@$(cluster_dir)/packages.sh
	@$(cluster_dir)/preflight.sh

targets:
	@rustup target add --toolchain $$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml) wasm32-unknown-unknown $(musl) 2>/dev/null

fmt:
	@cargo fmt --all --check && echo 'fmt        formatted'

clippy:
	@cargo clippy --quiet --locked --workspace --all-targets -- --deny warnings && echo 'clippy     no warnings'

unit:
	@cargo test --quiet --locked --workspace --exclude e2e

# The pure crates build for the browser, with the portable signature backend.
wasm: targets
	@$(wasm_env) cargo check --quiet --locked --target wasm32-unknown-unknown --target-dir target/wasm -p evidence -p job -p dvm -p crds && echo 'wasm       evidence, job, dvm and crds build for wasm32-unknown-unknown'

deny:
	@$(cluster_dir)/deny.sh

tools:
	@$(cluster_dir)/tools.sh

images: targets ## every image, reproducibly, without docker
	@$(cluster_dir)/images.sh

# The one simulated thing: the runtime behind kata-qemu-snp, and its machine.
simtee: targets
	@cargo build --quiet --locked --release --target $(musl) -p simtee
	@mkdir -p target/simtee
	@install -m 755 target/$(musl)/release/simtee target/simtee/simtee
	@ln -sf simtee target/simtee/simtee-debug
	@target/simtee/simtee machine init target/simtee/machine
	@[[ ! -f target/images/images.env ]] || target/simtee/simtee machine trust target/simtee/machine "$$(sed -n 's/^agent=//p' target/images/images.env)" >target/simtee/trust.toml

cluster: preflight tools simtee ## a throwaway Kubernetes, until `make down`
	@$(cluster_dir)/world.sh status --state $(world) || $(cluster_dir)/world.sh up --state $(world) --runtime target/simtee/simtee

shell: cluster ## a shell with kubectl inside it
	@$(cluster_dir)/world.sh enter --state $(world)

down: ## ends the cluster of demo and shell
	@$(cluster_dir)/world.sh down --state $(world)

# Compiled outside, executed inside a world of its own that ends with the tests.
e2e: preflight images simtee tools
	@$(cluster_dir)/e2e.sh

tcb: ## what a customer must trust: the dependencies of agent and cli
	@for crate in agent cli; do echo "== $$crate"; cargo tree --locked --edges normal --package $$crate --prefix none | sed 's/ (.*//' | sort -u; done

clean: ## removes what was built; the cache of cluster tools stays
	@cargo clean
