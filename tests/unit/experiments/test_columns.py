"""The experiment on columns: what is determined comes back, the rest is guessed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from commands import Runner
from spectramend import Mask, inpaint
from spectramend.errors import FileError, ParameterError
from spectramend.evaluation.metrics import snr
from spectramend.experiments import columns
from spectramend.experiments._common.published import read_published
from spectramend.experiments._common.scenes import Recording
from spectramend.experiments.columns import METHODS, SR, STFT_OF_PROTOCOL, read_positions


def tones(seconds: float, sr: int) -> NDArray[Any]:
    n = np.arange(round(seconds * sr))
    parts = [np.sin(2 * np.pi * f / sr * n + f) for f in (220, 331, 550, 1234)]
    return 0.2 * np.sum(parts, axis=0) + 1e-3 * np.random.default_rng(0).standard_normal(n.size)


def test_two_columns_are_determined_and_more_are_guessed() -> None:
    result = columns.run([Recording("a", tones(5, SR), SR)], columns=[1, 2, 4])
    found = {(row["condition"], row["group"]): row["snr_db"] for row in result.rows}
    assert list(found) == [(name, k) for k in (1, 2, 4) for name in METHODS]
    for name in ("consistency_janssen", "spectramend"):
        assert min(found[name, 1], found[name, 2]) > 250
        assert found[name, 4] > 30
    assert found["zero", 4] < found["zero", 2] < found["zero", 1] < 25


def test_our_row_is_what_inpaint_gives() -> None:
    x = tones(5, SR)
    positions = {4: [20, 60], 6: [30]}
    result = columns.run([Recording("a", x, SR)], columns=[4, 6], positions=positions)
    X = STFT_OF_PROTOCOL.forward(x)
    for k, starts in positions.items():
        observed = np.ones(X.shape, bool)
        for start in starts:
            observed[:, start : start + k] = False
        y = inpaint(X, Mask(observed), stft=STFT_OF_PROTOCOL, sr=SR, length=x.size, rng=1).samples
        np.testing.assert_array_equal(y, METHODS["spectramend"](X, observed, x.size))
        (ours,) = (i for i in result.items if (i["condition"], i["group"]) == ("spectramend", k))
        assert ours["snr_db"] == snr(x, y)


def test_five_seconds_are_taken_at_the_rate_of_the_protocol() -> None:
    result = columns.run([Recording("a", tones(9, 44100), 44100)], columns=[2])
    n_frames = STFT_OF_PROTOCOL.n_frames(5 * SR)
    for item in result.items:
        assert len(item["positions"]) == 5
        assert max(item["positions"]) + 2 <= n_frames
        assert min(np.diff(item["positions"])) >= 2 * columns.SLOT_MARGIN


def test_places_follow_from_the_seed_or_from_a_file(tmp_path: Path) -> None:
    recording = Recording("a", tones(5, SR), SR)
    first, again, other = (
        columns.run([recording], columns=[2], seed=s).items[0]["positions"] for s in (0, 0, 1)
    )
    assert first == again != other
    file = tmp_path / "positions.json"
    file.write_text('{"2": [20, 60]}')
    told = columns.run([recording], columns=[2], positions=read_positions(file))
    assert told.items[0]["positions"] == [20, 60]


@pytest.mark.parametrize("content", ["[1, 2]", '{"a": [1]}', '{"2": 3}', "{", '{"2": ["x"]}'])
def test_positions_of_another_form_are_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "positions.json"
    file.write_text(content)
    with pytest.raises(FileError, match="give JSON that maps columns to first frames"):
        read_positions(file)


def test_gaps_that_do_not_fit_are_refused() -> None:
    recording = Recording("a", tones(5, SR), SR)
    for k in (0, 99):
        with pytest.raises(ParameterError, match=f"columns={k}: give 1 to"):
            columns.run([recording], columns=[k])
    for starts in ([], [-1], [10**6]):
        with pytest.raises(ParameterError, match="positions of 2 columns are"):
            columns.run([recording], columns=[2], positions={2: starts})


def test_published_results_are_those_of_the_protocol() -> None:
    table = read_published(columns.PUBLISHED)
    means = [
        np.mean(
            [
                item["snr_db"]
                for item in table
                if (item["condition"], item["group"]) == (f"published {method}", k)
            ]
        )
        for method in ("U-PHAIN-TF", "JanssenTF_ADMM")
        for k in (2, 4, 6)
    ]
    np.testing.assert_allclose(means, [92.9, 17.3, 11.6, 57.4, 17.5, 12.0], atol=0.06)
    assert {item["signal"] for item in table} == {f"example{i}" for i in range(8)}


@pytest.mark.parametrize("name", ["dual_audio_original_example3", "example3", "example_3"])
def test_published_results_stand_beside_ours_where_signals_are_theirs(name: str) -> None:
    recordings = [Recording(name, tones(5, SR), SR), Recording("a", tones(5, SR), SR)]
    rows = columns.run(recordings, columns=[2, 3]).rows
    (published,) = (row for row in rows if row["condition"] == "published U-PHAIN-TF")
    assert published["group"] == 2
    assert (published["signals"], published["seconds"]) == (1, None)
    own = columns.run([Recording("sample30", tones(5, SR), SR)], columns=[2]).rows
    assert [row["condition"] for row in own] == list(METHODS)


def test_the_command_prints_and_writes_the_same(run: Runner, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tones(5, SR), SR)
    (tmp_path / "positions.json").write_text('{"2": [20, 60]}')
    out = tmp_path / "out"
    ended = run("experiment", "columns", "--data", tmp_path, "--positions",
                tmp_path / "positions.json", "--json", "-o", out)  # fmt: skip
    assert ended.code == 0
    printed = json.loads(ended.out)
    assert printed == json.loads((out / "metrics.json").read_text())
    assert printed["experiment"] == "columns"
    assert printed["items"][0]["positions"] == [20, 60]
    assert printed["items"][0]["group"] == 2
    assert printed["settings"]["positions"] == "given"
    table = run("experiment", "columns", "--data", tmp_path, "--columns", 2)
    assert "2 columns (dB)" in table.out
    assert run("experiment", "columns", "--data", tmp_path, "--columns", "x").code == 2
