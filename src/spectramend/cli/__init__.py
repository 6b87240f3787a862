"""The command line: reads options and files, calls the library, writes files.

Heavy modules are imported by the command that needs them, so that ``--help`` answers at once.
"""

from spectramend.cli import (
    bounded_experiments,
    bounded_repairs,
    detections,
    evaluations,
    experiments,
    recordings,
    repairs,
)
from spectramend.cli.base import cli, main

__all__ = [
    "bounded_experiments",
    "bounded_repairs",
    "cli",
    "detections",
    "evaluations",
    "experiments",
    "main",
    "recordings",
    "repairs",
]
