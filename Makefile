# Everything people and CI run. Each target does all of its own set-up; `make`
# alone says what there is.
#
#   make demo     the main job on a real Kubernetes, told as a story
#   make test     every test of every rung, cluster included (needs root)
#   make check    what needs no root

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test check e2e fmt clippy unit unit-build fuzz wasm deny images test-images reproducible simtee cluster shell down tcb bench bench-job bench-evidence bench-agent bench-kbs clean preflight preflight-build tools targets

cluster_dir := e2e/cluster
world := target/world
musl := x86_64-unknown-linux-musl
# What a customer need not carry, and tests must.
features := --features evidence/tdx,evidence/launch
with_tdx := $(features),cli/tdx
# C code compiled to wasm32 (secp256k1) needs clang, which knows the target.
wasm_env := CC_wasm32_unknown_unknown=clang AR_wasm32_unknown_unknown=llvm-ar
wasm_env += RUSTFLAGS='--cfg getrandom_backend="wasm_js"'

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: preflight tools images simtee ## the main job on a real Kubernetes, told as a story
	@$(cluster_dir)/images.sh rogue
	@e2e/demo.sh

test: ## every test of every rung, cluster included (needs root)
	@if ((EUID == 0)); then $(cluster_dir)/test.sh; else \
	  $(MAKE) --no-print-directory check && \
	  echo 'test       LEFT OUT: e2e (every scenario on the cluster): it needs root; run `sudo make test`, or `make check` for the rest on purpose' >&2 && exit 1; fi

check: preflight-build fmt clippy unit fuzz wasm deny reproducible ## what needs no root

preflight:
	@$(cluster_dir)/packages.sh
	@$(cluster_dir)/preflight.sh

preflight-build:
	@((EUID != 0)) || $(cluster_dir)/packages.sh
	@$(cluster_dir)/preflight.sh build

targets:
	@rustup target add --toolchain $$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml) wasm32-unknown-unknown $(musl) 2>/dev/null

fmt:
	@cargo fmt --all --check
	@cargo fmt --manifest-path evidence/differential/openssl/Cargo.toml --check && echo 'fmt        formatted'

clippy:
	@cargo clippy --quiet --locked --workspace --all-targets $(with_tdx) -- --deny warnings
	@cargo clippy --quiet --locked --workspace --all-targets $(features) -- --deny warnings && echo 'clippy     no warnings'

# The whole workspace each time, so that each dependency is built once: with fewer
# members some would have fewer features.
unit-build:
	@cargo test --quiet --locked --workspace $(with_tdx) --no-run

unit: unit-build
	@cargo test --quiet --locked --workspace $(with_tdx)
	@cargo test --quiet --locked --workspace $(features) --test stories no_tdx

# Every parser of evidence, for a bounded time, from the kept corpus.
fuzz:
	@evidence/fuzz/run.sh $${FUZZ_SECONDS:-10}

# The pure crates build for the browser, with the portable signature backend.
wasm: targets
	@$(wasm_env) cargo check --quiet --locked --target wasm32-unknown-unknown --target-dir target/wasm --features evidence/tdx -p evidence -p job -p dvm -p crds && echo 'wasm       evidence, job, dvm and crds build for wasm32-unknown-unknown'

deny:
	@$(cluster_dir)/deny.sh

tools:
	@$(cluster_dir)/tools.sh

images: targets ## every image, reproducibly, without docker
	@$(cluster_dir)/images.sh

test-images: targets # what only scenarios run
	@$(cluster_dir)/images.sh probe rogue

reproducible: images
	@$(cluster_dir)/reproducible.sh

# The one simulated thing: the runtime behind kata-qemu-snp, and its machine.
simtee: targets
	@$(cluster_dir)/images.sh simtee
	@mkdir -p target/simtee
	@install -m 755 target/$(musl)/image/simtee target/simtee/simtee
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
# SCENARIO="words of test names" runs some. They mostly wait, so many run at once.
e2e: preflight tools images simtee test-images
	@binary=$$(cargo test --quiet --locked --workspace $(with_tdx) --test e2e --no-run --message-format json | sed -n 's/.*"executable":"\([^"]*\/e2e-[^"]*\)".*/\1/p' | tail -n 1) && \
	  RUST_TEST_THREADS=$${RUST_TEST_THREADS:-6} $(cluster_dir)/with-world.sh e2e "$$binary" $(SCENARIO)

bench: bench-job bench-evidence bench-agent bench-kbs ## figures beside their peers: tables, and target/bench/*.json

bench-job: preflight tools images simtee ## from request to result, and what Kubernetes does in that time
	@$(cluster_dir)/images.sh probe
	@cargo build --quiet --locked --release --package e2e --bin bench-job
	@$(cluster_dir)/with-world.sh bench target/release/bench-job

bench-evidence: targets ## the verifier beside the sev crate's, on one core, and in a JavaScript engine
	@evidence/bench.sh

bench-kbs: targets ## the key broker: how fast, how large
	@$(cluster_dir)/images.sh kbs
	@cargo bench --quiet --locked --package kbs --bench kbs

bench-agent: targets ## sizes of what a customer must trust
	@$(cluster_dir)/images.sh agent probe
	@cargo run --quiet --locked --release --package e2e --bin bench-agent

tcb: ## what a customer must trust: the dependencies of agent and cli
	@for crate in agent cli; do echo "== $$crate"; cargo tree --locked --edges normal --package $$crate --prefix none | sed 's/ (.*//' | sort -u; done

clean: ## removes what was built; the cache of cluster tools stays
	@cargo clean
