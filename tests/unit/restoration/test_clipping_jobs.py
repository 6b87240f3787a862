"""Clipped regions in a repair: no sample below its level, and room for the peaks in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from clipped_signals import LEVEL, SR, clean, clipped, snr_db
from spectramend import STFT, OutputOptions, Region, detect, repair, repair_file
from spectramend.errors import OptionError, ParameterError

X = clean()
Y = clipped(X)
AT_LEVEL = np.abs(Y) >= LEVEL
LABELS = detect(Y, SR, kinds=["clipping"])


def test_detected_runs_are_restored_beyond_the_level_in_few_jobs() -> None:
    found = repair(Y, SR, LABELS)
    y = found.samples
    assert len(LABELS) > 100
    assert len(found.jobs) == 1
    assert found.jobs[0].regions == tuple(LABELS)
    assert (found.jobs[0].damage, found.jobs[0].levels) == ("clipped", (-LEVEL, LEVEL))
    np.testing.assert_array_equal(y[~AT_LEVEL], Y[~AT_LEVEL])
    assert np.all(np.sign(Y) * y >= np.abs(Y) * AT_LEVEL)
    assert snr_db(X[AT_LEVEL], y[AT_LEVEL]) > 15 + snr_db(X[AT_LEVEL], Y[AT_LEVEL])


@pytest.mark.parametrize("region", [Region(0.25, 0.5, label="clipping"), Region(0.25, 0.5)])
def test_a_label_around_several_runs_is_enough(region: Region) -> None:
    damage: Any = None if region.label else "clipped"
    found = repair(Y, SR, region, damage=damage)
    changed = np.flatnonzero(found.samples != Y)
    assert np.all((changed >= SR // 4) & (changed < SR // 2) & AT_LEVEL[changed])
    assert changed.size > 0.9 * np.count_nonzero(AT_LEVEL[SR // 4 : SR // 2])


def test_where_no_level_is_found_it_is_that_of_the_labels() -> None:
    x = 0.3 * X
    start = int(np.argmax(np.abs(x)))
    x[start - 2 : start + 3] = x[start - 2 : start + 3].clip(-0.2, 0.2)
    region = Region((start - 2) / SR, (start + 3) / SR, label="clipping")
    assert not detect(x, SR, kinds=["clipping"])
    found = repair(x, SR, region)
    (level,) = found.jobs[0].levels
    assert abs(level) == np.abs(x[start - 2 : start + 3]).max()
    assert np.all(np.abs(found.samples) >= np.abs(x))


def test_labels_where_nothing_is_clipped_are_left() -> None:
    labels = [*LABELS, Region(0.0, 2 / SR, label="clipping")]
    y = Y.copy()
    y[:4] = 0.01
    found = repair(y, SR, labels)
    assert {job.status for job in found.jobs} == {
        "done", "left as it is: no sample there is at the level of clipping",
    }  # fmt: skip
    np.testing.assert_array_equal(found.samples[:4], y[:4])


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_dropout_beside_clipping_does_no_harm(value: float) -> None:
    y = Y.copy()
    y[4000:4080] = value
    gap = Region(4000 / SR, 4080 / SR, label="dropout")
    labels = [own for own in LABELS if 0.4 < (own.start_s or 0) < (own.end_s or 0) < 0.5]
    found = repair(y, SR, [*labels, gap], rng=0)
    assert [job.damage for job in found.jobs] == ["clipped", "missing"]
    assert np.isfinite(found.samples).all()
    y[4000:4080] = 0.2
    other = repair(y, SR, [*labels, gap], rng=0)
    np.testing.assert_array_equal(found.samples, other.samples)


def test_a_band_cannot_be_clipped() -> None:
    with pytest.raises(ParameterError, match="clipping takes all frequencies"):
        repair(Y, SR, Region(0.1, 0.2, 100, 200), damage="clipped")
    with pytest.raises(OptionError, match="repaired sample by sample"):
        repair(Y, SR, LABELS, stft=STFT(256, 64))


def test_a_file_is_turned_down_where_clipped_peaks_need_room(tmp_path: Path) -> None:
    source, target = tmp_path / "x.wav", tmp_path / "y.wav"
    loud = np.clip(Y / LEVEL, -1, 1 - 2**-15)
    soundfile.write(source, loud, SR, subtype="PCM_16")
    done = repair_file(source, target, LABELS)
    x, y = (soundfile.read(path, dtype="int16")[0].astype(float) for path in (source, target))
    assert done.gain < 0.9
    assert done.written.clipped == 0
    assert np.all(np.abs(y - done.gain * x)[~AT_LEVEL] <= 0.5 + 1e-6)
    refused = OutputOptions(headroom="none", overwrite=True)
    with pytest.raises(ParameterError, match="exceed full scale"):
        repair_file(source, target, LABELS, output=refused)
    floats = OutputOptions(headroom="none", overwrite=True, subtype="FLOAT")
    assert repair_file(source, target, LABELS, output=floats).gain == 1.0
    with pytest.raises(OptionError, match="is for clipped regions"):
        repair_file(source, target, Region(0.1, 0.11), output=floats)


def test_other_repairs_turn_nothing_down(tmp_path: Path) -> None:
    source, target = tmp_path / "x.wav", tmp_path / "y.wav"
    soundfile.write(source, 1.2 * X / np.abs(X).max(), SR, subtype="FLOAT")
    done = repair_file(source, target, Region(0.1, 0.11), damage="missing")
    assert done.gain == 1.0
    x, y = (soundfile.read(path)[0] for path in (source, target))
    assert np.count_nonzero(x != y) <= 80
