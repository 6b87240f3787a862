"""Run the recipes of docs/cookbook.md: ``python tools/cookbook.py [--write] [RECIPE ...]``.

Each recipe is a section with a block of commands, which run as they stand, in a temporary folder.
What ``spectramend evaluate`` measures in them is printed, and with ``--write`` put into the table
of the recipe. ``tests/unit/test_cookbook.py`` compares the tables with a new run.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
COOKBOOK = ROOT / "docs" / "cookbook.md"
HEAD = "| | SNR, all (dB) | SNR in the damage (dB) | STOI |\n|---|---:|---:|---:|\n"
TABLE = re.compile(r"<!-- figures -->\n(.*?)<!-- end -->\n", re.DOTALL)
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)

# Runs the command, and keeps the figures of `evaluate` as a line of JSON.
WRAPPER = """#!/bin/sh
"$PYTHON" -m spectramend "$@" || exit $?
if [ "$1" = evaluate ]; then "$PYTHON" -m spectramend "$@" --json >> "$FIGURES"; fi
"""


@dataclass(frozen=True)
class Recipe:
    """A section of the cookbook."""

    title: str
    text: str

    @property
    def commands(self) -> str:
        """The lines of its block."""
        found = BLOCK.search(self.text)
        assert found is not None, self.title
        return found[1]

    @property
    def table(self) -> list[list[str]]:
        """The rows of its table, as texts."""
        found = TABLE.search(self.text)
        assert found is not None, self.title
        rows = found[1].splitlines()[2:]
        return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def recipes(text: str) -> list[Recipe]:
    """Read the sections that have a block of commands."""
    parts = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    found = [Recipe(part.split("\n", 1)[0], part) for part in parts]
    return [recipe for recipe in found if BLOCK.search(recipe.text)]


def run(recipe: Recipe) -> list[list[str]]:
    """Run the commands of a recipe; give the rows of its table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "examples").symlink_to(ROOT / "examples")
        (folder / "bin").mkdir()
        wrapper = folder / "bin" / "spectramend"
        wrapper.write_text(WRAPPER)
        wrapper.chmod(0o755)
        figures = folder / "figures"
        path = os.pathsep.join([str(wrapper.parent), str(Path(sys.executable).parent)])
        environment = os.environ | {
            "PATH": path + os.pathsep + os.environ["PATH"],
            "PYTHON": sys.executable,
            "FIGURES": str(figures),
        }
        done = subprocess.run(
            ["sh", "-e", "-c", recipe.commands],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{recipe.title}:\n{done.stderr}")
        return [
            _row(result) for line in figures.read_text().splitlines() for result in json.loads(line)
        ]


def _row(result: dict[str, Any]) -> list[str]:
    """Write the figures of one recording."""
    inside = [region["snr_db"] for region in result["regions"]]
    mean = sum(inside) / len(inside)
    values = [f"{result['snr_db']:.1f}", f"{mean:.1f}", f"{result['stoi']:.3f}"]
    return [f"`{result['estimate']}`", *values]


def with_table(recipe: Recipe, rows: list[list[str]]) -> str:
    """Put new rows into the table of a recipe; return its text."""
    lines = "".join("| " + " | ".join(row) + " |\n" for row in rows)
    return TABLE.sub(lambda _: f"<!-- figures -->\n{HEAD}{lines}<!-- end -->\n", recipe.text)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="Put the figures into the tables.")
    parser.add_argument("recipe", nargs="*", help="Words of titles. [default: all]")
    given = parser.parse_args()
    text = COOKBOOK.read_text("utf-8")
    for recipe in recipes(text):
        if given.recipe and not any(word.lower() in recipe.title.lower() for word in given.recipe):
            continue
        rows = run(recipe)
        print(recipe.title, *(" | ".join(row) for row in rows), sep="\n  ", flush=True)
        text = text.replace(recipe.text, with_table(recipe, rows))
    if given.write:
        COOKBOOK.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
