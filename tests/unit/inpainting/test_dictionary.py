"""Dictionaries: what is refused, and files that are read as they were written."""

from __future__ import annotations

import json
import pickle
import re
import struct
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from hostile_files import Bomb, message_of
from spectramend.core.files import Source
from spectramend.core.stft import STFT
from spectramend.errors import FileError, MismatchError, ParameterError
from spectramend.inpainting.dictionary import Dictionary

SR = 8000
TRANSFORM = STFT(n_fft=64, hop_length=16)
# Frames that do not overlap and have no window: each is a spectrum of its own.
BLOCKS = STFT(n_fft=64, hop_length=64, window="boxcar", center=False)
W = np.random.default_rng(0).random((TRANSFORM.n_bins, 3)).astype(np.float32)


# Fields


@pytest.mark.parametrize(
    ("atoms", "options", "message"),
    [
        (W[:, 0], {}, r"W has shape \(33,\): give a finite matrix"),
        (W[:, :0], {}, r"W has shape \(33, 0\): give a finite matrix"),
        (-W, {}, "give a finite matrix"),
        (W * np.nan, {}, "give a finite matrix"),
        (W * np.inf, {}, "give a finite matrix"),
        (W[:32], {}, "W has 32 frequencies, n_fft=64 gives 33"),
        (W, {"quantity": "energy"}, "quantity='energy': give 'power' or 'magnitude'"),
        (W, {"sr": 0}, "sr=0: give the sample rate in Hz"),
        (W, {"sr": "8000"}, "sr='8000': give the sample rate in Hz"),
        (W, {"beta": np.nan}, "beta=nan: give a finite number"),
        (W, {"beta": "0"}, "beta='0': give a finite number"),
    ],
)
def test_what_is_no_dictionary_is_refused(
    atoms: NDArray[Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        Dictionary(atoms, **{"sr": SR, "stft": TRANSFORM, **options})


def test_a_dictionary_fits_a_recording_with_the_same_settings() -> None:
    Dictionary(W, SR, TRANSFORM).check_fits(stft=STFT(64, 16), sr=SR)


@pytest.mark.parametrize(
    ("stft", "sr", "message"),
    [
        (TRANSFORM, 16000, "made at 8000 Hz, the recording has 16000 Hz: resample"),
        (STFT(32, 16), SR, "made with n_fft=64, the recording's transform has n_fft=32"),
        (STFT(64, 8), SR, "made with hop_length=16, .* has hop_length=8"),
        (STFT(64, 16, "sine"), SR, "made with window='hann', .* has window='sine'"),
        (BLOCKS, SR, "hop_length=16, .* has hop_length=64"),
    ],
)
def test_a_mismatch_names_the_setting_and_both_values(stft: STFT, sr: int, message: str) -> None:
    with pytest.raises(MismatchError, match=message):
        Dictionary(W, SR, TRANSFORM).check_fits(stft=stft, sr=sr)


def test_a_mismatch_of_centring_is_named() -> None:
    with pytest.raises(MismatchError, match=r"center=True, .* has center=False"):
        Dictionary(W, SR, STFT(64, 16, "sine")).check_fits(
            stft=STFT(64, 16, "sine", center=False), sr=SR
        )


# Files

PROVENANCE = {
    "sr": 44100,
    "stft": STFT(64, 16, ("kaiser", 1 / 3), center=False),
    "beta": 1 / 3,
    "quantity": "magnitude",
    "sources": (Source("Grüße, \n.wav", "ab" * 32, 1 / 3), Source("b.wav", "cd" * 32, 2.0)),
    "version": "0.0.1",
}


def test_every_field_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    made = Dictionary(W, **PROVENANCE)  # type: ignore[arg-type]
    made.save(tmp_path / "d.safetensors")
    loaded = Dictionary.load(tmp_path / "d.safetensors")
    np.testing.assert_array_equal(loaded.W, W, strict=True)
    assert {f.name for f in fields(Dictionary)} == {"W", *PROVENANCE, "exemplars", "follows"}
    for name, value in PROVENANCE.items():
        assert getattr(loaded, name) == value, name
        assert type(getattr(loaded, name)) is type(value), name


def test_the_values_of_a_window_come_back(tmp_path: Path) -> None:
    transform = STFT(64, 16, tuple(np.linspace(0.1, 1 / 3, 64)))
    Dictionary(W, SR, transform).save(tmp_path / "d.safetensors")
    assert Dictionary.load(tmp_path / "d.safetensors").stft == transform


def test_numbers_of_numpy_are_saved_as_well(tmp_path: Path) -> None:
    made = Dictionary(np.asfortranarray(W), np.int64(SR), TRANSFORM, np.int64(1))  # type: ignore[arg-type]
    made.save(tmp_path / "d.safetensors")
    loaded = Dictionary.load(tmp_path / "d.safetensors")
    np.testing.assert_array_equal(loaded.W, W, strict=True)
    assert (loaded.sr, loaded.beta) == (SR, 1.0)


def test_a_file_is_a_header_of_json_and_the_atoms_and_nothing_else(tmp_path: Path) -> None:
    Dictionary(W, SR, TRANSFORM).save(tmp_path / "d.safetensors")
    content = (tmp_path / "d.safetensors").read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    assert header["__metadata__"]["format"] == "spectramend-dictionary-1"
    assert header["W"]["shape"] == list(W.shape)
    assert content[8 + length :] == W.tobytes()


def test_an_existing_file_stays_unless_it_may_be_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "d.safetensors"
    file.write_bytes(b"old")
    with pytest.raises(FileError, match="exists"):
        Dictionary(W, SR, TRANSFORM).save(file)
    assert file.read_bytes() == b"old"
    Dictionary(W, SR, TRANSFORM).save(file, overwrite=True)
    assert Dictionary.load(file).sr == SR


# Hostile files

METADATA = {
    "format": "spectramend-dictionary-1",
    "version": "1",
    "sr": "8000",
    "stft": json.dumps(asdict(TRANSFORM)),
    "beta": "0",
    "quantity": "power",
    "sources": "[]",
}


def refusal(file: Path) -> str:
    """Load a file that is not a dictionary, and give the one line that says so."""
    return message_of(file, lambda: Dictionary.load(file))


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    file, mark = tmp_path / "d.safetensors", tmp_path / "exploded"
    file.write_bytes(pickle.dumps(Bomb(mark)))
    assert "not a dictionary" in refusal(file)
    assert not mark.exists()


@pytest.mark.parametrize(
    "content", [b"\0", b"W = [[1, 0]]\n", b"\xff" * 8, b"\2" + bytes(7) + b"{}"]
)
def test_what_is_no_dictionary_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "d.safetensors").write_bytes(content)
    assert "not a dictionary of Spectramend" in refusal(tmp_path / "d.safetensors")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "d.safetensors")


