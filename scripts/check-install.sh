#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs the built library into a temporary folder and uses it from there as a stranger would: a C program,
# found once by pkg-config and once by CMake's find_package, printing the version. Then it uninstalls.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

fail() {
    printf 'check-install: error: %s\n' "$*" >&2
    exit 1
}

# Runs a command, and shows its output only if it fails.
quietly() {
    local what=$1
    shift
    "$@" >"$work/log" 2>&1 </dev/null || {
        cat "$work/log" >&2
        fail "$what failed, see above"
    }
}

for tool in cc make cmake pkg-config; do
    command -v "$tool" >/dev/null || fail "$tool is missing: run scripts/setup.sh"
done
[[ -e $root/build/libagentos.so ]] || fail "the library is not built: run 'make'"

work=$(mktemp -d "${TMPDIR:-/tmp}/agentos-install.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Inside `make` this would otherwise inherit the outer one's variables and flags.
unset MAKEFLAGS MAKELEVEL MFLAGS MAKEOVERRIDES
version=$(make -s -C "$root" version)
prefix="$work/prefix"
install_arguments=(-s -C "$root" "PREFIX=$prefix" "LIBDIR=$prefix/lib" "INCLUDEDIR=$prefix/include" DESTDIR=)
quietly 'make install' make "${install_arguments[@]}" install

# Prints what the program printed; stops unless that is the version that was installed.
run() {
    local printed
    printed=$("$2") || fail "the program built with $1 ended with status $?"
    [[ $printed == "$version" ]] || fail "the program built with $1 printed '$printed', not '$version'"
    printf 'check-install: %s: libagentos %s\n' "$1" "$printed"
}

mkdir "$work/program"
cat >"$work/program/version.c" <<'END'
#include <agentos.h>
#include <stdio.h>

int main(void) { return puts(aos_version_string()) < 0; }
END

export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
[[ $(pkg-config --modversion agentos) == "$version" ]] || fail "pkg-config does not know version $version"
read -r -a flags < <(pkg-config --cflags --libs agentos)
quietly 'the build with pkg-config' \
    cc -std=c99 -Wall -Wextra -Werror -o "$work/by-pkg-config" "$work/program/version.c" \
    "${flags[@]}" "-Wl,-rpath,$prefix/lib"
run pkg-config "$work/by-pkg-config"

# The folder is moved first: the CMake files must not depend on where it was installed.
mv "$prefix" "$work/moved"
cat >"$work/program/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.16)
project(version C)
find_package(agentos $version EXACT REQUIRED CONFIG)
find_package(agentos ${version%.*} REQUIRED CONFIG)
add_executable(by-cmake version.c)
target_link_libraries(by-cmake PRIVATE agentos::agentos)
END
quietly 'the configuration with CMake' \
    cmake -S "$work/program" -B "$work/cmake" "-DCMAKE_PREFIX_PATH=$work/moved"
quietly 'the build with CMake' cmake --build "$work/cmake"
run CMake "$work/cmake/by-cmake"
mv "$work/moved" "$prefix"

quietly 'make uninstall' make "${install_arguments[@]}" uninstall
left=$(find "$prefix" ! -type d)
[[ -z $left ]] || fail "make uninstall left behind: $left"
