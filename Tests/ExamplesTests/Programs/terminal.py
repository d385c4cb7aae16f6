# SPDX-License-Identifier: Apache-2.0
#
# Types into a program on a terminal of its own, as a person does.
#
#   terminal.py PROGRAM [TEXT KEYS]...
#
# Waits for each text, which must come behind the one before it, and then sends the keys. Prints what the terminal
# showed, then `exit CODE`; ends with 1 when a text did not come.

import os
import pty
import select
import signal
import sys
import time

LIMIT = 60


def main(program, *steps):
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(program, [program])
    deadline = time.monotonic() + LIMIT
    shown, seen = b"", 0

    def read():
        ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            return b""
        try:
            return os.read(terminal, 65536)
        except OSError:  # EIO: the program has ended.
            return b""

    missing = None
    for text, keys in zip(steps[::2], steps[1::2]):
        while shown.find(text.encode(), seen) < 0:
            more = read()
            if not more:
                missing = text
                break
            shown += more
        if missing is not None:
            break
        seen = shown.find(text.encode(), seen) + len(text.encode())
        os.write(terminal, keys.encode())
    while missing is None:
        more = read()
        if not more:
            break
        shown += more
    if missing is not None or time.monotonic() >= deadline:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    sys.stdout.write(shown.decode(errors="replace"))
    if missing is not None:
        print(f"\nmissing {missing!r}")
        return 1
    print(f"\nexit {os.waitstatus_to_exitcode(status)}")
    return 0


sys.exit(main(*sys.argv[1:]))
