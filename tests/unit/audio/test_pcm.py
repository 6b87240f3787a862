"""Samples as bytes: what libsndfile makes of them, and back without a change."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from spectramend.audio.codings import CODINGS, EXACT
from spectramend.audio.pcm import decode, encode, full_scale, quantize


def all_codes(subtype: str, big_endian: bool) -> bytes:
    """Give all codes of one or two bytes, and random ones of more, all of them finite."""
    width = CODINGS[subtype].width
    if width <= 2:
        return np.arange(256**width).astype(f"{'>' if big_endian else '<'}u{width}").tobytes()
    if CODINGS[subtype].kind == "float":
        x = np.random.default_rng(0).normal(0, 1e3, 5000)
        return x.astype(f"{'>' if big_endian else '<'}f{width}").tobytes()
    return np.random.default_rng(0).bytes(5000 * width)


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("subtype", sorted(EXACT))
def test_bytes_are_decoded_as_libsndfile_does(subtype: str, big_endian: bool) -> None:
    raw = all_codes(subtype, big_endian)
    options = {"format": "RAW", "subtype": subtype, "channels": 1, "samplerate": 8000}
    endian = "BIG" if big_endian else "LITTLE"
    expected, _ = soundfile.read(io.BytesIO(raw), endian=endian, **options)
    np.testing.assert_array_equal(decode(raw, subtype, big_endian), expected)


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("subtype", sorted(EXACT - {"ULAW"}))
def test_decoded_bytes_come_back(subtype: str, big_endian: bool) -> None:
    raw = all_codes(subtype, big_endian)
    content, clipped = encode(decode(raw, subtype, big_endian), subtype, big_endian)
    assert content.shape == (len(raw) // CODINGS[subtype].width, CODINGS[subtype].width)
    assert content.tobytes() == raw
    assert clipped == 0


@pytest.mark.parametrize("subtype", ["ULAW", "ALAW"])
def test_companded_samples_get_the_nearest_level(subtype: str) -> None:
    x = np.random.default_rng(0).uniform(-1.2, 1.2, 1000)
    levels = decode(bytes(range(256)), subtype, False)
    content, clipped = encode(x, subtype, False)
    nearest = np.abs(x[:, None] - levels).min(axis=1)
    np.testing.assert_allclose(
        np.abs(decode(content.tobytes(), subtype, False) - x), nearest, rtol=0, atol=1e-15
    )
    assert clipped == int((np.abs(x) > 1).sum())


def test_rounding_is_to_the_nearest_step_and_limits_are_counted() -> None:
    steps, clipped = quantize(np.array([0.49, 0.51, -0.51, 127.0, 128.0, 129.0, -129.0]) / 128, 8)
    assert steps.tolist() == [0, 1, -1, 127, 127, 127, -128]
    assert clipped == 2


def test_a_signalling_nan_is_decoded_without_a_warning() -> None:
    assert np.isnan(decode(b"\x01\x00\xa0\x7f", "FLOAT", False)).all()


@pytest.mark.parametrize("subtype", sorted(EXACT))
def test_full_scale_is_what_a_coding_holds(subtype: str) -> None:
    limits = np.array(full_scale(subtype))
    raw, clipped = encode(limits, subtype, False)
    assert clipped == 0
    np.testing.assert_array_equal(decode(raw.tobytes(), subtype, False), limits)
    if CODINGS[subtype].kind != "float":
        beyond = decode(encode(2 * limits, subtype, False)[0].tobytes(), subtype, False)
        np.testing.assert_array_equal(beyond, limits)
