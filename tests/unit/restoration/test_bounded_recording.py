"""Declipping and dequantization of arrays: what is restored, what stays, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clipped_signals import LEVEL, SR, Array, clean, clipped, quantized, snr_db
from spectramend import Region, declip, dequantize
from spectramend.detection import ClippingLevel
from spectramend.errors import ParameterError

X = clean()
Y = clipped(X)
AT_LEVEL = np.abs(Y) >= LEVEL


def test_peaks_are_restored_beyond_the_level_and_all_else_stays() -> None:
    y = Y.copy()
    y.setflags(write=False)
    found = declip(y, SR)
    assert found.samples.shape == y.shape
    np.testing.assert_array_equal(found.samples[~AT_LEVEL], Y[~AT_LEVEL])
    assert np.all(np.sign(Y) * found.samples >= np.abs(Y) * AT_LEVEL)
    assert snr_db(X[AT_LEVEL], found.samples[AT_LEVEL]) > 15 + snr_db(X[AT_LEVEL], Y[AT_LEVEL])
    (channel,) = found.channels
    assert (channel.status, channel.share) == ("done", AT_LEVEL.mean())
    assert channel.level is not None
    assert (channel.level.low, channel.level.high) == (-LEVEL, LEVEL)
    assert found.gain == 1.0
    assert {job.damage for job in found.jobs} == {"clipped"}
    assert found.jobs[0].levels == (-LEVEL, LEVEL)


def test_channels_without_clipping_stay_and_the_status_says_why() -> None:
    tape = np.tanh(8 * clean(4.0))
    stereo = np.stack([Y, 0.2 * X])
    found = declip(stereo, SR)
    np.testing.assert_array_equal(found.samples[1], stereo[1])
    assert [own.status for own in found.channels] == ["done", "left as it is: no clipping found"]
    saturated = declip(tape, SR)
    np.testing.assert_array_equal(saturated.samples, tape)
    assert "saturated softly" in saturated.channels[0].status
    nowhere = declip(Y, SR, levels=0.9)
    np.testing.assert_array_equal(nowhere.samples, Y)
    assert nowhere.channels[0].status.endswith("no sample there is at the level of clipping")
    other = declip(stereo, SR, regions=Region(channel=2))
    assert other.channels[0].status == "left as it is: no region names it"


def test_levels_and_tolerance_are_used_as_given() -> None:
    found = declip(X, SR, levels=[ClippingLevel(None, 0.5, 0.01)], tolerance=0.05)
    changed = found.samples != X
    assert np.all(X[changed] >= 0.45)
    assert np.all(found.samples[X >= 0.45] >= 0.45)
    assert found.channels[0].share == np.mean(X >= 0.45)


def test_only_regions_change() -> None:
    region = Region(0.25, 0.5)
    found = declip(Y, SR, regions=[region])
    start, stop = region.samples(length=Y.size, sr=SR)
    inside = np.zeros(Y.size, bool)
    inside[start:stop] = True
    np.testing.assert_array_equal(found.samples[~inside], Y[~inside])
    assert np.all(np.abs(found.samples[inside & AT_LEVEL]) >= LEVEL)
    assert np.mean(np.abs(found.samples[inside & AT_LEVEL]) > LEVEL) > 0.9


def test_every_sample_is_within_half_a_step() -> None:
    y = quantized(X, 5)
    found = dequantize(y, SR, 5)
    assert np.all(np.abs(found.samples - y) <= 2.0**-5)
    assert snr_db(X, found.samples) > snr_db(X, y) + 3
    assert found.channels[0].share == 1.0
    assert found.channels[0].level is None
    part = dequantize(y, SR, 5, regions=Region(0.5, 0.75)).samples
    np.testing.assert_array_equal(part[: SR // 2], y[: SR // 2])
    assert (part != y).any()


def test_the_status_says_where_the_bits_are_too_few() -> None:
    y = quantized(X, 6)
    assert dequantize(y.astype(np.float32), SR, 6).channels[0].status == "done"
    assert dequantize(np.rint(y * 2**15).astype(np.int16), SR, 6).channels[0].status == "done"
    assert dequantize(np.rint(X * 64) / 64, SR, 7).channels[0].status == "done"  # mid-tread
    status = dequantize(y, SR, 4).channels[0].status
    assert "of the samples lie between the steps of 4 bits" in status


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.int32, np.float32])
def test_the_type_and_its_scale_stay_and_integers_have_room(dtype: Any) -> None:
    kind = np.dtype(dtype)
    full = 1.0 if kind.kind == "f" else 2.0 ** (8 * kind.itemsize - 1)
    zero = full if kind.kind == "u" else 0.0
    loud = np.clip(2.5 * Y, -1, 1)  # of which peaks exceed full scale
    given = np.clip(np.rint(loud * full) if full > 1 else loud, -full, full - (full > 1))
    found = declip((given + zero).astype(dtype), SR, levels=0.8)
    assert found.samples.dtype == dtype
    y = (found.samples.astype(np.float64) - zero) / full
    at_level = np.abs(given / full) >= 0.8
    if kind.kind == "f":
        assert found.gain == 1.0
        assert np.abs(y).max() > 1.05
        return
    assert found.gain < 0.95
    assert -1 <= y.min() < y.max() < 1
    step = 1 / full
    assert np.all(np.abs(y - found.gain * given / full)[~at_level] <= 0.51 * step)
    with pytest.raises(ParameterError, match="exceed full scale by"):
        declip((given + zero).astype(dtype), SR, levels=0.8, headroom="none")


def test_floats_are_turned_down_where_that_is_asked_for() -> None:
    loud = 2.5 * Y
    kept, down = (declip(loud, SR, headroom=headroom) for headroom in (None, "auto"))
    assert kept.gain == 1.0
    assert np.abs(down.samples).max() == pytest.approx(1.0)
    np.testing.assert_allclose(down.samples, down.gain * kept.samples, rtol=1e-15)
    assert down.gain_db == pytest.approx(20 * np.log10(down.gain), abs=0.01)


def test_masked_samples_stay_masked_and_tell_nothing() -> None:
    masked = np.ma.array(Y, mask=False)
    masked[4000:4050] = np.ma.masked
    masked.data[4000:4050] = 77.0
    found = declip(masked, SR)
    np.testing.assert_array_equal(np.ma.getmaskarray(found.samples), masked.mask)
    assert np.all(np.ma.getdata(found.samples)[4000:4050] == 77.0)
    assert float(np.abs(found.samples).max()) < 1


def test_what_does_not_fit_is_refused() -> None:
    refused: list[tuple[dict[str, Any], str]] = [
        ({"regions": Region(5, 6)}, "lies outside"), ({"regions": [3]}, "regions holds 3"),
        ({"regions": Region(channel=2)}, "names channel 2"), ({"fast": 1}, "fast=1"),
        ({"regions": Region(f_low_hz=100)}, "names a band"), ({"levels": -1}, "levels"),
        ({"consistent": "no"}, "consistent"), ({"headroom": "some"}, "headroom"),
    ]  # fmt: skip
    for options, text in refused:
        with pytest.raises(ParameterError, match=text):
            declip(Y, SR, **options)
    for bits in (1, 25, 6.5, True):
        with pytest.raises(ParameterError, match="bits"):
            dequantize(Y, SR, bits)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        declip(Y, SR, method="ar")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="fast"):
        dequantize(Y, SR, 8, fast=True)  # type: ignore[call-arg]
    with pytest.raises(ParameterError, match="sample rate"):
        declip(Y, 0)


def test_the_seed_fixes_the_result() -> None:
    def samples(rng: Any) -> Array:
        return np.asarray(declip(Y, SR, rng=rng, regions=Region(0.2, 0.4)).samples)

    np.testing.assert_array_equal(samples(1), samples(np.random.default_rng(1)))
    assert not np.array_equal(samples(1), samples(2))
