"""Programs of ``benchmarks``: all import, and the ablation changes constants that exist."""

from __future__ import annotations

from importlib import import_module

import pytest

from conftest import ROOT

BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture
def _on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)


@pytest.mark.usefixtures("_on_path")
@pytest.mark.parametrize("name", sorted(path.stem for path in BENCHMARKS.glob("*.py")))
def test_programs_import(name: str) -> None:
    import_module(name)


@pytest.mark.usefixtures("_on_path")
def test_the_ablation_changes_constants_and_restores_them() -> None:
    ablation = import_module("ablation")
    for part, constants in ablation.PARTS.items():
        before = [getattr(module, name) for module, name, _ in constants]
        assert [type(old) for old in before] == [type(new) for _, _, new in constants]
        with ablation.without(part):
            for module, name, value in constants:
                assert getattr(module, name) == value
        assert [getattr(module, name) for module, name, _ in constants] == before
