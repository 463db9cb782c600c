#!/usr/bin/env bash
# `make demo`: builds what is missing, then runs e2e/src/bin/demo. Any bash from 3.2 on, Linux and macOS.
#
#   CONTEXT=name   takes the cluster of that context of the kubeconfig, and asks first; YES=1 does not ask
#   KUBEBUILDER_ASSETS=folder   takes etcd and kube-apiserver from there
#   neither        builds them from Go modules, once, into the cache that the tests use too
set -euo pipefail

started=$(date +%s)
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
context=${CONTEXT:-}
go_dir=
go_pid=

has() { command -v "$1" >/dev/null 2>&1; }

# stop LINE…: says what is missing, and how to go on.
stop() {
	{ echo && printf '  %s\n' "$@" && echo; } >&2
	exit 1
}

# Go 1.21 is the first that fetches the newer Go which Kubernetes asks for.
has_go() {
	has go || return 1
	local minor
	minor=$(go version | sed -n 's/.*go1\.\([0-9][0-9]*\).*/\1/p')
	[ "${minor:-0}" -ge 21 ]
}

# As e2e/controlplane/src/assets.rs has it.
cache() {
	if [ -n "${REWITNESS_CACHE:-}" ]; then
		echo "$REWITNESS_CACHE"
	elif [ -n "${XDG_CACHE_HOME:-}" ]; then
		echo "$XDG_CACHE_HOME/rewitness"
	elif [ "$(uname -s)" = Darwin ]; then
		echo "${HOME:-}/Library/Caches/rewitness"
	else
		echo "${HOME:-}/.cache/rewitness"
	fi
}

is_built() {
	local program
	for program in "$(cache)"/controlplane-*/kube-apiserver; do
		[ -x "$program" ] && return 0
	done
	return 1
}

check_tools() {
	has "$cargo" || stop 'The demo is built with Rust, and there is no cargo: rustup installs it, see rustup.rs.'
	has cc || has gcc || has clang ||
		stop 'Rust needs a C compiler: apt install gcc libc6-dev, dnf install gcc, or xcode-select --install.'
	[ -n "$context" ] || [ -n "${KUBEBUILDER_ASSETS:-}" ] || is_built || has_go || stop \
		'The demo needs an API server. Any of these gives it one:' \
		'' \
		'install Go 1.21 or newer      make demo then builds etcd and kube-apiserver, once, in about 5 minutes' \
		'make demo CONTEXT=name        takes a cluster of yours, by its context of the kubeconfig, and removes' \
		'                              everything from it again; kubectl config get-contexts lists them' \
		'KUBEBUILDER_ASSETS=folder     names a folder with etcd, kube-apiserver and kubectl, if you have one:' \
		'                              setup-envtest use -p path prints it'
}

end_go() {
	if [ -n "$go_pid" ]; then kill -TERM -- "-$go_pid" 2>/dev/null || true; fi
	if [ -n "$go_dir" ]; then rm -rf "$go_dir"; fi
	go_pid= go_dir=
}

# Compiles what the control plane consists of into Go's own cache; linking it, which takes seconds, is left to the
# Rust program that knows where it belongs. The flags have to be those of e2e/controlplane/src/assets.rs.
begin_go() {
	go_dir=$(mktemp -d)
	trap end_go EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	# A process group of its own, to be ended with everything it started.
	set -m
	(
		export CGO_ENABLED=0 GOWORK=off GOFLAGS= GOTOOLCHAIN=auto
		cd e2e/controlplane/go
		packages=$(go list -f '{{join .Imports " "}}' .)
		# Import paths have no spaces.
		# shellcheck disable=SC2086
		go list -deps $packages | wc -l >"$go_dir/count"
		# shellcheck disable=SC2086
		exec go build -v -trimpath -buildvcs=false -gcflags=all=-dwarf=false $packages
	) >"$go_dir/log" 2>&1 </dev/null &
	go_pid=$!
	set +m
}

# Waits for Go. It names each package that it has compiled.
finish_go() {
	local count total told=-1
	while kill -0 "$go_pid" 2>/dev/null; do
		count=$(grep -c -v '^go: ' "$go_dir/log" || true)
		total=$(cat "$go_dir/count" 2>/dev/null || echo 0)
		if [ -t 1 ]; then
			printf '\r  %d of %d packages of the control plane compiled ' "$count" "$total"
		elif [ $((count / 200)) -gt "$told" ]; then
			told=$((count / 200))
			printf '  %d of %d packages of the control plane compiled\n' "$count" "$total"
		fi
		sleep 1
	done
	if ! wait "$go_pid"; then
		tail -n 20 "$go_dir/log" >&2
		stop 'Go could not build the control plane.' 'make demo CONTEXT=name takes a cluster of yours instead.'
	fi
	printf '\n  linking it …\n'
	"$target/debug/controlplane" build >"$go_dir/log" 2>&1 || { cat "$go_dir/log" >&2 && exit 1; }
	end_go
}

# The debug build, since it is ready sooner: the release profile optimises all crates together at the end, and nobody
# sees the difference in nineteen resources.
build_rust() {
	"$cargo" build --locked -p rewitness-cli -p rewitness-controlplane -p rewitness-e2e \
		--bin rewitness --bin controlplane --bin demo
}

check_tools
target=$("$cargo" metadata --locked --format-version 1 --no-deps | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
if [ -n "$context" ] || [ -n "${KUBEBUILDER_ASSETS:-}" ] || is_built; then
	[ -x "$target/debug/demo" ] || printf '\n  Building the program: about 2 minutes on 2 cores, 1 GB in target.\n\n'
	build_rust
else
	printf '\n  Building, once: the program with Rust, and beside it etcd and kube-apiserver with Go.\n'
	printf '  About 10 minutes on 2 cores; 1 GB in target, 2 GB in the caches of Go.\n\n'
	begin_go
	build_rust
	echo
	finish_go
fi

args=(--started "$started")
if [ -n "$context" ]; then args+=(--context "$context"); fi
if [ -n "$context" ] && [ "${YES:-}" = 1 ]; then args+=(--yes); fi
exec "$target/debug/demo" "${args[@]}"
