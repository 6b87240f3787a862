"""Inpainting of spectra: what stays, what is never seen, and what comes out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spectramend import STFT, Dictionary, Inpainting, Mask, inpaint
from spectramend.errors import MismatchError, ParameterError
from spectramend.inpainting import hidden_magnitude
from spectramend.nmf import encode

SR, LENGTH = 8000, 6000
HANN = STFT(n_fft=256, hop_length=64)


def notes(pitches: list[float]) -> NDArray[Any]:
    """Harmonic notes in a row, one second all together."""
    n = LENGTH // len(pitches)
    t = np.arange(n) / SR
    envelope = np.exp(-4 * t) * np.minimum(1, 200 * t)
    tones = [
        sum(np.sin(2 * np.pi * k * pitch * t) / k for k in range(1, 8)) * envelope
        for pitch in pitches
    ]
    return np.concatenate(tones)


X_SAMPLES = notes([220.0, 330.0, 262.0]) + 1e-4 * np.random.default_rng(0).standard_normal(LENGTH)
X = HANN.forward(X_SAMPLES)
OBSERVED = np.random.default_rng(1).random(X.shape) < 0.7
VOICE = Dictionary.train([notes([262.0, 220.0, 330.0])], sr=SR, stft=HANN, n_components=12, rng=0)
OCCLUDED = Mask(OBSERVED, damage="occluded")


def run(X: NDArray[Any] = X, mask: Mask | None = None, **options: Any) -> Inpainting:
    settings: dict[str, Any] = {
        "dictionary": VOICE,
        "stft": HANN,
        "sr": SR,
        "length": LENGTH,
        "rng": 0,
    }
    return inpaint(X, Mask(OBSERVED) if mask is None else mask, **(settings | options))


@pytest.mark.parametrize("mask", [Mask(OBSERVED), OCCLUDED], ids=["missing", "occluded"])
@pytest.mark.parametrize("phase", ["griffin-lim", "mix"])
def test_reliable_cells_keep_their_value(mask: Mask, phase: str) -> None:
    if mask.damage == "missing" and phase == "mix":
        with pytest.raises(ParameterError, match="missing cells have no phase"):
            run(mask=mask, phase=phase)
        return
    out = run(mask=mask, phase=phase)
    np.testing.assert_array_equal(out.spectrum[OBSERVED], X[OBSERVED])
    np.testing.assert_allclose(out.samples, HANN.inverse(out.spectrum, length=LENGTH))


@pytest.mark.parametrize("dictionary", [VOICE, None], ids=["dictionary", "learned"])
@pytest.mark.parametrize("junk", [1e9, np.nan, np.inf, 0])
def test_missing_cells_are_never_looked_at(dictionary: Dictionary | None, junk: float) -> None:
    spoiled = np.where(OBSERVED, X, junk)
    one, other = run(dictionary=dictionary), run(spoiled, dictionary=dictionary)
    np.testing.assert_array_equal(one.samples, other.samples)
    np.testing.assert_array_equal(one.factorization.H, other.factorization.H)


def test_occluded_cells_are_looked_at() -> None:
    quieter = np.where(OBSERVED, X, 0.1 * X)
    assert not np.array_equal(run(mask=OCCLUDED).samples, run(quieter, OCCLUDED).samples)


@pytest.mark.parametrize("mask", [Mask(OBSERVED), OCCLUDED], ids=["missing", "occluded"])
def test_scaling_by_a_power_of_two_scales_the_result_exactly(mask: Mask) -> None:
    for scale in (2.0**-20, 2.0**9):
        np.testing.assert_array_equal(run(scale * X, mask).samples, scale * run(X, mask).samples)


def test_the_model_finds_what_random_holes_hide() -> None:
    out = run()
    hidden = ~OBSERVED & (np.abs(X) > 0.05 * np.abs(X).max())
    ratio = np.abs(out.spectrum[hidden]) / np.abs(X[hidden])
    assert np.sqrt(np.mean((20 * np.log10(ratio)) ** 2)) < 6
    assert np.linalg.norm(out.samples - X_SAMPLES) < 0.5 * np.linalg.norm(
        HANN.inverse(X * OBSERVED, length=LENGTH) - X_SAMPLES
    )


def test_learning_from_the_recording_itself_fills_holes_too() -> None:
    out = run(dictionary=None)
    assert np.linalg.norm(out.samples - X_SAMPLES) < 0.5 * np.linalg.norm(
        HANN.inverse(X * OBSERVED, length=LENGTH) - X_SAMPLES
    )


def test_the_model_everywhere_is_what_the_notebook_returns() -> None:
    mask = Mask(OBSERVED, damage="occluded", bound=np.inf)
    voice = replace(VOICE, quantity="magnitude", W=np.sqrt(VOICE.W))
    out = run(mask=mask, dictionary=voice, fill="everywhere", phase="mix", penalty=0.0)
    V = np.abs(X).astype(np.float32)
    rng = np.random.default_rng(0)
    V_hat = encode(V, voice.W, weights=OBSERVED, max_iter=100, rng=rng).V_hat
    np.testing.assert_allclose(np.abs(out.spectrum), V_hat, rtol=1e-5)
    np.testing.assert_allclose(np.angle(out.spectrum * X.conj()), 0, atol=1e-9)


def test_filled_cells_stay_under_their_bound() -> None:
    out = run(mask=OCCLUDED, phase="mix")
    bound = np.sqrt(OCCLUDED.upper_bound(X))
    assert (np.abs(out.spectrum) <= bound * (1 + 1e-6))[~OBSERVED].all()


def test_hidden_magnitude_is_the_geometric_mean_of_a_truncated_exponential() -> None:
    lam, B = np.array([[2.0, 2.0]]), np.array([[3.0, np.inf]])
    draws = np.random.default_rng(0).exponential(2.0, 400_000)
    expected = [np.exp(np.log(draws[draws <= b]).mean()) for b in B[0]]
    found = hidden_magnitude(lam, B, 0.0, "power")[0]
    np.testing.assert_allclose(found, np.sqrt(expected), rtol=5e-3)
    # Other divergences imply no distribution: the model, cut at the bound.
    assert hidden_magnitude(lam, np.array([[1.0, 9.0]]), 1.0, "magnitude").tolist() == [[1.0, 2.0]]


def test_wholly_hidden_frames_are_carried_across_and_said_so() -> None:
    observed = np.ones_like(OBSERVED)
    observed[:, 20:23] = False
    out = run(mask=Mask(observed))
    assert out.notes == (
        "3 frames are wholly hidden: their model is carried across from neighbours.",
    )
    H = out.factorization.H
    log_middle = (np.log(H[:, 19]) + np.log(H[:, 23])) / 2
    np.testing.assert_allclose(np.log(H[:, 21]), log_middle, rtol=1e-4)
    assert not run(mask=Mask(OBSERVED)).notes


def test_nothing_hidden_returns_the_signal() -> None:
    out = run(mask=Mask(np.ones_like(OBSERVED)))
    np.testing.assert_allclose(out.samples, X_SAMPLES, atol=1e-12)


def test_silence_stays_silent() -> None:
    out = run(np.zeros_like(X))
    assert not out.samples.any()
    assert out.status == "converged"


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("quantity", ["power", "magnitude"])
def test_dictionaries_of_every_kind_give_finite_results(beta: float, quantity: Any) -> None:
    voice = Dictionary.train(
        [X_SAMPLES], sr=SR, stft=HANN, n_components=8, beta=beta, quantity=quantity, rng=0
    )
    for mask in (Mask(OBSERVED), OCCLUDED):
        assert np.isfinite(run(mask=mask, dictionary=voice).samples).all()


def test_float32_gives_nearly_the_same() -> None:
    single, double = run(X.astype(np.complex64)), run()
    assert single.samples.dtype == np.float32
    assert np.linalg.norm(single.samples - double.samples) < 2e-2 * np.linalg.norm(double.samples)


def test_inputs_are_left_alone() -> None:
    frozen_X, frozen = X.copy(), OBSERVED.copy()
    frozen_X.setflags(write=False)
    frozen.setflags(write=False)
    run(frozen_X, Mask(frozen))
    np.testing.assert_array_equal(frozen_X, X)


def test_the_result_shows_itself_in_jupyter() -> None:
    html = run()._repr_html_()
    assert "<audio" in html
    assert "fit: " in html


HIDES_ALL = Mask(np.zeros_like(OBSERVED))
SPOILED = np.where(OBSERVED, X, np.nan)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"mask": HIDES_ALL}, ParameterError, "the mask hides everything"),
        ({"X": SPOILED, "mask": OCCLUDED}, ParameterError, "X has NaN or infinite cells"),
        ({"X": X[None]}, ParameterError, r"X has shape \(1, 129, 94\)"),
        ({"X": np.abs(X)}, ParameterError, "give a complex spectrum"),
        ({"mask": Mask(OBSERVED[:, 1:])}, MismatchError, r"mask has shape \(129, 93\)"),
        ({"mask": Mask(OBSERVED, sr=44100)}, MismatchError, "made at 44100 Hz"),
        ({"length": LENGTH + 640}, MismatchError, "6640 samples with n_fft=256"),
        ({"sr": 16000}, MismatchError, "dictionary was made at 8000 Hz, the recording has 16000"),
        ({"stft": STFT(256, 64, "sine")}, MismatchError, "made with window='hann'"),
        ({"fill": "all"}, ParameterError, "fill='all': give 'hidden' or 'everywhere'"),
        ({"phase": "zero"}, ParameterError, "phase='zero': give 'griffin-lim' or 'mix'"),
        ({"phase_iter": -1}, ParameterError, "n_iter=-1"),
        ({"penalty": -1.0}, ParameterError, "penalty=-1.0"),
    ],
)
def test_bad_values_are_refused(
    changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(**changes)
