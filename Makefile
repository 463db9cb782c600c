# The only task list: CI calls the same targets. GNU make 3.81 is enough.
SHELL := /bin/bash
CARGO ?= cargo
DENY_VERSION := 0.20.2
MDBOOK_VERSION := 0.5.4
MDBOOK := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin/mdbook
# What third parties depend on: published, and built by the compiler that Cargo.toml promises.
LIBRARIES := rewitness-messaging rewitness-memory rewitness-conformance rewitness-kubernetes \
	rewitness-crds rewitness-cascade rewitness-verdict rewitness-operator rewitness
TARGET := $(or $(CARGO_TARGET_DIR),target)
# Tests against a server mostly wait: twice as many as there are cores of a small machine.
TEST_THREADS ?= 4
PREFIX ?= $(HOME)/.local
# The program by kubectl's names: as its plugin, and as what it asks for the plugin's completions.
LINKS := kubectl-rewitness kubectl_complete-rewitness
# A release's archive is called as Go, and with it krew, names platforms.
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
OS = $(shell uname -s | tr A-Z a-z)
ARCH = $(shell uname -m | sed -e s/x86_64/amd64/ -e s/aarch64/arm64/)
export CARGO_TERM_COLOR ?= auto

.PHONY: help build install archive generate demo test check format lint doc book deny package picture msrv controlplane bench bench-cascade clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  \033[36m%-14s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## The program, for use: target/release/rewitness, and as a kubectl plugin beside it
	$(CARGO) build --release --locked -p rewitness-cli
	@for link in $(LINKS); do ln -sf rewitness $(TARGET)/release/$$link; done

install: build ## The program and its names for kubectl, into PREFIX/bin (PREFIX=~/.local)
	install -d "$(DESTDIR)$(PREFIX)/bin"
	install -m 755 $(TARGET)/release/rewitness "$(DESTDIR)$(PREFIX)/bin/rewitness"
	@for link in $(LINKS); do ln -sf rewitness "$(DESTDIR)$(PREFIX)/bin/$$link"; done

archive: build ## What a release publishes for this platform, and krew installs: target/rewitness-v….tar.gz
	tar -czf $(TARGET)/rewitness-v$(VERSION)-$(OS)-$(ARCH).tar.gz -C $(TARGET)/release rewitness -C $(CURDIR) LICENSE

# The tests that compare what is generated write it then.
generate: ## What is generated: deploy/crds and docs/src/reference from the types, docs/src/commands from --help
	GENERATE=1 $(CARGO) test --locked --quiet --workspace --test golden --bin rewitness generated

demo: ## Watch real objects being replayed, retried, held and deleted by reference (CONTEXT=… for your cluster)
	@e2e/demo.sh

# One selection of packages, so that every crate is compiled once, with one set of features; the
# program and the control plane's builder are among what it builds.
test: ## Everything that needs no root, no JVM and no Node
	$(CARGO) test --locked --workspace --no-run
	@$(TARGET)/debug/controlplane build
	RUST_TEST_THREADS=$(TEST_THREADS) $(CARGO) test --locked --workspace --no-fail-fast

check: format lint doc book deny picture package ## What needs no server: format, lints, docs, book, dependencies, packages

format:
	$(CARGO) fmt --all --check

lint:
	$(CARGO) clippy --locked --workspace --all-targets --all-features -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --all-features

# Without mdBook's server and search, and unoptimised: it is compiled for a second of work. An include that is missing it
# only tells of, and then builds the page without it.
book: ## The book, as pages to read: target/book/index.html
	@$(MDBOOK) --version 2>/dev/null | grep -q $(MDBOOK_VERSION) || \
		$(CARGO) install --locked --quiet --debug --no-default-features mdbook@$(MDBOOK_VERSION)
	@said=$$($(MDBOOK) build docs --dest-dir $(abspath $(TARGET))/book 2>&1); status=$$?; echo "$$said"; \
		((status == 0)) && ! grep -qE '^ *(ERROR|WARN)' <<<"$$said"

deny:
	@$(CARGO) deny --version 2>/dev/null | grep -q $(DENY_VERSION) || $(CARGO) install --locked --quiet cargo-deny@$(DENY_VERSION)
	$(CARGO) deny --all-features --locked check bans licenses sources

# What ARCHITECTURE.md draws.
picture:
	$(CARGO) test --locked --quiet -p rewitness-tests

package:
	$(CARGO) package --locked --allow-dirty --no-verify $(addprefix -p ,$(LIBRARIES))

msrv: ## The libraries, by the oldest compiler that they promise (needs that toolchain)
	$(CARGO) +$$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) check --locked $(addprefix -p ,$(LIBRARIES))

controlplane: ## etcd, kube-apiserver and kubectl for tests: built once into a cache (about 5 min)
	$(CARGO) build --locked -p rewitness-controlplane
	@$(TARGET)/debug/controlplane build

bench: ## The replay of 20,000 resources by the program, measured
	$(CARGO) build --release --locked -p rewitness-cli
	$(CARGO) run --release --locked -p rewitness-e2e --bin bench-tail

bench-cascade: ## A cascade over 5,000 dependents, measured beside plain deletes and the garbage collector
	$(CARGO) run --release --locked -p rewitness-e2e --bin bench-cascade

clean: ## What was built here; the control plane's cache stays
	$(CARGO) clean
