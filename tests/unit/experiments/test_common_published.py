"""Published results: their means are those that the papers print."""

from __future__ import annotations

import numpy as np
import pytest

from spectramend.experiments import columns, gaps
from spectramend.experiments._common.published import read_published
from spectramend.experiments._common.results import Row


def mean_snr(items: list[Row], method: str, length: int) -> float:
    named = (f"published {method}", length)
    return float(np.mean([i["snr_db"] for i in items if (i["condition"], i["group"]) == named]))


def test_published_gaps_are_those_of_the_paper() -> None:
    items = read_published(gaps.PUBLISHED)
    assert mean_snr(items, "AMtoEMtf", 20) == pytest.approx(12.67, abs=0.01)
    assert mean_snr(items, "AMtoEMtf", 80) == pytest.approx(4.04, abs=0.01)
    assert len({item["signal"] for item in items}) == 10


def test_published_columns_are_those_of_the_protocol() -> None:
    items = read_published(columns.PUBLISHED)
    means = [mean_snr(items, m, k) for m in ("U-PHAIN-TF", "JanssenTF_ADMM") for k in (2, 4, 6)]
    np.testing.assert_allclose(means, [92.9, 17.3, 11.6, 57.4, 17.5, 12.0], atol=0.06)
    assert {item["signal"] for item in items} == {f"example{i}" for i in range(8)}


def test_signals_and_lengths_are_selected() -> None:
    items = read_published(gaps.PUBLISHED, ["a08_violin"], [20, 30])
    assert {(item["signal"], item["group"]) for item in items} == {
        ("a08_violin", 20), ("a08_violin", 30),
    }  # fmt: skip
    assert read_published(gaps.PUBLISHED, []) == []
