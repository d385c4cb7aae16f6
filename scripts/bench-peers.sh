#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Measures the built library beside another client of the same sidecar, a Rust program that does the same work, and
# prints one table. The runs take turns, so that what else the machine does meets all of them.
set -euo pipefail

usage() {
    cat <<'END'
Usage: scripts/bench-peers.sh [RUNS]

Runs each program RUNS times (default 3; a run takes about half a minute) and prints the medians:

  rust  the Rust program whose sources AGENTOS_PEER_RUST names: a folder with Cargo.toml, src/main.rs and a
        setup.sh that makes the project in the folder it is given and builds it. Left out where that is not set,
        or cargo is missing
  off   scripts/bench/peers.c with the option fileGuards off: as the other client, it asks nothing for safety alone
  on    the same with the default options

  --help  this text

Compare only figures of one call of this script. Processor time a call is the steadiest of them.
AGENT_OS_SIDECAR_BIN, if set, names the sidecar binary to use instead of the one from scripts/setup.sh.
END
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Kept from call to call: the Rust program takes minutes to build.
readonly rust_project="${XDG_CACHE_HOME:-$HOME/.cache}/agentos-bench/peer-rust"
readonly rust_program="$rust_project/target/release/peer-rust"
readonly run_limit_s=300

# To stderr: stdout is for the table.
say() { printf 'bench-peers: %s\n' "$*" >&2; }

fail() {
    say "error: $*"
    exit 1
}

rust_is_built() {
    local source
    for source in Cargo.toml setup.sh src/main.rs; do
        [[ $rust_program -nt $AGENTOS_PEER_RUST/$source ]] || return 1
    done
}

# Builds the Rust program unless it is newer than its sources. 1, with the reason said, where it is to be left out.
prepare_rust() {
    if [[ -z ${AGENTOS_PEER_RUST:-} ]]; then
        say 'without the Rust program: AGENTOS_PEER_RUST is not set'
        return 1
    fi
    [[ -f $AGENTOS_PEER_RUST/setup.sh ]] || fail "AGENTOS_PEER_RUST has no setup.sh: $AGENTOS_PEER_RUST"
    if ! command -v cargo >/dev/null; then
        say 'without the Rust program: cargo is missing'
        return 1
    fi
    if rust_is_built; then
        return 0
    fi
    say "building the Rust program in $rust_project, which takes minutes"
    mkdir -p "$rust_project" || fail "no folder for the Rust program: $rust_project"
    sh "$AGENTOS_PEER_RUST/setup.sh" "$rust_project" >"$work/rust.log" 2>&1 </dev/null || {
        tail -n 20 "$work/rust.log" >&2
        fail 'the Rust program does not build, see above; unset AGENTOS_PEER_RUST to leave it out'
    }
}

build_ours() {
    "${CC:-cc}" -std=c11 -O2 -g -Wall -Wextra -Wpedantic -I"$root/include" -o "$work/peers" \
        "$root/scripts/bench/peers.c" "$root/scripts/bench/peers_report.c" \
        -L"$root/build" -lagentos -Wl,-rpath,"$root/build" -pthread
}

# Runs a program once, in an empty TMPDIR of its own. A run that fails is told and left out of the table.
run() {
    local label=$1 number=$2 folder load left status=0
    shift 2
    folder=$(mktemp -d "$work/tmp.XXXXXX")
    read -r load _ </proc/loadavg
    say "run $number of $runs: $label (load $load)"
    TMPDIR=$folder timeout "$run_limit_s" "$@" >"$work/part.jsonl" 2>"$work/part.err" </dev/null || status=$?
    left=$(find "$folder" -mindepth 1 -maxdepth 1 | wc -l)
    ((left == 0)) || say "$label left $left entries in TMPDIR"
    rm -rf "$folder"
    if ((status == 0)); then
        mv "$work/part.jsonl" "$work/runs/$label-$number.jsonl"
        return
    fi
    cat "$work/part.err" >&2
    say "error: $label ended with status $status, see above; this run is left out"
    failures=$((failures + 1))
}

case ${1:-} in
    --help | -h)
        usage
        exit 0
        ;;
esac
runs=${1:-3}
if (($# > 1)) || [[ ! $runs =~ ^[1-9][0-9]{0,3}$ ]]; then
    usage >&2
    exit 2
fi

for tool in "${CC:-cc}" python3; do
    command -v "$tool" >/dev/null || fail "$tool is missing: run scripts/setup.sh"
done
[[ -e $root/build/libagentos.so ]] || fail "the library is not built: run 'make'"
# shellcheck source=scripts/env.sh
. "$root/scripts/env.sh" || exit 1
# Where it is set, the Rust program spends its time on backtraces.
unset RUST_BACKTRACE

work=$(mktemp -d "${TMPDIR:-/tmp}/agentos-peers.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/runs"
failures=0

build_ours
with_rust=1
prepare_rust || with_rust=0
for ((number = 1; number <= runs; number++)); do
    ((with_rust == 0)) || run rust "$number" "$rust_program" bench
    run off "$number" "$work/peers" bench --file-guards off
    run on "$number" "$work/peers" bench
done
python3 "$root/scripts/bench/peers_table.py" "$work/runs"
((failures == 0)) || fail "$failures runs failed, see above"
