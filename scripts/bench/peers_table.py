# SPDX-License-Identifier: Apache-2.0
"""Prints one table of the runs that scripts/bench-peers.sh made: medians over all lines of an item.

    python3 peers_table.py FOLDER

FOLDER has a file LABEL-RUN.jsonl for each run; the labels are rust, off and on, of which some may be missing."""
import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

LABELS = {"rust": "rust", "off": "ours with file guards off", "on": "ours with file guards on"}

NOTES = """The processor time of a VM's shutdown is in the row of its creation, and the sidecar's own is in none.
The sidecar looks through all files of a VM at each `exists` and read: none at `exists`, one at the reads and at
`exists x32`. With guards on `exists` is answered by `realpath`, which does not."""


def read_runs(folder: Path) -> dict[str, list[dict]]:
    """The lines of all runs, by label; labels without a run are left out."""
    lines = {
        label: [json.loads(line) for path in sorted(folder.glob(f"{label}-*.jsonl")) for line in path.open()]
        for label in LABELS
    }
    return {label: found for label, found in lines.items() if found}


def median(lines: list[dict], item: str, key: str) -> float | None:
    values = [line[key] for line in lines if line["item"] == item and line.get(key) is not None]
    return statistics.median(values) if values else None


def cell(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def cpu(lines: list[dict], item: str) -> float | None:
    # A shutdown is timed within the item of its creation, whose processor time is that of both.
    return None if item.startswith("vm shutdown") else median(lines, item, "cpu_us_per_call")


def ratio(runs: dict[str, list[dict]], item: str) -> str:
    if "rust" not in runs or "off" not in runs:
        return ""
    rust, off = cpu(runs["rust"], item), cpu(runs["off"], item)
    return cell(off / rust, 2) if rust and off is not None else ""


def each(runs: dict[str, list[dict]], digits: int, value: Callable[[list[dict]], float | None]) -> str:
    """One figure of each program, in the order of the labels; nothing where no program has it."""
    cells = [cell(value(lines), digits) for lines in runs.values()]
    return " / ".join(text or "-" for text in cells) if any(cells) else ""


def item_row(runs: dict[str, list[dict]], item: str) -> list[str]:
    return [
        item,
        each(runs, 1, lambda lines: median(lines, item, "p50_us")),
        each(runs, 1, lambda lines: cpu(lines, item)),
        ratio(runs, item),
        each(runs, 0, lambda lines: median(lines, item, "peak_rss_kb")),
        each(runs, 1, lambda lines: median(lines, item, "mb_per_s")),
    ]


def process_line(lines: list[dict]) -> str:
    user, system = (median(lines, "process", key) for key in ("cpu_user_s", "cpu_sys_s"))
    threads, fds, rss = (median(lines, "process", key) for key in ("threads", "fds", "rss_kb"))
    return f"user {user:.2f} s, system {system:.2f} s, {threads:.0f} threads, {fds:.0f} descriptors, {rss:.0f} KB"


def lost_output(lines: list[dict]) -> list[str]:
    return sorted(
        f"{line['item']}: {line['bytes']} of {line['expected']} bytes"
        for line in lines
        if "bytes" in line and line["bytes"] != line["expected"]
    )


def main(folder: Path) -> None:
    runs = read_runs(folder)
    if not runs:
        sys.exit("peers_table: error: there is no run")
    # A dictionary keeps the order of the work and each item once.
    items = dict.fromkeys(line["item"] for lines in runs.values() for line in lines if line["item"] != "process")
    columns = ["item", "p50 µs", "client CPU µs a call", "CPU off : rust", "client peak RSS KB", "MB/s"]
    print(f"Figures are in the order {' / '.join(LABELS[label] for label in runs)}; medians over the runs.\n")
    print("|", " | ".join(columns), "|")
    print("|---" * len(columns) + "|")
    for item in items:
        print("|", " | ".join(item_row(runs, item)), "|")
    print(f"\n{NOTES}\n")
    for label, lines in runs.items():
        finished = sum(line["item"] == "process" for line in lines)
        print(f"Process, {LABELS[label]}, {finished} x: {process_line(lines)}")
        for lost in lost_output(lines):
            print(f"  output is missing: {lost}")


main(Path(sys.argv[1]))
