# One place for the commands; `make` alone lists them.

SHELL := /bin/bash
export CARGO_TARGET_DIR ?= $(HOME)/.cache/huecry/target
# HUECRY_REQUIRE_ALL=1 makes tests fail where they would say SKIPPED (folder of real data, services)
PHASE := @.ci/phase

.DEFAULT_GOAL := help
.PHONY: help demo test web bench bench-sigma lint fmt fuzz clean tools

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

demo: web ## build the product and play an organisation through it (Ctrl-C ends it)
	$(PHASE) build cargo build --locked --profile demo --package huecry
	@exec "$$CARGO_TARGET_DIR/demo/huecry" demo $(ARGS)

test: lint ## everything that must pass: format, tidy, clippy, all tests, also in a browser
	$(PHASE) console .ci/web check
	$(PHASE) tests .ci/tests
	$(PHASE) schemathesis .ci/schemathesis
	$(PHASE) browser .ci/web browser
	$(PHASE) doctests cargo test --workspace --locked --doc --quiet

web: tools ## build the console, which the binary embeds
	$(PHASE) web .ci/web build

lint: web ## format, tidy, clippy; licences if cargo-deny is there
	$(PHASE) format cargo fmt --all --check
	$(PHASE) tidy cargo xtask tidy
	$(PHASE) clippy cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
	@if cargo deny --version >/dev/null 2>&1; then .ci/phase licences cargo deny --offline check bans licenses sources; \
	else echo "── licences: not checked, cargo-deny is missing (cargo install --locked cargo-deny)"; fi

bench: tools ## measure the product beside the limits of this machine (ARGS=--help says what can be set)
	@cargo xtask bench --profile bench-release $(ARGS)

bench-sigma: tools ## matching beside another engine, on the same rules and events (peers/sigma; ARGS=--write)
	@cargo xtask bench --sigma $(ARGS)

fuzz: tools ## fuzz one target: make fuzz TARGET=name MINUTES=10; without a target, list them
	@cargo xtask fuzz $(TARGET) $(if $(TARGET),--minutes $(or $(MINUTES),10))

fmt: ## format all code
	@cargo fmt --all

clean: ## remove what was built
	@cargo clean

tools:
	@.ci/tools
