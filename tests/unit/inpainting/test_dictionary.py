"""Dictionaries: what is learned, what is refused, and files that come back as they went."""

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

from spectramend._version import __version__
from spectramend.core.files import Source
from spectramend.core.stft import STFT
from spectramend.errors import FileError, MismatchError, ParameterError
from spectramend.inpainting.dictionary import Dictionary

SR = 8000
TRANSFORM = STFT(n_fft=64, hop_length=16)
# Frames that do not overlap and have no window: each is a spectrum of its own.
BLOCKS = STFT(n_fft=64, hop_length=64, window="boxcar", center=False)
W = np.random.default_rng(0).random((TRANSFORM.n_bins, 3)).astype(np.float32)


def noise(n: int = 4000, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal(n)


def blocks(levels_db: list[float]) -> NDArray[np.float64]:
    """Make a signal of one frame at several levels."""
    return np.concatenate([10 ** (level / 20) * noise(64) for level in levels_db])


def cosines(atoms: NDArray[Any], spectra: NDArray[Any]) -> NDArray[Any]:
    """Compare columns, whatever their level."""
    return (atoms / np.linalg.norm(atoms, axis=0)).T @ (spectra / np.linalg.norm(spectra, axis=0))


# Training


def test_training_is_the_same_for_the_same_seed() -> None:
    first = Dictionary.train([noise()], sr=SR, stft=TRANSFORM, n_components=5, rng=3)
    same = Dictionary.train([noise()], sr=SR, stft=TRANSFORM, n_components=5, rng=3)
    drawn = Dictionary.train(
        [noise()], sr=SR, stft=TRANSFORM, n_components=5, rng=np.random.default_rng(3)
    )
    other = Dictionary.train([noise()], sr=SR, stft=TRANSFORM, n_components=5, rng=4)
    np.testing.assert_array_equal(first.W, same.W, strict=True)
    np.testing.assert_array_equal(first.W, drawn.W, strict=True)
    assert not np.array_equal(first.W, other.W)


@pytest.mark.parametrize("quantity", ["power", "magnitude"])
@pytest.mark.parametrize("beta", [0.0, 1.0])
def test_two_spectra_that_never_stand_alone_are_found(beta: float, quantity: Any) -> None:
    rng = np.random.default_rng(1)
    low, high = 10 ** rng.uniform(-2, 0, (2, 33))
    # Random gains over 40 dB: no frame has less than a hundredth of either spectrum.
    gains = 10 ** rng.uniform(-2, 0, (2, 200))
    V = np.outer(low, gains[0]) + np.outer(high, gains[1])
    magnitude = np.sqrt(V) if quantity == "power" else V
    x = np.concatenate([np.fft.irfft(frame) for frame in magnitude.T])
    learned = Dictionary.train(
        [x],
        sr=SR,
        stft=BLOCKS,
        n_components=2,
        beta=beta,
        quantity=quantity,
        max_iter=300,
        floor_db=100.0,
        rng=0,
    )
    match = cosines(learned.W, np.stack([low, high], axis=1))
    assert match.max(axis=0).min() > 0.995
    assert cosines(low[:, None], high[:, None]).max() < 0.9


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
def test_a_single_atom_is_the_best_one_for_its_divergence(beta: float) -> None:
    learned = Dictionary.train([noise()], sr=SR, stft=BLOCKS, n_components=1, beta=beta, rng=0)
    w = learned.W[:, 0]
    V = np.abs(BLOCKS.forward(noise())) ** 2
    best = {
        0.0: (V / (V / w[:, None]).mean(axis=0)).mean(axis=1),  # a fixed point
        1.0: V.sum(axis=1),
        2.0: abs(np.linalg.svd(V)[0][:, 0]),
    }[beta]
    np.testing.assert_allclose(w / w.sum(), best / best.sum(), rtol=1e-3)


def test_a_step_of_the_notebook_takes_a_single_atom_to_the_end_at_once() -> None:
    step: dict[str, Any] = {"settle": 0, "max_iter": 1, "extrapolate": False}
    learned = Dictionary.train([noise()], sr=SR, stft=BLOCKS, n_components=1, rng=0, **step)
    V = np.abs(BLOCKS.forward(noise())) ** 2
    h = (V[:, None] / V[:, :, None]).mean(axis=0)  # from each frame as the start
    best = (V[:, None] / h).mean(axis=2)
    assert cosines(learned.W, best).max() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("options", "n_frames"),
    [
        ({}, 3),
        ({"floor_db": 39.8}, 2),
        ({"floor_db": 40.2}, 4),
        ({"floor_db": 0.1}, 1),
        ({"floor_db": 200.0}, 6),
    ],
)
def test_frames_so_far_under_the_loudest_of_all_are_dropped(
    options: dict[str, Any], n_frames: int
) -> None:
    recordings = [blocks([-6.0, -39.9]), blocks([-60.0, 0.0, -40.1]), blocks([-np.inf, -100.0])]
    with pytest.raises(ParameterError, match=f"have {n_frames} frames above the floor"):
        Dictionary.train(recordings, sr=SR, stft=BLOCKS, n_components=99, **options)


