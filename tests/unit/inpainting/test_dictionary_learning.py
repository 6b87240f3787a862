"""Learning of dictionaries: which frames count, what is found, and which exemplars are kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spectramend._version import __version__
from spectramend.core.files import Source
from spectramend.core.stft import STFT
from spectramend.errors import ParameterError
from spectramend.inpainting.dictionary import Dictionary

SR = 8000
TRANSFORM = STFT(n_fft=64, hop_length=16)
# Frames that do not overlap and have no window: each is a spectrum of its own.
BLOCKS = STFT(n_fft=64, hop_length=64, window="boxcar", center=False)


def noise(n: int = 4000, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal(n)


def blocks(levels_db: list[float]) -> NDArray[np.float64]:
    """Make a signal of one frame at several levels."""
    return np.concatenate([10 ** (level / 20) * noise(64) for level in levels_db])


def cosines(atoms: NDArray[Any], spectra: NDArray[Any]) -> NDArray[Any]:
    """Compare columns, whatever their level."""
    return (atoms / np.linalg.norm(atoms, axis=0)).T @ (spectra / np.linalg.norm(spectra, axis=0))


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
def test_two_spectra_that_always_overlap_are_found(beta: float, quantity: Any) -> None:
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


def test_one_step_of_the_notebook_finds_the_best_single_atom() -> None:
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


def test_stereo_gives_the_atoms_of_its_channels_as_two_recordings() -> None:
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


def test_a_trained_dictionary_has_the_settings_of_its_training() -> None:
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
def test_recordings_that_cannot_be_learned_from_are_refused(
    signals: list[Any], message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        Dictionary.train(signals, sr=SR, stft=TRANSFORM)


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ParameterError, match="quantity='energy': give 'power' or 'magnitude'"):
        Dictionary.train([noise()], sr=SR, quantity="energy")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'setle'"):
        Dictionary.train([noise()], sr=SR, setle=3)  # type: ignore[call-arg]


@pytest.mark.parametrize("n_components", [0, -1, 252])
def test_too_few_or_too_many_atoms_are_refused(n_components: int) -> None:
    with pytest.raises(ParameterError, match=f"n_components={n_components}: .* give 1 to 251"):
        Dictionary.train([noise()], sr=SR, stft=TRANSFORM, n_components=n_components)


def test_exemplars_are_the_frames_in_order_and_marked_where_they_follow_each_other() -> None:
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


def test_exemplars_of_long_recordings_are_every_nth_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spectramend.inpainting.dictionary_learning.MAX_EXEMPLARS", 40)
    x = np.random.default_rng(0).standard_normal(1600)
    stft = STFT(n_fft=64, hop_length=16)
    voice = Dictionary.train([x], sr=8000, stft=stft, n_components=3, rng=0)
    assert voice.exemplars is not None
    assert voice.follows is not None
    np.testing.assert_allclose(voice.exemplars, (np.abs(stft.forward(x)) ** 2)[:, ::3], rtol=1e-6)
    assert voice.follows.tolist() == [False, *[True] * (voice.follows.size - 1)]
