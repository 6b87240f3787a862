"""The table of codings, against what libsndfile makes of samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from spectramend.audio.codings import CODINGS, EXACT, LINEAR, bits_of, converts_exactly

CONTAINERS = {"PCM_S8": "AIFF", "PCM_U8": "WAV"}  # others are in CAF files


def through(folder: Path, subtype: str, x: np.ndarray) -> np.ndarray:
    """Write samples and read them again."""
    file = folder / subtype
    soundfile.write(file, x, 8000, subtype, format=CONTAINERS.get(subtype, "CAF"))
    return soundfile.read(file, dtype="float64")[0]


@pytest.mark.parametrize("new", sorted(EXACT))
@pytest.mark.parametrize("old", sorted(EXACT))
def test_samples_convert_exactly_where_the_table_says_so(
    tmp_path: Path, old: str, new: str
) -> None:
    x = through(tmp_path, old, np.random.default_rng(0).uniform(-0.99, 0.99, 5000))
    assert np.array_equal(through(tmp_path, new, x), x) == converts_exactly(old, new)


@pytest.mark.parametrize("subtype", ["VORBIS", "MPEG_LAYER_III", "IMA_ADPCM"])
def test_lossy_codings_are_decoded_to_floats(subtype: str) -> None:
    assert [name for name in LINEAR if converts_exactly(subtype, name)] == ["FLOAT", "DOUBLE"]


@pytest.mark.parametrize("subtype", sorted(EXACT))
def test_bits_and_bytes_are_those_of_libsndfile(tmp_path: Path, subtype: str) -> None:
    coding = CODINGS[subtype]
    sizes = []
    for n in (1000, 2000):
        through(tmp_path, subtype, np.zeros(n))
        sizes.append((tmp_path / subtype).stat().st_size)
    assert sizes[1] - sizes[0] == 1000 * coding.width
    if coding.kind != "float":
        x = through(tmp_path, subtype, np.random.default_rng(0).uniform(-0.99, 0.99, 5000))
        steps = x * 2.0 ** (coding.bits - 1)
        assert np.array_equal(steps, np.round(steps))


def test_other_codings_are_decoded_to_16_bits() -> None:
    assert [bits_of(name) for name in ("ALAC_20", "PCM_U8", "GSM610", "IMA_ADPCM")] == [
        20,
        8,
        16,
        16,
    ]
