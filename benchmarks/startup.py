"""Time of starting: ``import spectramend`` and the help of the command line.

Fresh interpreters run in turns; the process time of each is its user and system time. Prints a
Markdown table of medians, and of their differences to a bare interpreter and to one that imports
NumPy, which every numeric package needs at least.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

from workbench import table

BARE = "bare interpreter"
NUMPY = "`import numpy`"
PROGRAMS = {
    BARE: ["-c", ""],
    NUMPY: ["-c", "import numpy"],
    "`import spectramend`": ["-c", "import spectramend"],
    "`spectramend --version`": ["-m", "spectramend", "--version"],
    "`spectramend --help`": ["-m", "spectramend", "--help"],
    "`spectramend repair --help`": ["-m", "spectramend", "repair", "--help"],
    "`import spectramend; spectramend.STFT`": ["-c", "import spectramend; spectramend.STFT"],
    "`from spectramend.nmf import fit`": ["-c", "from spectramend.nmf import fit"],
}


def process_time(arguments: list[str]) -> float:
    """Run an interpreter; give its process time in seconds, with bytecode written."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    child = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, env=environment
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(arguments)}: failed.")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=21)
    options = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for run in range(options.runs + 1):
        for name, arguments in PROGRAMS.items():
            seconds = process_time(arguments)
            if run:  # the first runs write bytecode
                times[name].append(seconds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    rows = [
        [name, *(f"{value:.3f}" for value in (t, t - medians[BARE], t - medians[NUMPY]))]
        for name, t in medians.items()
    ]
    print(table(["", "seconds", "beyond a bare interpreter", "beyond `import numpy`"], rows))


if __name__ == "__main__":
    main()
