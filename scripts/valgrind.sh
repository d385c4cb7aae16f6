#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs a program under Valgrind and fails on a memory error or a block that is definitely lost.
# Without arguments: the first job from examples/c, on the repository's LICENSE.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

fail() {
    printf 'valgrind: error: %s\n' "$*" >&2
    exit 1
}

if (($# == 0)); then
    set -- "$root/build/examples/first_job" "$root/LICENSE"
fi
command -v valgrind >/dev/null || fail "valgrind is missing: run scripts/setup.sh --only tests"
[[ -x $1 ]] || fail "there is no program $1: run 'make examples'"
# shellcheck source=scripts/env.sh
. "$root/scripts/env.sh" || exit 1

options=(
    --error-exitcode=99
    --leak-check=full
    # What is still reachable at exit is no leak: the Swift runtime keeps its caches and metadata.
    --show-leak-kinds=definite --errors-for-leak-kinds=definite
    # The sidecar is not ours to check, and far too slow under Valgrind.
    --trace-children=no --child-silent-after-fork=yes
    --num-callers=40
)
if [[ -f $root/scripts/valgrind.supp ]]; then
    options+=("--suppressions=$root/scripts/valgrind.supp")
fi

# A thread of the library that has just told the program of the end may still let go of what it held when that exits.
# Swift keeps some pointers in forms in which Valgrind does not know them: what that thread holds would look lost.
work=$(mktemp -d "${TMPDIR:-/tmp}/agentos-valgrind.XXXXXX")
trap 'rm -rf "$work"' EXIT
"${CC:-cc}" -shared -fPIC -O2 -o "$work/settle.so" "$root/scripts/valgrind_settle.c" || fail 'settle.so does not build'

status=0
LD_PRELOAD="$work/settle.so" valgrind "${options[@]}" "$@" || status=$?
case $status in
    0) printf 'valgrind: no error, no definite leak: %s\n' "$1" ;;
    99) fail "errors or leaks in $1, see above" ;;
    *) fail "$1 ended with status $status" ;;
esac
