"""The odds of clicks: their base rate, and the program that fits the model."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from conftest import ROOT
from spectramend.detection import click_classifier
from spectramend.detection.click_classifier import CRACKLE, MODEL


def test_evidence_counts_more_where_clicks_are_common() -> None:
    odds = np.array([2.0] * 5 + [-9.0] * 95)
    alone = np.array([2.0] + [-9.0] * 99)
    assert MODEL.adapt(odds)[0] > MODEL.adapt(alone)[0]
    assert MODEL.adapt(np.zeros(0)).size == 0


def test_the_base_rate_is_the_most_likely_one() -> None:
    odds = np.random.default_rng(0).normal(-4, 3, 500)
    shift = MODEL.adapt(odds)[0] - odds[0]
    fitted = np.log(MODEL.base_rate / (1 - MODEL.base_rate))

    def likelihood(move: float) -> float:
        share = 1 / (1 + np.exp(-(move + fitted)))
        ratio = np.exp(odds - fitted)  # of the densities of clicks and others
        return float(np.sum(np.log(share * ratio + 1 - share)))

    assert likelihood(shift) > max(likelihood(shift - 0.05), likelihood(shift + 0.05))


# The program


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program that fits the model."""
    for folder in ("benchmarks", "tools"):
        monkeypatch.syspath_prepend(str(ROOT / folder))
    return import_module("fit_click_classifier")


def test_the_module_holds_its_models_as_the_program_writes_them(program: ModuleType) -> None:
    source = Path(click_classifier.__file__).read_text("utf-8")
    assert program.source_of("MODEL", MODEL) in source
    assert program.source_of("CRACKLE", CRACKLE) in source
    assert source.count(program.BEGIN) == source.count(program.END) == 1


def test_the_program_fits_the_odds_of_a_known_model(program: ModuleType) -> None:
    rng = np.random.default_rng(0)
    features = rng.standard_normal((20000, 11))
    log_odds = 0.5 * features[:, 0] - features[:, 1] - 2
    true = rng.random(log_odds.size) < 1 / (1 + np.exp(-log_odds))
    model = program.fit(program.Examples(features, true, np.ones(true.size)))
    usual = np.all((features > model.low) & (features < model.high), axis=1)
    error = model.log_odds(features)[usual] - log_odds[usual]
    assert np.sqrt(np.mean(error**2)) < 0.3
    assert model.base_rate == pytest.approx(np.mean(true), abs=1e-4)
