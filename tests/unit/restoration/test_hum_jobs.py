"""Repair of hum: of all of a recording, of bands, of a part; clean recordings stay as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from hum_signals import SR, hum, snr_db, voice
from spectramend import Region, RegionOptions, detect, repair
from spectramend.errors import OptionError, ParameterError
from spectramend.restoration.options import OutputOptions
from spectramend.restoration.recording_files import repair_file

ORDERS = (1, 2, 3, 5, 7)


def boxes(
    width: float, start_s: float | None = None, end_s: float | None = None, f0: float = 50.0
) -> list[Region]:
    """Draw a box around each harmonic."""
    return [Region(start_s, end_s, k * f0 - width / 2, k * f0 + width / 2) for k in ORDERS]


def test_labelled_hum_is_subtracted_and_the_error_is_known() -> None:
    x = voice(6.0)
    y = x + hum(x.size)
    fixed = repair(y, SR, Region(label="hum"))
    (job,) = fixed.jobs
    assert (job.damage, job.model, job.status) == ("hum", "steady_tones", "done")
    assert job.method == "hum of 50.07 Hz subtracted, harmonics 1, 2, 3, 5, 7"
    assert job.expected_snr_db == pytest.approx(snr_db(x, fixed.samples), abs=12)
    assert snr_db(x, fixed.samples) >= snr_db(x, y) + 20


def test_boxes_around_harmonics_are_hum() -> None:
    x = voice(6.0)
    y = x + hum(x.size, f0=50.0)
    fixed = repair(y, SR, boxes(10))
    assert [job.reason for job in fixed.jobs] == ["a narrow, long band"]
    assert snr_db(x, fixed.samples) >= snr_db(x, y) + 20


def test_a_clean_recording_stays_as_it_is() -> None:
    x = voice(6.0)
    for damaged in (boxes(10), [Region(label="hum")], [Region(None, None, 140, 155)]):
        fixed = repair(x, SR, damaged)
        np.testing.assert_array_equal(fixed.samples, x)
        assert all(j.status.startswith("left as it is: no steady tone there") for j in fixed.jobs)
        assert fixed.jobs[0].expected_snr_db is None


def test_hum_in_a_part_of_a_talk() -> None:
    x = voice(6.0)
    own = hum(x.size, f0=50.0, level=0.01)
    own[: 2 * SR] = own[round(3.5 * SR) :] = 0
    fixed = repair(x + own, SR, boxes(16, 2.0, 3.5))
    assert snr_db(x, fixed.samples) >= snr_db(x, x + own) + 6
    np.testing.assert_array_equal(fixed.samples[: 2 * SR], x[: 2 * SR])
    np.testing.assert_array_equal(fixed.samples[round(3.5 * SR) :], x[round(3.5 * SR) :])


def test_only_the_channel_with_hum_changes() -> None:
    x = np.stack([voice(5.0), voice(5.0, seed=1)])
    y = x + np.stack([np.zeros(x.shape[1]), hum(x.shape[1], f0=59.94)])
    found = detect(y, SR, kinds=["hum"])
    assert {(r.label, r.channel) for r in found} == {("hum", 2)}
    assert sorted(r.f_low_hz + 2 for r in found if r.f_low_hz) == pytest.approx(
        [59.94 * k for k in ORDERS], abs=0.1
    )
    for damaged in (found, Region(label="hum")):
        fixed = repair(y, SR, damaged).samples
        np.testing.assert_array_equal(fixed[0], x[0])
        assert snr_db(x[1], fixed[1]) >= snr_db(x[1], y[1]) + 15
    both = detect(np.stack([y[1], y[1]]), SR, kinds=["hum"])
    assert [r.channel for r in both] == [None] * len(ORDERS)


def test_the_fundamental_may_be_given() -> None:
    x = voice(5.0)
    y = x + 0.02 * np.cos(2 * np.pi * 400.3 * np.arange(x.size) / SR)
    fixed = repair(y, SR, Region(label="hum"), hum_hz=400)
    assert fixed.jobs[0].method.startswith("whine of 400.")
    assert snr_db(x, fixed.samples) >= snr_db(x, y) + 20
    with pytest.raises(ParameterError, match=r"hum_hz=9000.* below 8000 Hz"):
        repair(y, SR, Region(label="hum"), hum_hz=9000)
    with pytest.raises(ParameterError, match="hum_hz=-50"):
        RegionOptions(hum_hz=-50)
    with pytest.raises(OptionError, match="no region has any"):
        repair(y, SR, Region(1, 1.1), hum_hz=50)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "FLOAT"])
@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_files(tmp_path: Path, subtype: str, ending: str) -> None:
    if ending == "flac":
        subtype = {"PCM_U8": "PCM_S8", "FLOAT": "PCM_24"}.get(subtype, subtype)
    x = voice(4.0)
    y = np.stack([x, x + hum(x.size, f0=60.0)])
    soundfile.write(tmp_path / f"y.{ending}", y.T, SR, subtype=subtype)
    done = repair_file(
        tmp_path / f"y.{ending}",
        tmp_path / f"z.{ending}",
        Region(label="hum"),
        output=OutputOptions(),
        n_excerpts=2,
    )
    assert [job.status == "done" for job in done.jobs] == [False, True]
    before = soundfile.read(tmp_path / f"y.{ending}")[0].T
    z = soundfile.read(tmp_path / f"z.{ending}")[0].T
    np.testing.assert_array_equal(z[0], before[0])
    assert snr_db(x, z[1]) >= snr_db(x, y[1]) + 8
    whole = repair(before, SR, Region(label="hum")).samples
    np.testing.assert_allclose(z[1], whole[1], rtol=0, atol=2.0**-7)


def test_gaps_are_filled_after_the_hum_is_subtracted() -> None:
    x = voice(5.0)
    y = x + hum(x.size)
    y[2 * SR : 2 * SR + 160] = 0
    fixed = repair(y, SR, [Region(label="hum"), Region(2, 2.01, label="dropout")], rng=0)
    assert [job.damage for job in fixed.jobs] == ["hum", "missing"]
    assert snr_db(x, fixed.samples) >= 20
