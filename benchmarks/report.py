"""Write ``benchmarks/report.md``: ``python benchmarks/report.py --data DIR``.

Every number of the report is printed by a program of this folder or by the command line, and the
table of the README is taken from it. DIR holds the recordings, which do not come with the project:
``thiemann2015`` with those of the 2015 notebook, ``dev/speech`` with a folder for each of some
voices. Without it their tables are left out.
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
from typing import Any

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
MARKS = ("<!-- table: benchmarks/report.py -->\n", "<!-- end -->")
PACKAGES = ("spectramend", "numpy", "scipy", "pystoi", "pesq")
METRICS = ("si_sdr_db", "stoi", "estoi", "pesq_wb")


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


def experiment_rows(name: str, data: Path, *options: str) -> list[dict[str, Any]]:
    """Run an experiment."""
    arguments = ["experiment", name, "--data", str(data), *options, "--json"]
    rows: list[dict[str, Any]] = json.loads(run(["-m", "spectramend", *arguments]))["rows"]
    return rows


def gains(rows: list[dict[str, Any]]) -> str:
    """Say how far each condition of interest lies above the one that it starts from."""
    by_name = {row["condition"]: row for row in rows}
    lines = []
    for name, base in (("spectramend", "ibm_only"), ("estimated_mask_spectramend", "mix")):
        above = ", ".join(
            f"{key} {by_name[name][key] - by_name[base][key]:+.3f}"
            for key in ("si_sdr_db", "estoi", "pesq_wb")
        )
        lines.append(f"- `{name}` over `{base}`: {above}")
    return "\n".join(lines) + "\n"


def table(rows: list[dict[str, Any]], keys: tuple[str, ...]) -> str:
    """Lay rows out as a Markdown table."""
    texts = [key for key in keys if isinstance(rows[0][key], str)]
    lines = [
        "| " + " | ".join(keys) + " |",
        "|" + "|".join("---" if key in texts else "---:" for key in keys) + "|",
    ]
    for row in rows:
        cells = [row[key] if key in texts else f"{row[key]:.3f}" for key in keys]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the recordings")
    options = parser.parse_args()

    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    parts = [
        "# Benchmarks\n",
        f"Made by `benchmarks/report.py`. {processor()}; Python {platform.python_version()}, "
        f"{versions}. Times are worth comparing within a table only.\n",
        "## One update: `benchmarks/update_speed.py`\n",
        run([str(HERE / "update_speed.py")]),
        "## Training and inpainting: `benchmarks/inpaint_speed.py`\n",
        run([str(HERE / "inpaint_speed.py")]),
    ]
    if options.data is not None:
        for mask in ("notebook", "exact"):
            rows = experiment_rows("thiemann2015", options.data / "thiemann2015", "--mask", mask)
            keys = ("condition", "transform", *METRICS, "lsd_hidden_db", "seconds")
            parts += [
                f"## 2015 experiment: `spectramend experiment thiemann2015 --mask {mask}`\n",
                "On the notebook's own recordings, seed 0. `seconds` is what the condition took "
                "with its dictionary at hand.\n",
                table(rows, keys),
            ]
        readme = README.read_text("utf-8")
        start, end = (readme.index(mark) for mark in MARKS)
        filled = readme[: start + len(MARKS[0])] + table(rows, ("condition", *METRICS))
        README.write_text(filled + readme[end:], "utf-8")
        for option in ((), ("--keep-reliable",)):
            rows = experiment_rows("voices", options.data / "dev" / "speech", *option)
            shown = ("condition", "si_sdr_db", "estoi", "pesq_wb", "lsd_hidden_db", "seconds")
            parts += [
                f"## Voices: `{' '.join(('spectramend experiment voices', *option))}`\n",
                "Means over the pairs of `dev/speech`, seed 0.\n",
                table(rows, shown),
                gains(rows),
            ]
        parts += [
            "## What each part brings: `benchmarks/ablation.py`\n",
            "Our default on the pairs of `dev/speech` without one part at a time: means above "
            "`ibm_only`, the least gain of any pair in PESQ, and seconds of inpainting. "
            "`other utterances` are the second ones of each voice, under the voice after the "
            "next.\n",
            run([str(HERE / "ablation.py"), str(options.data / "dev" / "speech")]),
        ]
    report = HERE / "report.md"
    report.write_text("\n".join(parts), "utf-8")
    print(f"{report}: written.")


if __name__ == "__main__":
    main()