@pytest.mark.parametrize(("n_fft", "n_components"), [(64, 7), (62, 7), (48, 5), (50, 6)])
def test_a_fifth_of_the_frequencies_rounded_up_is_learned_by_default(
    n_fft: int, n_components: int
) -> None:
    learned = Dictionary.train([noise()], sr=SR, stft=STFT(n_fft, n_fft // 4), max_iter=1, rng=0)
    assert learned.W.shape == (n_fft // 2 + 1, n_components)
    assert learned.n_components == n_components


@pytest.mark.parametrize("quantity", ["power", "magnitude"])
@pytest.mark.parametrize(("settle", "moves"), [(50, False), (60, False), (49, True)])
def test_atoms_are_random_frames_until_the_activations_have_settled(
    settle: int, moves: bool, quantity: Any
) -> None:
    magnitude = np.abs(TRANSFORM.forward(noise()))
    learned = Dictionary.train(
        [noise()],
        sr=SR,
        stft=TRANSFORM,
        n_components=8,
        settle=settle,
        max_iter=50,
        quantity=quantity,
        rng=0,
    )
    frames = magnitude**2 if quantity == "power" else magnitude
    distance = abs(learned.W[:, :, None] - frames[:, None]).max(axis=0) / frames.max()
    nearest = distance.argmin(axis=1)
    assert len(set(nearest)) == 8
    assert not np.array_equal(nearest, np.sort(nearest))
    assert (distance.min(axis=1) > 1e-4).all() == moves
    assert (distance.min(axis=1) < 1e-6).all() != moves


def test_every_frame_may_become_an_atom_and_none_becomes_two() -> None:
    x = noise(20 * 64)
    learned = Dictionary.train(
        [x], sr=SR, stft=BLOCKS, n_components=20, settle=1, max_iter=1, quantity="magnitude", rng=0
    )
    frames = np.abs(BLOCKS.forward(x))
    order = cosines(learned.W, frames).argmax(axis=1)
    np.testing.assert_allclose(learned.W, frames[:, order], rtol=1e-5)
    assert sorted(order) == list(range(20)) != order.tolist()


def test_stereo_teaches_what_its_channels_teach_one_after_the_other() -> None:
    x = noise().reshape(2, 2000)
    stereo = Dictionary.train([x], sr=SR, stft=TRANSFORM, rng=0)
    mono = Dictionary.train([x[0], x[1]], sr=SR, stft=TRANSFORM, rng=0)
    np.testing.assert_array_equal(stereo.W, mono.W)


def test_every_channel_of_every_recording_counts() -> None:
    recordings = [noise(8 * 64).reshape(2, 4 * 64), noise(3 * 64)]
    with pytest.raises(ParameterError, match="have 11 frames"):
        Dictionary.train(recordings, sr=SR, stft=BLOCKS, n_components=99)


def test_training_leaves_the_recordings_as_they_are() -> None:
    x = noise()
    Dictionary.train([x], sr=SR, stft=TRANSFORM, max_iter=1, rng=0)
    np.testing.assert_array_equal(x, noise())


def test_a_trained_dictionary_knows_how_it_was_made() -> None:
    sources = [Source("a.wav", "00", 0.5)]
    learned = Dictionary.train(
        [noise()], sr=SR, stft=TRANSFORM, beta=1.0, quantity="magnitude", sources=sources, rng=0
    )
    assert (learned.sr, learned.stft) == (SR, TRANSFORM)
    assert (learned.beta, learned.quantity) == (1.0, "magnitude")
    assert (learned.sources, learned.version) == (tuple(sources), __version__)
    assert Dictionary.train([noise()], sr=SR, n_components=2, rng=0).stft == STFT()


@pytest.mark.parametrize(
    ("signals", "message"),
    [
        ([], "signals is empty: give at least one recording"),
        ([noise(), np.zeros(99)], "recording 2 is digital silence"),
        ([np.full(99, np.nan)], "recording 1 has NaN or infinite samples"),
        ([np.full(99, np.inf)], "recording 1 has NaN or infinite samples"),
        ([noise(), noise(63)], "recording 2 has 63 samples, shorter than a frame of 64"),
        ([noise(0)], "recording 1 has 0 samples"),
        ([np.float64(1.0)], "recording 1 has 0 samples"),
        ([noise(64)], "n_components=7: the recordings have 5 frames above the floor; give 1 to 5"),
    ],
)
def test_material_that_teaches_nothing_is_refused(signals: list[Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        Dictionary.train(signals, sr=SR, stft=TRANSFORM)


@pytest.mark.parametrize("n_components", [0, -1, 252])
def test_a_number_of_atoms_that_cannot_be_is_refused(n_components: int) -> None:
    with pytest.raises(ParameterError, match=f"n_components={n_components}: .* give 1 to 251"):
        Dictionary.train([noise()], sr=SR, stft=TRANSFORM, n_components=n_components)


# What a dictionary is


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
    with pytest.raises(FileError) as caught:
        Dictionary.load(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert len(message.splitlines()) == 1
    return message


class Bomb:
    """An object that touches a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


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


def test_exemplars_are_the_frames_in_order_and_know_their_neighbours() -> None:
    rng = np.random.default_rng(0)
    stft = STFT(n_fft=64, hop_length=16)
    first, second = rng.standard_normal(1000), rng.standard_normal(800)
    first[400:600] = 0
    voice = Dictionary.train([first, second], sr=8000, stft=stft, n_components=3, rng=0)
    assert voice.exemplars is not None
    assert voice.follows is not None
    V = np.concatenate([np.abs(stft.forward(x)) ** 2 for x in (first, second)], axis=1)
    kept = V.sum(axis=0) > V.sum(axis=0).max() * 1e-6
    assert 0 < (~kept).sum() < 15
    np.testing.assert_allclose(voice.exemplars, V[:, kept], rtol=1e-6)
    number = np.flatnonzero(kept)
    breaks = [0, int(np.flatnonzero(np.diff(number) > 1)[0]) + 1, int(kept[:63].sum())]
    assert np.flatnonzero(~voice.follows).tolist() == breaks


def test_of_much_material_every_nth_frame_is_an_exemplar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spectramend.inpainting.dictionary.MAX_EXEMPLARS", 40)
    x = np.random.default_rng(0).standard_normal(1600)
    stft = STFT(n_fft=64, hop_length=16)
    voice = Dictionary.train([x], sr=8000, stft=stft, n_components=3, rng=0)
    assert voice.exemplars is not None
    assert voice.follows is not None
    np.testing.assert_allclose(voice.exemplars, (np.abs(stft.forward(x)) ** 2)[:, ::3], rtol=1e-6)
    assert voice.follows.tolist() == [False, *[True] * (voice.follows.size - 1)]


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
