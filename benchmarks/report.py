"""Run the benchmarks and write ``benchmarks/report.md``: ``python benchmarks/report.py``.

Every number of the report is printed by a program of this folder or by the command line. Tables
that need recordings which do not come with the project are made where ``--data`` names a folder
with ``thiemann2015``.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
PACKAGES = ("spectramend", "numpy", "scipy", "pystoi", "pesq")
KEYS = (
    "condition", "transform", "si_sdr_db", "stoi", "estoi", "pesq_wb", "lsd_hidden_db", "seconds",
)  # fmt: skip


def processor() -> str:
    """Name the processor."""
    try:
        info = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = re.findall(r"^model name\s*: (.*)$", info, re.MULTILINE)
    return f"{names[0] if names else platform.machine()}, {len(names)} cores"


def run(arguments: list[str]) -> str:
    """Run a program with this interpreter and return what it prints."""
    return subprocess.run(
        [sys.executable, *arguments], check=True, capture_output=True, text=True
    ).stdout


def experiment_table(data: Path, mask: str) -> str:
    """Run the 2015 experiment and lay its rows out."""
    arguments = ["experiment", "thiemann2015", "--data", str(data), "--mask", mask, "--json"]
    rows = json.loads(run(["-m", "spectramend", *arguments]))["rows"]
    lines = ["| " + " | ".join(KEYS) + " |", "|---|---|" + "---:|" * (len(KEYS) - 2)]
    for row in rows:
        cells = [
            f"{row[key]:.3f}" if isinstance(row[key], float) else str(row[key]) for key in KEYS
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder that holds thiemann2015")
    parser.add_argument("-o", "--output", type=Path, default=HERE / "report.md")
    options = parser.parse_args()

    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    parts = [
        "# Benchmarks\n",
        f"Made by `benchmarks/report.py`. {processor()}; Python {platform.python_version()}, "
        f"{versions}. Times are worth comparing within a table only.\n",
        "## One update: `benchmarks/update_speed.py`\n",
        run([str(HERE / "update_speed.py")]),
    ]
    if options.data is not None:
        for mask in ("notebook", "exact"):
            parts += [
                f"## 2015 experiment: `spectramend experiment thiemann2015 --mask {mask}`\n",
                "On the notebook's own recordings, seed 0. `seconds` is what the condition took "
                "with its dictionary at hand.\n",
                experiment_table(options.data / "thiemann2015", mask),
            ]
    options.output.write_text("\n".join(parts), "utf-8")
    print(f"{options.output}: written.")


if __name__ == "__main__":
    main()
