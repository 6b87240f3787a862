"""Estimated masks: which voice is louder, with dictionaries of one voice, of both, and several."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import VOICES
from spectramend import Dictionary, Mask, audio
from spectramend.core.stft import STFT
from spectramend.errors import MismatchError, ParameterError
from spectramend.evaluation.metrics import si_sdr
from spectramend.inpainting.mask_estimation import SeparationOptions, estimate_mask

SR = 16000
SMALL = STFT(n_fft=16, hop_length=4)
F = SMALL.n_bins


def voice(W: Any, *, stft: STFT = SMALL, sr: int = 8000, **options: Any) -> Dictionary:
    return Dictionary(np.asarray(W, np.float32), sr, stft, **options)


def estimate(X: Any, target: Any, interferer: Any = None, **options: Any) -> Mask:
    settings: dict[str, Any] = {"stft": SMALL, "sr": 8000, "rng": 0, **options}
    fit = {name: settings.pop(name) for name in ("n_free", "max_iter") if name in settings}
    return estimate_mask(
        np.asarray(X, complex),
        target=target,
        interferer=interferer,
        options=SeparationOptions(**fit),
        **settings,
    )


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def two_voices(rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], Any]:
    """Magnitude atoms of two voices, the magnitudes of their mix, and where the first is louder."""
    W_t, W_i = rng.exponential(size=(F, 2)) ** 2, rng.exponential(size=(F, 2)) ** 2
    T, N = (W @ rng.exponential(size=(2, 30)) ** 2 for W in (W_t, W_i))
    return W_t, W_i, T + N, T / N


def test_cells_of_an_exact_model_are_separated(rng: np.random.Generator) -> None:
    W_t, W_i, A, ratio = two_voices(rng)
    phases = np.exp(2j * np.pi * rng.random(A.shape))
    for threshold_db in (-6.0, 0.0, 10.0):
        mask = estimate(
            A * phases, voice(W_t**2), voice(W_i**2), threshold_db=threshold_db, max_iter=2000
        )
        sure = np.abs(20 * np.log10(ratio) - threshold_db) > 1
        louder = 20 * np.log10(ratio) > threshold_db
        np.testing.assert_array_equal(mask.observed[sure], louder[sure])
        assert (mask.damage, mask.stft, mask.sr) == ("occluded", SMALL, 8000)
        assert mask.ratio == pytest.approx(10 ** (threshold_db / 20))


def test_atoms_of_power_and_of_magnitude_give_the_same_mask(rng: np.random.Generator) -> None:
    W_t, W_i, A, _ = two_voices(rng)
    of_power = estimate(A, voice(W_t**2), voice(W_i**2))
    of_magnitude = estimate(A, voice(W_t, quantity="magnitude"), voice(W_i, quantity="magnitude"))
    assert (of_power.observed == of_magnitude.observed).mean() > 0.99


def test_several_dictionaries_are_averaged_in_log() -> None:
    # The first voice is flat, the second, half as loud, rises. The swapped pair gives the opposite.
    flat, rising = np.ones((F, 1)), np.where(np.arange(F) < F // 2, 1.0, 3.0)[:, None]
    X = (flat + 0.5 * rising) @ np.ones((1, 5))
    a, b = voice(flat**2), voice(rising**2)
    options: dict[str, Any] = {"max_iter": 1000}
    expected = np.broadcast_to(rising < 2, X.shape)
    alone = estimate(X, a, b, threshold_db=0.0, **options).observed
    np.testing.assert_array_equal(alone, expected)
    assert estimate(X, [a, b], [b, a], threshold_db=-1.0, **options).observed.all()
    assert not estimate(X, [a, b], [b, a], threshold_db=1.0, **options).observed.any()
    # log(2) and -log(1.5), twice with one sign and once with the other, leave a third of each.
    third = 20 * np.log10([2.0, 1 / 1.5]) / 3
    for threshold_db, louder in zip(third - 0.2, (expected, np.ones_like(expected)), strict=True):
        mask = estimate(X, [a, b, a], [b, a, b], threshold_db=threshold_db, **options)
        np.testing.assert_array_equal(mask.observed, louder)


def test_scaling_the_mix_changes_nothing(rng: np.random.Generator) -> None:
    W_t, W_i, A, _ = two_voices(rng)
    for interferer in (voice(W_i**2), None):
        masks = [estimate(scale * A, voice(W_t**2), interferer) for scale in (1.0, 2.0**-30)]
        np.testing.assert_array_equal(masks[0].observed, masks[1].observed)


def test_the_seed_fixes_the_mask(rng: np.random.Generator) -> None:
    W_t, _, A, _ = two_voices(rng)
    one, same, other = (
        estimate(A, voice(W_t**2), n_free=3, max_iter=3, rng=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.observed, same.observed)
    assert not np.array_equal(one.observed, other.observed)


def test_the_other_voice_is_learned_where_it_is_not_given(rng: np.random.Generator) -> None:
    # The target has the lower half, the other voice all of the band.
    W_t = np.where(np.arange(F)[:, None] < F // 2, rng.exponential(size=(F, 2)), 1e-6)
    T = W_t @ rng.exponential(size=(2, 40)) ** 2
    N = rng.exponential(size=(F, 1)) @ rng.exponential(size=(1, 40)) ** 2
    mask = estimate(T + N, voice(W_t**2), n_free=1, max_iter=500, threshold_db=0.0)
    sure = np.abs(np.log(T / N)) > 1
    assert (mask.observed == (T > N))[sure].mean() > 0.9


def test_silent_frames_do_not_spoil_the_others(rng: np.random.Generator) -> None:
    W_t, W_i, A, _ = two_voices(rng)
    A[:, 10:15] = 0
    for interferer in (voice(W_i**2), None):
        observed = estimate(A, voice(W_t**2), interferer, n_free=2).observed
        others = np.delete(observed, range(10, 15), axis=1)
        assert 0.1 < others.mean() < 0.9


@pytest.mark.parametrize(("knows_both", "gain_db"), [(True, 7.0), (False, 2.0)])
def test_speech_is_separated_from_speech(knows_both: bool, gain_db: float) -> None:
    stft = STFT()
    target, other, clean = (
        audio.read(VOICES / f"{name}.flac").samples
        for name in ("item_01_MA", "item_01_ML", "item_02_MA")
    )
    # The other voice has one recording: its second half is mixed, its first half trains.
    half = other.size // 2
    n = min(half, target.size)
    target, covering = target[:n], other[half : half + n]
    covering = covering * np.linalg.norm(target) / np.linalg.norm(covering)
    first, second = (
        Dictionary.train([x], sr=SR, stft=stft, n_components=30, beta=1.0, rng=0)
        for x in (clean, other[:half])
    )
    X = stft.forward(target + covering)
    mask = estimate_mask(
        X, target=first, interferer=second if knows_both else None, stft=stft, sr=SR, rng=0
    )
    before = si_sdr(target, target + covering)
    assert si_sdr(target, stft.inverse(X * mask.observed, length=n)) > before + gain_db


def test_what_does_not_fit_is_refused() -> None:
    X, atoms = np.ones((F, 4), complex), np.ones((F, 1))
    good = voice(atoms)
    with pytest.raises(MismatchError, match="target: the dictionary was made at 16000 Hz"):
        estimate(X, voice(atoms, sr=16000), good)
    other = voice(atoms, stft=STFT(16, 8))
    with pytest.raises(MismatchError, match=r"interferer: .* hop_length=8"):
        estimate(X, good, other)
    with pytest.raises(MismatchError, match=r"X has 5 frequencies, n_fft=16 gives 9"):
        estimate(X[:5], good, good)
    for values in (np.ones(F, complex), np.full((F, 4), np.nan + 0j)):
        with pytest.raises(ParameterError, match="give a finite complex spectrum"):
            estimate(values, good, good)
    with pytest.raises(ParameterError, match="X is silent"):
        estimate(0 * X, good, good)
    with pytest.raises(ParameterError, match="target is empty"):
        estimate(X, [], good)
    with pytest.raises(ParameterError, match="target has 2 dictionaries, interferer 1: give as"):
        estimate(X, [good, good], good)
    for name, value in (("n_free", 0), ("max_iter", 0), ("threshold_db", np.nan)):
        with pytest.raises(ParameterError, match=f"{name}={value}: give"):
            estimate(X, good, None, **{name: value})
