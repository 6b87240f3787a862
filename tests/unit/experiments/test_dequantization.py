"""The experiment on dequantization: its protocol, its rows, and its command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from commands import Runner
from experiment_runs import inharmonic, small_results
from spectramend.errors import ParameterError
from spectramend.experiments import dequantization
from spectramend.experiments._common.output import tables
from spectramend.experiments._common.published import read_published

SR = 16000


@given(bits=st.integers(1, 16), seed=st.integers(0, 9))
def test_samples_lie_within_their_steps(bits: int, seed: int) -> None:
    x = np.random.default_rng(seed).uniform(-1, 1, 200)
    x[:3] = -1, 0, 1
    bounded = dequantization.quantized(x, bits)
    assert (bounded.lower <= x).all()
    assert (x <= bounded.upper).all()
    np.testing.assert_allclose(bounded.upper - bounded.lower, 2.0 ** (1 - bits))
    np.testing.assert_allclose(bounded.y, (bounded.lower + bounded.upper) / 2)
    assert bounded.lower.min() == -1
    assert bounded.upper.max() == 1


def test_less_than_a_bit_is_refused() -> None:
    with pytest.raises(ParameterError, match="bits=0: give a number of bits of at least 1"):
        dequantization.quantized(inharmonic(0.1), 0)


def test_each_kind_has_its_rows_and_table() -> None:
    result = small_results()["dequantization"]
    speech, music = (row for row in result.rows if row["condition"] == "quantized")
    assert [(r["group"], r["kind"], r["level"]) for r in (speech, music)] == [
        ("speech 4", "speech", 4), ("music 4", "music", 4),
    ]  # fmt: skip
    assert speech["sdr_db"] == music["sdr_db"] > 20
    assert music["pesq_wb"] is None
    published = [row for row in result.rows if row["condition"].startswith("published")]
    assert published == []  # of 4 bits
    assert [table.heading for table in tables(result)] == ["speech", "music"]


def test_published_ratios_are_those_of_the_paper() -> None:
    items = read_published("dequantization.csv")
    named = ("published b_phadq_consistent", 6)
    ratios = [i["snr_db"] for i in items if (i["condition"], i["group"]) == named]
    assert len(ratios) == 10
    assert np.mean(ratios) == pytest.approx(32.17, abs=0.01)


def test_the_command_prints_published_results_beside_ours(run: Runner, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "3.wav", inharmonic(3), SR)
    ended = run("experiment", "dequantization", "--data", tmp_path, "--bits", "6", "--seconds",
                "0.2", "--json")  # fmt: skip
    assert ended.code == 0
    printed = json.loads(ended.out)
    rows = {row["condition"]: row for row in printed["rows"]}
    assert rows["l1"]["sdr_db"] > rows["quantized"]["sdr_db"] + 3
    assert rows["l1"]["consistent_share"] == 1
    assert rows["published b_phadq_consistent"]["sdr_db"] == 36.667
