"""Runs commands in this process."""

from __future__ import annotations

import sys
from typing import NamedTuple

import pytest

from spectramend.cli import main


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


class Runner:
    """Runs commands in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *arguments: object) -> Ended:
        self.monkeypatch.setattr(sys, "argv", ["spectramend", *map(str, arguments)])
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        code = stop.value.code
        return Ended(0 if code is None else int(code), *self.capsys.readouterr())
