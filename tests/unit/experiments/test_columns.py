"""The experiment on columns: determined samples are exact, the others are interpolated."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from commands import Runner
from experiment_runs import inharmonic
from spectramend import Mask, inpaint
from spectramend.errors import FileError, ParameterError
from spectramend.evaluation.metrics import snr
from spectramend.experiments import columns
from spectramend.experiments._common.recordings import Recording
from spectramend.experiments.columns import METHODS, PROTOCOL_STFT, SR, read_positions


@pytest.mark.slow
def test_two_columns_are_determined_and_more_are_interpolated() -> None:
    result = columns.run([Recording("a", inharmonic(5, SR), SR)], columns=[1, 2, 4])
    found = {(row["condition"], row["group"]): row["snr_db"] for row in result.rows}
    assert list(found) == [(name, k) for k in (1, 2, 4) for name in METHODS]
    for name in ("consistency_janssen", "spectramend"):
        assert min(found[name, 1], found[name, 2]) > 250
        assert found[name, 4] > 30
    assert found["zero", 4] < found["zero", 2] < found["zero", 1] < 25


@pytest.mark.slow
def test_our_row_is_what_inpaint_gives() -> None:
    x = inharmonic(5, SR)
    positions = {4: [20], 6: [30]}
    result = columns.run([Recording("a", x, SR)], columns=[4, 6], positions=positions)
    X = PROTOCOL_STFT.forward(x)
    for k, starts in positions.items():
        observed = np.ones(X.shape, bool)
        for start in starts:
            observed[:, start : start + k] = False
        y = inpaint(X, Mask(observed), stft=PROTOCOL_STFT, sr=SR, length=x.size, rng=1).samples
        np.testing.assert_array_equal(y, METHODS["spectramend"](X, observed, x.size))
        (ours,) = (i for i in result.items if (i["condition"], i["group"]) == ("spectramend", k))
        assert ours["snr_db"] == snr(x, y)


def test_five_seconds_are_taken_at_the_rate_of_the_protocol() -> None:
    result = columns.run([Recording("a", inharmonic(9, 44100), 44100)], columns=[2])
    n_frames = PROTOCOL_STFT.n_frames(5 * SR)
    for item in result.items:
        assert len(item["positions"]) == 5
        assert max(item["positions"]) + 2 <= n_frames
        assert min(np.diff(item["positions"])) >= 2 * columns.SLOT_MARGIN_FRAMES


@pytest.fixture
def only_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the methods out that take time."""
    monkeypatch.setattr(columns, "METHODS", {"zero": METHODS["zero"]})


@pytest.mark.usefixtures("only_zero")
def test_positions_come_from_the_seed_or_from_a_file(tmp_path: Path) -> None:
    recording = Recording("a", inharmonic(5, SR), SR)
    first, again, other = (
        columns.run([recording], columns=[2], seed=s).items[0]["positions"] for s in (0, 0, 1)
    )
    assert first == again != other
    file = tmp_path / "positions.json"
    file.write_text('{"2": [20, 60]}')
    given = columns.run([recording], columns=[2], positions=read_positions(file))
    assert given.items[0]["positions"] == [20, 60]


@pytest.mark.parametrize("content", ["[1, 2]", '{"a": [1]}', '{"2": 3}', "{", '{"2": ["x"]}'])
def test_positions_of_another_form_are_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "positions.json"
    file.write_text(content)
    with pytest.raises(FileError, match="give JSON that maps columns to first frames"):
        read_positions(file)


def test_gaps_that_do_not_fit_are_refused() -> None:
    recording = Recording("a", inharmonic(5, SR), SR)
    for k in (0, 99):
        with pytest.raises(ParameterError, match=f"columns={k}: give 1 to"):
            columns.run([recording], columns=[k])
    for starts in ([], [-1], [10**6]):
        with pytest.raises(ParameterError, match="positions of 2 columns are"):
            columns.run([recording], columns=[2], positions={2: starts})


@pytest.mark.usefixtures("only_zero")
@pytest.mark.parametrize("name", ["dual_audio_original_example3", "example3", "example_3"])
def test_published_results_are_added_for_published_signals(name: str) -> None:
    recordings = [Recording(name, inharmonic(5, SR), SR), Recording("a", inharmonic(5, SR), SR)]
    rows = columns.run(recordings, columns=[2, 3]).rows
    (published,) = (row for row in rows if row["condition"] == "published U-PHAIN-TF")
    assert published["group"] == 2
    assert (published["signals"], published["seconds"]) == (1, None)
    own = columns.run([Recording("sample30", inharmonic(5, SR), SR)], columns=[2]).rows
    assert [row["condition"] for row in own] == ["zero"]


def test_the_command_prints_and_writes_the_same(run: Runner, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", inharmonic(5, SR), SR)
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
