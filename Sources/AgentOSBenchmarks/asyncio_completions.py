# SPDX-License-Identifier: Apache-2.0
"""Completions of a saturated queue in asyncio: the cost of one, in microseconds.

asyncio_completions.py LIBRARY REPETITIONS CALLS PEER...

Prints for each repetition: what the loop's reader spends on a completion, from the drain to the future's result; how
much of that is spent inside the library; and the whole call, with its submission and the task that waits.
"""
import asyncio
import ctypes
import json
import sys
import time

IN_FLIGHT = 256
WORDS = 12  # of 64 bits in an event: 96 bytes
TAG, VALUE = 4, 6
DELIVER_QUEUE = 2
NO_TIMEOUT = 0xFFFFFFFFFFFFFFFF
NUL_TERMINATED = 0xFFFFFFFFFFFFFFFF


class Completion(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32), ("deliver", ctypes.c_uint32), ("queue", ctypes.c_void_p),
        ("fn", ctypes.c_void_p), ("shaped_fn", ctypes.c_void_p), ("shape", ctypes.c_char_p),
        ("drop", ctypes.c_void_p), ("user_data", ctypes.c_void_p), ("tag", ctypes.c_uint64),
        ("deadline_ns", ctypes.c_uint64),
    ]


def load(path):
    library = ctypes.CDLL(path)
    pointer, u32, u64, text = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_char_p
    signatures = {
        "aos_sidecar_create": [text, ctypes.c_size_t, pointer, pointer],
        "aos_vm_create": [pointer, text, ctypes.c_size_t, u64, pointer, pointer],
        "aos_queue_create": [u32, pointer, pointer],
        "aos_queue_fd": [pointer],
        "aos_queue_drain": [pointer, pointer, u32, u32, u64],
        "aos_event_release": [pointer, u32, u32],
        "aos_fs_exists_async": [pointer, u64, text, ctypes.c_size_t, pointer, pointer, pointer],
        "aos_sidecar_dispose": [pointer, u64, pointer],
    }
    for name, arguments in signatures.items():
        getattr(library, name).argtypes = arguments
    return library


class Bench:
    def __init__(self, path, peer):
        self.library = load(path)
        options = json.dumps({"command": peer, "fileGuards": "off"}).encode()
        self.sidecar, self.queue, self.vm = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_uint64()
        self.check(self.library.aos_sidecar_create(options, NUL_TERMINATED, ctypes.byref(self.sidecar), None))
        self.check(self.library.aos_vm_create(self.sidecar, None, 0, NO_TIMEOUT, ctypes.byref(self.vm), None))
        self.check(self.library.aos_queue_create(0, ctypes.byref(self.queue), None))
        self.completion = Completion(ctypes.sizeof(Completion), DELIVER_QUEUE, self.queue)
        self.completion_address = ctypes.addressof(self.completion)
        self.events = ctypes.create_string_buffer(8 * WORDS * IN_FLIGHT)
        self.events_address = ctypes.addressof(self.events)
        self.words = memoryview(self.events).cast("B").cast("Q")
        self.futures = {}
        self.reset()

    @staticmethod
    def check(status):
        if status != 0:
            raise SystemExit(f"asyncio_completions: status {status}")

    def reset(self):
        self.completed, self.reading, self.inside = 0, 0.0, 0.0

    def exists(self, loop, tag):
        future = self.futures[tag] = loop.create_future()
        self.completion.tag = tag
        self.check(self.library.aos_fs_exists_async(
            self.sidecar, self.vm, b"/tmp", 4, self.completion_address, None, None))
        return future

    def ready(self):
        """What a binding does when the queue's descriptor is readable."""
        clock = time.perf_counter
        begin = clock()
        count = self.library.aos_queue_drain(self.queue, self.events_address, IN_FLIGHT, 0, 0)
        drained = clock()
        words, futures = self.words, self.futures
        end = count * WORDS
        for tag, value in zip(words[TAG:end:WORDS], words[VALUE:end:WORDS]):
            futures.pop(tag).set_result(value)
        set_all = clock()
        self.library.aos_event_release(self.events_address, count, 0)
        done = clock()
        self.completed += count
        self.reading += done - begin
        self.inside += drained - begin + done - set_all

    async def caller(self, loop, tags):
        for tag in tags:
            if await self.exists(loop, tag) != 1:
                raise SystemExit("asyncio_completions: a wrong answer")

    async def run(self, repetitions, calls):
        loop = asyncio.get_running_loop()
        loop.add_reader(self.library.aos_queue_fd(self.queue), self.ready)
        for repetition in range(repetitions + 1):
            self.reset()
            tags = iter(range(1, calls + 1))
            begin = time.perf_counter()
            await asyncio.gather(*(self.caller(loop, tags) for _ in range(IN_FLIGHT)))
            whole = time.perf_counter() - begin
            if repetition > 0:  # The first one warms up.
                figures = (self.reading, self.inside, whole)
                print(*(f"{figure / self.completed * 1e6:.4f}" for figure in figures), flush=True)
        loop.remove_reader(self.library.aos_queue_fd(self.queue))
        self.check(self.library.aos_sidecar_dispose(self.sidecar, NO_TIMEOUT, None))


if __name__ == "__main__":
    asyncio.run(Bench(sys.argv[1], sys.argv[4:]).run(int(sys.argv[2]), int(sys.argv[3])))
