#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The first job in Python, with nothing but ctypes: what examples/c/first_job.c does.

    first_job.py FILE

AGENTOS_LIBRARY names libagentos.so (default: the one of the system), AGENTOS_TEST_PACKS the folder with the command
packs; `. scripts/env.sh` sets the latter.
"""
import ctypes
import json
import os
import sys
from ctypes import POINTER, byref, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

SECOND = 1_000_000_000
STDOUT, COMPLETE = 2, 1


class Event(ctypes.Structure):
    """aos_event."""

    _fields_ = [
        ("struct_size", c_uint32), ("kind", c_uint32), ("op", c_uint64), ("object", c_uint64), ("call", c_uint64),
        ("tag", c_uint64), ("seq", c_uint64), ("value", c_int64), ("status", c_int32), ("flags", c_uint32),
        ("data", c_void_p), ("data_len", c_uint64), ("bytes", c_void_p), ("error", c_void_p),
    ]


lib = ctypes.CDLL(os.environ.get("AGENTOS_LIBRARY", "libagentos.so.0"))
lib.aos_error_message.restype = c_char_p
lib.aos_error_message.argtypes = [c_void_p, c_void_p]
lib.aos_error_release.argtypes = [c_void_p]
lib.aos_bytes_data.restype = c_void_p
lib.aos_bytes_data.argtypes = [c_void_p, POINTER(c_size_t)]
lib.aos_bytes_release.argtypes = [c_void_p]
lib.aos_event_release.argtypes = [POINTER(Event), c_uint32, c_uint32]
lib.aos_sidecar_release.argtypes = [c_void_p]


class AgentOSError(Exception):
    """A failure, in the library's own words."""


def call(function, *arguments):
    """Calls a function that takes `aos_error **` last and raises what it says."""
    error = c_void_p()
    if function(*arguments, byref(error)) != 0:
        message = lib.aos_error_message(error, None).decode()
        lib.aos_error_release(error)
        raise AgentOSError(message)


def take(block):
    """The content of an aos_bytes, whose reference ends here."""
    length = c_size_t()
    address = lib.aos_bytes_data(block, byref(length))
    content = ctypes.string_at(address, length.value)
    lib.aos_bytes_release(block)
    return content


def text(value):
    """A text argument: pointer and length."""
    encoded = value.encode()
    return c_char_p(encoded), c_size_t(len(encoded))


def describe(sidecar):
    out = c_void_p()
    call(lib.aos_sidecar_describe_json, sidecar, byref(out))
    print("sidecar:", take(out).decode())


def run(sidecar, vm, command):
    """Runs a command line to its end and prints what it wrote."""
    code, out = c_int32(), c_void_p()
    call(lib.aos_process_exec, sidecar, vm, *text(command), None, c_size_t(0), None, c_size_t(0),
         c_uint64(60 * SECOND), byref(code), byref(out), None, None)
    print(f"$ {command}\n{take(out).decode()}(exit code {code.value})")


def stream(sidecar, vm, argv):
    """Starts a program and prints its output as it comes."""
    op = c_uint64()
    call(lib.aos_process_spawn, sidecar, vm, *text(json.dumps(argv)), None, c_size_t(0), None, None, byref(op))
    print("$", " ".join(argv))
    while True:
        event = Event(struct_size=ctypes.sizeof(Event))
        if lib.aos_op_take(sidecar, op, c_uint64(60 * SECOND), byref(event)) != 0:
            raise AgentOSError("no output for a minute")
        if event.kind == STDOUT:
            print(ctypes.string_at(event.data, event.data_len).decode(), end="")
        kind, value, status = event.kind, event.value, event.status
        lib.aos_event_release(byref(event), 1, 0)
        if kind == COMPLETE:
            print(f"(exit code {value})" if status == 0 else f"(status {status})")
            return


def main(path, packs):
    with open(path, "rb") as file:
        content = file.read()
    sidecar, vm, out = c_void_p(), c_uint64(), c_void_p()
    config = json.dumps({"software": [{"package": f"{packs}/agent-os-coreutils"}]})
    call(lib.aos_sidecar_create, None, c_size_t(0), byref(sidecar))
    try:
        call(lib.aos_vm_create, sidecar, *text(config), c_uint64(60 * SECOND), byref(vm))
        call(lib.aos_fs_write, sidecar, vm, *text("/tmp/input.txt"), content, c_size_t(len(content)),
             c_uint64(60 * SECOND))
        run(sidecar, vm, "sha256sum /tmp/input.txt && wc -c /tmp/input.txt")
        program = """const f = require('fs').readFileSync('/tmp/input.txt');
for (let i = 1; i <= 3; i++) console.log(`line ${i}: ${f.length} bytes`)"""
        stream(sidecar, vm, ["node", "-e", program])
        call(lib.aos_fs_read, sidecar, vm, *text("/tmp/input.txt"), c_uint64(60 * SECOND), byref(out))
        back = take(out)
        print(f"read back {len(back)} bytes: {'identical' if back == content else 'DIFFERENT'}")
        describe(sidecar)
    finally:
        call(lib.aos_sidecar_dispose, sidecar, c_uint64(60 * SECOND))
        describe(sidecar)
        lib.aos_sidecar_release(sidecar)
    return back != content


if __name__ == "__main__":
    if len(sys.argv) != 2 or "AGENTOS_TEST_PACKS" not in os.environ:
        sys.exit("usage: AGENTOS_TEST_PACKS=FOLDER first_job.py FILE")
    sys.exit(main(sys.argv[1], os.environ["AGENTOS_TEST_PACKS"]))
