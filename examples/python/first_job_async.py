#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The first job with asyncio: one event queue, whose descriptor the event loop polls.

    first_job_async.py FILE

No function of Python is ever called from a thread of the library: `aos_queue_fd` becomes readable, and the loop drains
the queue on its own thread. Ctrl-C works as in any asyncio program.
"""
import asyncio
import ctypes
import json
import os
import sys
from ctypes import POINTER, byref, c_char_p, c_int32, c_size_t, c_uint32, c_uint64, c_void_p

from first_job import SECOND, AgentOSError, Event, call, describe, lib, text

DELIVER_QUEUE = 2
COMPLETE = 1
BATCH = 64

lib.aos_queue_fd.argtypes = [c_void_p]
lib.aos_queue_drain.argtypes = [c_void_p, POINTER(Event), c_uint32, c_uint32, c_uint64]
lib.aos_queue_drain.restype = c_int32
lib.aos_queue_release.argtypes = [c_void_p]


class Completion(ctypes.Structure):
    """aos_completion."""

    _fields_ = [
        ("struct_size", c_uint32), ("deliver", c_uint32), ("queue", c_void_p), ("fn", c_void_p),
        ("shaped_fn", c_void_p), ("shape", c_char_p), ("drop", c_void_p), ("user_data", c_void_p),
        ("tag", c_uint64), ("deadline_ns", c_uint64),
    ]


class Reply:
    """One event, copied out of the library's memory."""

    def __init__(self, event):
        self.kind, self.value, self.object = event.kind, event.value, event.object
        self.data = ctypes.string_at(event.data, event.data_len) if event.data else b""
        self.error = lib.aos_error_message(event.error, None).decode() if event.status < 0 else None


class Client:
    """A sidecar and the queue on which its operations report."""

    def __init__(self):
        self.sidecar, self.queue = c_void_p(), c_void_p()
        call(lib.aos_sidecar_create, None, c_size_t(0), byref(self.sidecar))
        call(lib.aos_queue_create, c_uint32(0), byref(self.queue))
        self.streams = {}
        self.next_tag = 1
        asyncio.get_running_loop().add_reader(lib.aos_queue_fd(self.queue), self._drain)

    def _drain(self):
        events = (Event * BATCH)()
        count = lib.aos_queue_drain(self.queue, events, BATCH, 0, 0)
        for event in events[:count]:
            self.streams[event.tag].put_nowait(Reply(event))
        if count > 0:
            lib.aos_event_release(events, count, 0)

    async def events(self, function, *arguments, outputs=()):
        """The events of an operation, up to the last."""
        tag, self.next_tag = self.next_tag, self.next_tag + 1
        stream = self.streams[tag] = asyncio.Queue()
        completion = Completion(struct_size=ctypes.sizeof(Completion), deliver=DELIVER_QUEUE, queue=self.queue, tag=tag)
        try:
            call(function, self.sidecar, *arguments, byref(completion), *outputs, None)
            while True:
                reply = await stream.get()
                yield reply
                if reply.kind == COMPLETE:
                    return
        finally:
            del self.streams[tag]

    async def result(self, function, *arguments):
        """The last event of an operation; its error is raised."""
        last = None
        async for last in self.events(function, *arguments):
            pass
        if last.error:
            raise AgentOSError(last.error)
        return last

    async def close(self):
        await self.result(lib.aos_sidecar_dispose_async)
        describe(self.sidecar)
        asyncio.get_running_loop().remove_reader(lib.aos_queue_fd(self.queue))
        lib.aos_queue_release(self.queue)
        lib.aos_sidecar_release(self.sidecar)


async def stream(client, vm, argv):
    arguments = (vm, *text(json.dumps(argv)), None, c_size_t(0))
    async for reply in client.events(lib.aos_process_spawn, *arguments, outputs=(None,)):
        if reply.kind != COMPLETE:
            print(reply.data.decode(), end="")
        elif reply.error:
            raise AgentOSError(reply.error)
        else:
            print(f"(exit code {reply.value})")


async def main(path, packs):
    with open(path, "rb") as file:
        content = file.read()
    client = Client()
    try:
        config = json.dumps({"software": [{"package": f"{packs}/agent-os-coreutils"}]})
        vm = c_uint64((await client.result(lib.aos_vm_create_async, *text(config))).value)
        files = {f"/tmp/{name}": content[:size] for name, size in (("a", 100), ("b", 1000), ("c", len(content)))}
        # All at once: the sidecar serves one request after the other, and nobody waits here for any of them.
        await asyncio.gather(*(
            client.result(lib.aos_fs_write_async, vm, *text(name), data, c_size_t(len(data)))
            for name, data in files.items()))
        await stream(client, vm, ["sh", "-c", "sha256sum /tmp/c"])
        back = await asyncio.gather(*(client.result(lib.aos_fs_read_async, vm, *text(name)) for name in files))
        same = [reply.data for reply in back] == list(files.values())
        print(f"read back {len(back)} files: {'identical' if same else 'DIFFERENT'}")
    finally:
        await client.close()
    return not same


if __name__ == "__main__":
    if len(sys.argv) != 2 or "AGENTOS_TEST_PACKS" not in os.environ:
        sys.exit("usage: AGENTOS_TEST_PACKS=FOLDER first_job_async.py FILE")
    sys.exit(asyncio.run(main(sys.argv[1], os.environ["AGENTOS_TEST_PACKS"])))
