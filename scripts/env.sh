#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The variables that the tests and examples run with. Run it and evaluate what it prints, or source it from bash:
#
#   eval "$(scripts/env.sh)"
#   . scripts/env.sh
#
# AGENT_OS_SIDECAR_BIN  the sidecar binary: as it is if set already, else the one that scripts/setup.sh installed
# AGENTOS_TEST_PACKS    the folder that holds the command packs; left out where they are missing
#
# No `set -e` here: sourced, it would stay on in the caller's shell.

_agentos_env() {
    local root packs binary
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || return 1
    packs="$root/.sidecar/node_modules/@rivet-dev"
    binary=${AGENT_OS_SIDECAR_BIN:-"$packs/agent-os-sidecar-linux-x64-gnu/agent-os-sidecar"}
    if [[ ! -x $binary || -d $binary ]]; then
        if [[ -n ${AGENT_OS_SIDECAR_BIN:-} ]]; then
            printf 'env: error: AGENT_OS_SIDECAR_BIN names no program: %s\n' "$binary" >&2
        else
            printf 'env: error: the sidecar is not installed: run scripts/setup.sh --only sidecar, %s\n' \
                'or set AGENT_OS_SIDECAR_BIN' >&2
        fi
        return 1
    fi
    printf 'export AGENT_OS_SIDECAR_BIN=%q\n' "$binary"
    if [[ -d $packs ]]; then
        printf 'export AGENTOS_TEST_PACKS=%q\n' "$packs"
    fi
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    _agentos_env
else
    # The assignment passes a failure on to the caller, which eval alone would hide.
    _agentos_exports=$(_agentos_env) && eval "$_agentos_exports"
fi
