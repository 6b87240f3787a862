"""Print pip constraints that pin the lowest versions that ``pyproject.toml`` promises.

``python tools/lowest_versions.py > constraints.txt`` takes every ``name>=version`` of the
dependencies and of the extras that users install; what only tests and linters need stays free.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
OF_DEVELOPERS = {"test", "lint"}  # extras that no user installs
REQUIREMENT = re.compile(r'"(?P<name>[\w.-]+)(\[[\w,]+\])?>=(?P<version>[\d.]+)')
LIST = re.compile(r"^(?P<key>\w+) = \[(?P<items>.*?)\]$", re.MULTILINE | re.DOTALL)


def lowest(text: str) -> list[str]:
    """Give the constraints of a ``pyproject.toml``; Python 3.10 has no parser for it."""
    project = text[: text.index("[project.scripts]")]
    found = []
    for entry in LIST.finditer(project):
        if entry["key"] not in {"requires", *OF_DEVELOPERS}:
            found += [f"{m['name']}=={m['version']}" for m in REQUIREMENT.finditer(entry["items"])]
    return found


if __name__ == "__main__":
    sys.stdout.write("\n".join(lowest(PYPROJECT.read_text("utf-8"))) + "\n")
