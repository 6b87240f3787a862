"""Inpainting of spectra: what stays, what is never seen, and what comes out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spectramend import STFT, Dictionary, Inpainting, Mask, inpaint
from spectramend.core.threads import limited_threads
from spectramend.errors import MismatchError, ParameterError
from spectramend.gaps import fill_gaps
from spectramend.inpainting.resynthesis import RECOVERY_ITER
from spectramend.nmf import encode
from spectramend.reconstruction import inconsistency, recover

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


@pytest.mark.parametrize(
    ("mask", "options"),
    [
        (Mask(OBSERVED), {}),
        (Mask(OBSERVED), {"phase": "griffin-lim"}),
        (OCCLUDED, {"keep_reliable": True}),
        (OCCLUDED, {"phase": "griffin-lim"}),
        (OCCLUDED, {"phase": "mix"}),
    ],
)
def test_reliable_cells_keep_their_value(mask: Mask, options: dict[str, Any]) -> None:
    out = run(mask=mask, **options)
    np.testing.assert_array_equal(out.spectrum[OBSERVED], X[OBSERVED])
    np.testing.assert_allclose(out.samples, HANN.inverse(out.spectrum, length=LENGTH))


def test_reliable_cells_of_occluded_damage_are_corrected_a_little() -> None:
    out = run(mask=OCCLUDED)
    change = np.linalg.norm((out.spectrum - X)[OBSERVED]) / np.linalg.norm(X[OBSERVED])
    assert 1e-4 < change < 0.2
    # The correction makes the spectrum more like that of a signal.
    kept = run(mask=OCCLUDED, keep_reliable=True).spectrum
    corrected = inconsistency(out.spectrum, stft=HANN, length=LENGTH)
    assert corrected < inconsistency(kept, stft=HANN, length=LENGTH)


@pytest.mark.parametrize("dictionary", [VOICE, None], ids=["dictionary", "learned"])
@pytest.mark.parametrize("junk", [1e9, np.nan, np.inf, 0])
def test_missing_cells_are_never_used(dictionary: Dictionary | None, junk: float) -> None:
    spoiled = np.where(OBSERVED, X, junk)
    one, other = run(dictionary=dictionary), run(spoiled, dictionary=dictionary)
    np.testing.assert_array_equal(one.samples, other.samples)
    np.testing.assert_array_equal(one.factorization.H, other.factorization.H)


def test_occluded_cells_are_used() -> None:
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
    plain: dict[str, Any] = {"penalty": 0.0, "smooth": 0.0, "max_iter": 100, "tol": 0}
    out = run(mask=mask, dictionary=voice, fill="everywhere", phase="mix", **plain)
    V = np.abs(X).astype(np.float32)
    rng = np.random.default_rng(0)
    how: dict[str, Any] = {"extrapolate": False, "max_iter": 100, "tol": 0}
    nmf = encode(V, voice.W, weights=OBSERVED, rng=rng, **how)
    np.testing.assert_allclose(np.abs(out.spectrum), nmf.V_hat, rtol=1e-4)
    np.testing.assert_allclose(np.angle(out.spectrum * X.conj()), 0, atol=1e-9)


@pytest.mark.parametrize("phase", ["auto", "mix", "griffin-lim"])
def test_filled_cells_stay_under_the_bound_that_a_mask_carries(phase: str) -> None:
    bound = 0.3 * np.abs(X) ** 2
    out = run(mask=Mask(OBSERVED, damage="occluded", bound=bound), phase=phase)
    assert (np.abs(out.spectrum) <= np.sqrt(bound) * (1 + 1e-6))[~OBSERVED].all()


def test_wholly_hidden_frames_are_interpolated_and_noted() -> None:
    observed = np.ones_like(OBSERVED)
    observed[:, 20:23] = False
    out = run(mask=Mask(observed))
    assert out.notes == (
        "3 frames are wholly hidden: their model is interpolated between neighbours.",
        "100 % of the samples follow from the reliable cells.",
        "samples that only wholly hidden frames hold, filled as gaps: 1.",
    )
    H = out.factorization.H
    log_middle = (np.log(H[:, 19]) + np.log(H[:, 23])) / 2
    np.testing.assert_allclose(np.log(H[:, 21]), log_middle, rtol=1e-4)
    assert len(run(mask=Mask(OBSERVED)).notes) == 1


@pytest.mark.parametrize("damage", ["missing", "occluded"])
def test_nothing_hidden_returns_the_signal(damage: Any) -> None:
    out = run(mask=Mask(np.ones_like(OBSERVED), damage=damage))
    np.testing.assert_allclose(out.samples, X_SAMPLES, atol=1e-12)


@pytest.mark.parametrize("mask", [Mask(OBSERVED), OCCLUDED], ids=["missing", "occluded"])
def test_silence_stays_silent(mask: Mask) -> None:
    out = run(np.zeros_like(X), mask)
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
    ],
)
def test_bad_values_are_refused(
    changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(**changes)


def test_options_are_checked_before_any_work() -> None:
    with pytest.raises(ParameterError, match="phase='mix': missing cells have no phase"):
        run(phase="mix")
    with pytest.raises(TypeError, match="phases"):
        run(phases="mix")


def test_the_hidden_markov_model_is_used_where_there_are_exemplars() -> None:
    without = replace(VOICE, exemplars=None, follows=None)
    with_it = run(mask=OCCLUDED)
    assert not np.array_equal(with_it.samples, run(mask=OCCLUDED, dictionary=without).samples)
    # Bounds and missing cells are no input of it.
    for mask in (Mask(OBSERVED), Mask(OBSERVED, damage="occluded", bound=1.0)):
        one, other = run(mask=mask), run(mask=mask, dictionary=without)
        np.testing.assert_array_equal(one.samples, other.samples)


# Bad cases: they work, and say what they did


def test_with_under_a_hundredth_of_reliable_cells_the_result_says_so() -> None:
    observed = np.random.default_rng(0).random(X.shape) < 0.005
    out = run(mask=Mask(observed, damage="occluded"))
    assert np.isfinite(out.samples).all()
    assert out.notes[0].endswith("% of the cells are reliable: too few for a good result.")
    bare = HANN.inverse(X * observed, length=LENGTH)
    assert np.linalg.norm(out.samples) < np.linalg.norm(X_SAMPLES)
    assert np.linalg.norm(out.samples - X_SAMPLES) < 1.1 * np.linalg.norm(bare - X_SAMPLES)


@pytest.mark.parametrize("damage", ["missing", "occluded"])
def test_a_part_that_is_wholly_hidden_gives_a_bounded_result(damage: Any) -> None:
    observed = OBSERVED.copy()
    observed[:, 30:70] = False
    out = run(mask=Mask(observed, damage=damage))
    assert np.isfinite(out.samples).all()
    assert np.abs(out.samples).max() < 2 * np.abs(X_SAMPLES).max()
    if damage == "occluded":  # it fades to the bare mask where there is no evidence
        middle = slice(45 * 64, 55 * 64)
        assert np.sum(out.samples[middle] ** 2) < 0.1 * np.sum(X_SAMPLES[middle] ** 2)


def test_a_dictionary_of_something_else_fades_to_the_bare_mask_and_says_so() -> None:
    noise = np.random.default_rng(0).standard_normal(LENGTH)
    wrong = Dictionary.train([noise], sr=SR, stft=HANN, n_components=3, rng=0)
    out = run(mask=OCCLUDED, dictionary=wrong)
    assert "the dictionary explains the reliable cells badly" in out.notes[-1]
    bare = HANN.inverse(X * OBSERVED, length=LENGTH)
    assert np.linalg.norm(out.samples - bare) < 0.1 * np.linalg.norm(bare)
    assert not run(mask=OCCLUDED).notes


@pytest.mark.parametrize("scale", [2.0**-40, 2.0**20])
def test_very_quiet_and_very_loud_recordings_are_the_same(scale: float) -> None:
    np.testing.assert_array_equal(
        run(scale * X, OCCLUDED).samples, scale * run(mask=OCCLUDED).samples
    )


def test_a_clipped_recording_is_restored_too() -> None:
    clipped = HANN.forward(np.clip(X_SAMPLES, -0.3, 0.3))
    assert np.isfinite(run(clipped, OCCLUDED).samples).all()


def test_several_dictionaries_are_averaged() -> None:
    other = Dictionary.train(
        [notes([262.0, 220.0, 330.0])], sr=SR, stft=HANN, n_components=12, rng=1
    )
    both, one = run(mask=OCCLUDED, dictionary=[VOICE, other]), run(mask=OCCLUDED)
    assert not np.array_equal(both.samples, one.samples)
    np.testing.assert_array_equal(run(mask=OCCLUDED, dictionary=[VOICE]).samples, one.samples)
    with pytest.raises(MismatchError, match="2 dictionaries of 2 kinds"):
        run(mask=OCCLUDED, dictionary=[VOICE, replace(VOICE, beta=1.0)])
    with pytest.raises(ParameterError, match="dictionary is empty"):
        run(dictionary=[])


# Samples that are determined despite missing cells


def columns(k: int) -> NDArray[np.bool_]:
    observed = np.ones_like(OBSERVED)
    for start in range(10, X.shape[1] - 10, 20):
        observed[:, start : start + k] = False
    return observed


def corners(width: int) -> NDArray[np.bool_]:
    observed = columns(width)
    observed[X.shape[0] // 2 :] = True
    return observed


def snr_db(y: NDArray[Any]) -> float:
    return float(10 * np.log10(np.sum(X_SAMPLES**2) / np.sum((y - X_SAMPLES) ** 2)))


@pytest.mark.parametrize("observed", [columns(1), columns(2), OBSERVED], ids=["1", "2", "cells"])
@pytest.mark.parametrize("dictionary", [VOICE, None], ids=["dictionary", "learned"])
def test_what_reliable_cells_determine_is_exact(
    observed: NDArray[np.bool_], dictionary: Dictionary | None
) -> None:
    out = run(np.where(observed, X, np.nan), Mask(observed), dictionary=dictionary)
    assert snr_db(out.samples) > 200
    np.testing.assert_allclose(out.spectrum, X, atol=1e-9 * np.abs(X).max())
    np.testing.assert_array_equal(out.spectrum[observed], X[observed])
    assert out.notes[-1] == "100 % of the samples follow from the reliable cells."


@pytest.mark.parametrize(
    "observed",
    [columns(4), columns(6), corners(6), np.random.default_rng(2).random(X.shape) < 0.35],
    ids=["4 columns", "6 columns", "half of 6 columns", "most cells"],
)
def test_undetermined_samples_fit_the_reliable_cells(observed: NDArray[np.bool_]) -> None:
    out = run(mask=Mask(observed), dictionary=None)
    known = recover(X, observed, stft=HANN, length=LENGTH, max_iter=RECOVERY_ITER).known
    np.testing.assert_allclose(out.samples[known], X_SAMPLES[known], atol=1e-6)
    np.testing.assert_array_equal(out.spectrum[observed], X[observed])
    plain = run(mask=Mask(observed), dictionary=None, phase="griffin-lim")
    assert snr_db(out.samples) > snr_db(plain.samples) + 3


@pytest.mark.parametrize("k", [4, 6])
def test_samples_of_lost_columns_are_filled_as_gaps(k: int) -> None:
    lost = columns(k)
    found = recover(X, lost, stft=HANN, length=LENGTH)
    with limited_threads(1):
        expected = fill_gaps(found.samples, ~found.known)
    for changes in ({"dictionary": None}, {"dictionary": VOICE}, {"rng": 3}):
        out = run(np.where(lost, X, np.nan), Mask(lost), **changes)
        np.testing.assert_array_equal(out.samples, expected)
        assert out.notes[-1].endswith(f"filled as gaps: {np.count_nonzero(~found.known)}.")
    np.testing.assert_array_equal(out.spectrum[lost], X[lost])
    assert out.factorization.V_hat.shape == X.shape


@pytest.mark.slow
@pytest.mark.parametrize("part", [0.1, 0.5])
def test_lost_columns_amid_scattered_cells_are_filled_as_gaps(part: float) -> None:
    scattered = np.random.default_rng(2).random(X.shape) > part
    observed = columns(6) & scattered
    out = run(np.where(observed, X, np.nan), Mask(observed), dictionary=None)
    np.testing.assert_array_equal(out.spectrum[observed], X[observed])
    known = recover(X, observed, stft=HANN, length=LENGTH, max_iter=RECOVERY_ITER).known
    np.testing.assert_allclose(out.samples[known], X_SAMPLES[known], atol=1e-6)
    alone = run(mask=Mask(columns(6)), dictionary=None)
    assert snr_db(out.samples) > snr_db(alone.samples) - 3
    assert out.notes[-1] == alone.notes[-1]


def test_a_single_reliable_frame_gives_a_bounded_result() -> None:
    observed = np.zeros_like(OBSERVED)
    observed[:, 40] = True
    out = run(mask=Mask(observed))
    assert np.isfinite(out.samples).all()
    assert np.abs(out.samples).max() < 3 * np.abs(X_SAMPLES).max()


@pytest.mark.slow
def test_ill_conditioned_samples_are_not_amplified_in_float32() -> None:
    for observed in (columns(3), corners(6)):
        out = run(X.astype(np.complex64), Mask(observed))
        assert out.samples.dtype == np.float32
        fine = run(mask=Mask(observed))
        assert snr_db(out.samples) > min(40, snr_db(fine.samples) - 1)
