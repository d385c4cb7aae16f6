#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Copies a directory into a VM and back, with a progress bar, and checks every byte.

    sync_tree.py DIRECTORY [BACK]

BACK (default: a temporary directory, removed at the end) takes what comes back. Needs `tqdm` for the bar; without it
lines are printed.

One call each way: `aos_fs_upload` sends files as frames, several under way; `aos_fs_download` has one program in the VM
stream all of them. Reading back file by file would cost the sidecar a scan of all files for each: minutes for some
hundred files.
"""
import ctypes
import filecmp
import json
import os
import sys
import tempfile
import time
from ctypes import POINTER, Structure, byref, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

try:
    from tqdm import tqdm
except ImportError:
    tqdm = None

SECOND = 1_000_000_000
QUEUE, COMPLETE, PROGRESS = 2, 1, 10


class Event(Structure):
    """aos_event."""

    _fields_ = [
        ("struct_size", c_uint32), ("kind", c_uint32), ("op", c_uint64), ("object", c_uint64), ("call", c_uint64),
        ("tag", c_uint64), ("seq", c_uint64), ("value", c_int64), ("status", c_int32), ("flags", c_uint32),
        ("data", c_void_p), ("data_len", c_uint64), ("bytes", c_void_p), ("error", c_void_p),
    ]

    @property
    def json(self):
        return json.loads(ctypes.string_at(self.data, self.data_len))


class Completion(Structure):
    """aos_completion."""

    _fields_ = [
        ("struct_size", c_uint32), ("deliver", c_uint32), ("queue", c_void_p), ("fn", c_void_p),
        ("shaped_fn", c_void_p), ("shape", c_char_p), ("drop", c_void_p), ("user_data", c_void_p), ("tag", c_uint64),
        ("deadline_ns", c_uint64),
    ]


lib = ctypes.CDLL(os.environ.get("AGENTOS_LIBRARY", "libagentos.so.0"))
lib.aos_error_message.restype = c_char_p
lib.aos_error_message.argtypes = [c_void_p, c_void_p]
lib.aos_error_release.argtypes = [c_void_p]
lib.aos_queue_drain.argtypes = [c_void_p, POINTER(Event), c_uint32, c_uint32, c_uint64]
lib.aos_queue_drain.restype = c_int32
lib.aos_event_release.argtypes = [POINTER(Event), c_uint32, c_uint32]
lib.aos_queue_release.argtypes = [c_void_p]
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


def text(value):
    """A text argument: pointer and length."""
    encoded = os.fsencode(value)
    return c_char_p(encoded), c_size_t(len(encoded))


class Lines:
    """Stands in for the bar where tqdm is missing."""

    def __init__(self, desc, total):
        self.desc, self.total, self.n = desc, total, 0

    def update(self, count):
        self.n += count
        print(f"{self.desc}: {self.n / 1e6:.1f} of {self.total / 1e6:.1f} MB", flush=True)

    def close(self):
        pass


def transfer(queue, name, total, begin):
    """Begins an operation, shows its progress, and gives its result and its seconds."""
    bar = tqdm(desc=name, total=total, unit="B", unit_scale=True) if tqdm else Lines(name, total)
    done = Completion(struct_size=ctypes.sizeof(Completion), deliver=QUEUE, queue=queue)
    started, shown = time.monotonic(), 0
    begin(byref(done))
    events = (Event * 16)()
    while True:
        for event in events[:lib.aos_queue_drain(queue, events, 16, 0, 600 * SECOND)]:
            if event.kind == PROGRESS:
                bar.update(event.json["bytes"] - shown)
                shown = event.json["bytes"]
            elif event.kind == COMPLETE:
                message = lib.aos_error_message(event.error, None).decode() if event.error else None
                result = event.json if not message else None
                lib.aos_event_release(byref(event), 1, 0)
                if message:
                    raise AgentOSError(message)
                bar.update(total - shown)
                bar.close()
                return result, time.monotonic() - started
            lib.aos_event_release(byref(event), 1, 0)


def size_of(directory):
    return sum(os.lstat(os.path.join(root, name)).st_size
               for root, _, names in os.walk(directory) for name in names
               if not os.path.islink(os.path.join(root, name)))


def differences(left, right):
    """Everything that is not the same, by its path."""
    found = []
    compared = filecmp.dircmp(left, right, ignore=[])
    names = [name for name in compared.common_files if not os.path.islink(os.path.join(left, name))]
    _, mismatch, errors = filecmp.cmpfiles(left, right, names, shallow=False)
    for name in compared.left_only + compared.right_only + mismatch + errors:
        found.append(os.path.join(left, name))
    for name in compared.common_dirs:
        if not os.path.islink(os.path.join(left, name)):
            found += differences(os.path.join(left, name), os.path.join(right, name))
    return found


def sync(directory, back):
    sidecar, queue, vm = c_void_p(), c_void_p(), c_uint64()
    total = size_of(directory)
    call(lib.aos_sidecar_create, None, c_size_t(0), byref(sidecar))
    call(lib.aos_queue_create, c_uint32(0), byref(queue))
    try:
        call(lib.aos_vm_create, sidecar, None, c_size_t(0), c_uint64(60 * SECOND), byref(vm))
        sent, seconds = transfer(queue, "upload", total, lambda done: call(
            lib.aos_fs_upload_async, sidecar, vm, *text(directory), *text("/tmp/tree"), None, c_size_t(0), done, None))
        print(f"upload: {sent['files']} files, {sent['bytes']} bytes in {seconds:.2f} s, "
              f"{sent['bytes'] / 1e6 / seconds:.1f} MB/s")
        came, seconds = transfer(queue, "download", total, lambda done: call(
            lib.aos_fs_download_async, sidecar, vm, *text("/tmp/tree"), *text(back), None, c_size_t(0), done, None))
        print(f"download: {came['files']} files, {came['bytes']} bytes in {seconds:.2f} s, "
              f"{came['bytes'] / 1e6 / seconds:.1f} MB/s")
    finally:
        call(lib.aos_sidecar_dispose, sidecar, c_uint64(60 * SECOND))
        lib.aos_queue_release(queue)
        lib.aos_sidecar_release(sidecar)
    wrong = differences(directory, back)
    print(f"compared {came['files']} files byte for byte: "
          + ("identical" if not wrong else f"{len(wrong)} DIFFER, {wrong[0]} for one"))
    return 1 if wrong else 0


def main():
    if len(sys.argv) not in (2, 3) or not os.path.isdir(sys.argv[1]):
        print("usage: sync_tree.py DIRECTORY [BACK]", file=sys.stderr)
        return 2
    if len(sys.argv) == 3:
        return sync(sys.argv[1], sys.argv[2])
    with tempfile.TemporaryDirectory() as back:
        return sync(sys.argv[1], back)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AgentOSError as error:
        print(f"sync_tree.py: {error}", file=sys.stderr)
        sys.exit(1)
