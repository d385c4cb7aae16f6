# SPDX-License-Identifier: Apache-2.0
"""Prints the functions of a library that were called often in runs under callgrind, sorted by name.

    python3 called_functions.py LEAST_CALLS SYMBOLS RUN [RUN ...]

SYMBOLS is what nm printed of the library; RUN is a file that callgrind wrote with --demangle=no."""
import re
import sys
from collections import Counter
from pathlib import Path

# A name is written once, and only its number afterwards. Behind a prime, the depth of a recursion.
NAME = re.compile(r"c?fn=\((\d+)\)(?: (.*?)(?:'\d+)?)?$")
CALLS = re.compile(r"calls=(\d+) ")


def count_calls(run: Path) -> Counter[str]:
    """How often each function was called, by its name."""
    names: dict[str, str] = {}
    calls: Counter[str] = Counter()
    called = ""
    for line in run.read_text(errors="replace").splitlines():
        if match := NAME.match(line):
            number, name = match.groups()
            if name is not None:
                names[number] = name
            if line.startswith("cfn="):
                called = number
        elif match := CALLS.match(line):
            calls[names[called]] += int(match[1])
    return calls


def functions(symbols: Path) -> set[str]:
    """The names that nm calls text."""
    lines = (line.split() for line in symbols.read_text().splitlines())
    return {words[2] for words in lines if len(words) == 3 and words[1] in "tTwW"}


def main(least_calls: int, symbols: Path, runs: list[Path]) -> None:
    calls = sum(map(count_calls, runs), Counter())
    for name in sorted(functions(symbols) & {name for name, count in calls.items() if count >= least_calls}):
        print(name)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(int(sys.argv[1]), Path(sys.argv[2]), [Path(argument) for argument in sys.argv[3:]])
