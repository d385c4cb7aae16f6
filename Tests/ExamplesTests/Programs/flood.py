# SPDX-License-Identifier: Apache-2.0
"""64 MiB of output through asyncio: every byte is hashed, and the memory that it takes is told.

Prints `<sha256> <bytes> <exit code> <growth of the resident set in MiB>`.
"""
import asyncio
import ctypes
import hashlib
import json
import os
from ctypes import POINTER, Structure, byref, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

MINUTE = c_uint64(60 * 10**9)
QUEUE, STDOUT, COMPLETE = 2, 2, 1
CODE = """const fs = require('fs'); const block = Buffer.alloc(65536);
for (let i = 0; i < 1024; i++) { block.fill(i % 251); block.writeUInt32LE(i, 0);
for (let at = 0; at < block.length;) at += fs.writeSync(1, block, at); }"""


class Event(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("kind", c_uint32), ("op", c_uint64), ("object", c_uint64), ("call", c_uint64),
        ("tag", c_uint64), ("seq", c_uint64), ("value", c_int64), ("status", c_int32), ("flags", c_uint32),
        ("data", c_void_p), ("data_len", c_uint64), ("bytes", c_void_p), ("error", c_void_p),
    ]


class Completion(Structure):
    _fields_ = [
        ("struct_size", c_uint32), ("deliver", c_uint32), ("queue", c_void_p), ("fn", c_void_p),
        ("shaped_fn", c_void_p), ("shape", c_char_p), ("drop", c_void_p), ("user_data", c_void_p), ("tag", c_uint64),
        ("deadline_ns", c_uint64),
    ]


lib = ctypes.CDLL(os.environ["AGENTOS_LIBRARY"])
lib.aos_error_message.restype, lib.aos_error_message.argtypes = c_char_p, [c_void_p, c_void_p]
lib.aos_queue_drain.argtypes = [c_void_p, POINTER(Event), c_uint32, c_uint32, c_uint64]
lib.aos_queue_drain.restype = c_int32
lib.aos_event_release.argtypes = [POINTER(Event), c_uint32, c_uint32]
lib.aos_queue_fd.argtypes = [c_void_p]


def call(function, *arguments):
    error = c_void_p()
    if function(*arguments, byref(error)) != 0:
        raise RuntimeError(lib.aos_error_message(error, None).decode())


def resident():
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


async def flood(sidecar, queue, vm):
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    digest, count = hashlib.sha256(), 0
    events = (Event * 16)()

    def take():
        nonlocal count
        while (got := lib.aos_queue_drain(queue, events, 16, 0, 0)) > 0:
            for event in events[:got]:
                if event.kind == STDOUT:
                    digest.update(ctypes.string_at(event.data, event.data_len))
                    count += event.data_len
                elif event.kind == COMPLETE and not ended.done():
                    ended.set_result(event.value if event.status == 0 else event.status)
            lib.aos_event_release(events, got, 0)

    loop.add_reader(lib.aos_queue_fd(queue), take)
    argv = json.dumps(["node", "-e", CODE]).encode()
    done = Completion(struct_size=ctypes.sizeof(Completion), deliver=QUEUE, queue=queue)
    before = resident()
    call(lib.aos_process_spawn, sidecar, vm, argv, c_size_t(len(argv)), None, c_size_t(0), byref(done), None, None)
    code = await ended
    loop.remove_reader(lib.aos_queue_fd(queue))
    print(digest.hexdigest(), count, code, round(resident() - before))


def main():
    sidecar, queue, vm = c_void_p(), c_void_p(), c_uint64()
    call(lib.aos_sidecar_create, None, c_size_t(0), byref(sidecar))
    call(lib.aos_queue_create, c_uint32(0), byref(queue))
    call(lib.aos_vm_create, sidecar, None, c_size_t(0), MINUTE, byref(vm))
    asyncio.run(flood(sidecar, queue, vm))
    call(lib.aos_sidecar_dispose, sidecar, MINUTE)


main()