def test_what_another_program_saved_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "d.safetensors"
    save_file({"W": W}, file)
    assert refusal(file).endswith("not a dictionary of Spectramend.")
    save_file({"W": W}, file, METADATA | {"format": "spectramend-dictionary-2"})
    assert refusal(file).endswith("not a dictionary of Spectramend.")
    save_file({"V": W}, file, METADATA)
    assert "W" in refusal(file)


@pytest.mark.parametrize("name", METADATA)
def test_a_file_without_a_field_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / "d.safetensors"
    save_file({"W": W}, file, METADATA)
    assert Dictionary.load(file).sr == SR
    save_file({"W": W}, file, {key: METADATA[key] for key in METADATA if key != name})
    assert "not a dictionary of Spectramend" in refusal(file)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sr", "high"),
        ("sr", '"8000"'),
        ("sr", "-1"),
        ("stft", "{"),
        ("stft", "[]"),
        ("stft", '{"colour": 1}'),
        ("stft", '{"n_fft": 0}'),
        ("stft", '{"n_fft": 128}'),
        ("stft", '{"n_fft": null}'),
        ("beta", "low"),
        ("beta", "[0]"),
        ("quantity", "energy"),
        ("sources", "{"),
        ("sources", "[1]"),
        ("sources", '[{"name": "a"}]'),
    ],
)
def test_a_file_with_an_impossible_field_is_refused(tmp_path: Path, name: str, value: str) -> None:
    save_file({"W": W}, tmp_path / "d.safetensors", METADATA | {name: value})
    assert "not a dictionary of Spectramend" in refusal(tmp_path / "d.safetensors")


@pytest.mark.parametrize("atoms", [-W, W[:, 0], W[:9], W * np.nan])
def test_a_file_with_impossible_atoms_is_refused(tmp_path: Path, atoms: NDArray[Any]) -> None:
    save_file({"W": np.ascontiguousarray(atoms)}, tmp_path / "d.safetensors", METADATA)
    assert "W has" in refusal(tmp_path / "d.safetensors")


def test_a_damaged_file_is_a_dictionary_or_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "d.safetensors"
    Dictionary(W, SR, TRANSFORM, sources=(Source("a", "b", 1.0),)).save(file)
    whole, rng = file.read_bytes(), np.random.default_rng(0)
    refusals = []
    for trial in range(300):
        damaged = bytearray(whole)
        for place in rng.integers(len(whole), size=2):
            damaged[place] = rng.integers(256)
        file.write_bytes(damaged[: rng.integers(1, len(whole))] if trial % 4 == 0 else damaged)
        try:
            Dictionary.load(file)
        except FileError as error:
            refusals.append(str(error))
    assert len(refusals) > 100
    assert all(re.fullmatch(rf"{re.escape(str(file))}: .+", message) for message in refusals)


def test_exemplars_survive_the_file_and_only_power_has_them(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal(4000)
    train = {"sr": 8000, "stft": STFT(n_fft=64, hop_length=16), "n_components": 3, "rng": 0}
    voice = Dictionary.train([x], **train)  # type: ignore[arg-type]
    voice.save(tmp_path / "voice.safetensors")
    back = Dictionary.load(tmp_path / "voice.safetensors")
    for name in ("exemplars", "follows"):
        np.testing.assert_array_equal(getattr(back, name), getattr(voice, name))
    for options in ({"quantity": "magnitude"}, {"beta": 1.0}):
        bare = Dictionary.train([x], **train, **options)  # type: ignore[arg-type]
        assert bare.exemplars is None
        assert bare.follows is None
        bare.save(tmp_path / "bare.safetensors", overwrite=True)
        assert Dictionary.load(tmp_path / "bare.safetensors").exemplars is None


def test_exemplars_that_do_not_fit_are_refused() -> None:
    W, frames = np.ones((3, 2), np.float32), np.ones((3, 5), np.float32)
    stft = STFT(n_fft=4, hop_length=2, window="sine")
    with pytest.raises(ParameterError, match="exemplars and follows belong together"):
        Dictionary(W, 8000, stft, exemplars=frames)
    with pytest.raises(MismatchError, match=r"exemplars have shape \(3, 5\), follows \(4,\)"):
        Dictionary(W, 8000, stft, exemplars=frames, follows=np.ones(4, bool))
