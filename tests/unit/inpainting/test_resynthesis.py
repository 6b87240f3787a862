"""From posterior to signal: the mask is obeyed, confidence fades, background is filled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spectramend import STFT, Mask
from spectramend.inpainting.occlusion_posterior import Moments
from spectramend.inpainting.resynthesis import (
    BACKGROUND_SHARE,
    MAX_CORRECTION,
    _correction_weight,
    _lower_valleys,
    restore_signal,
)

STFT_ = STFT(n_fft=64, hop_length=16)
LENGTH = 800
RNG = np.random.default_rng(0)
X = STFT_.forward(RNG.standard_normal(LENGTH))
OBSERVED = RNG.random(X.shape) < 0.6
MASK = Mask(OBSERVED, damage="occluded")
P = np.abs(X) ** 2
MOMENTS = Moments(0.1 * np.ones(X.shape), 0.2 * P, 0.1 * P)
NOTHING = np.zeros((X.shape[0], 1))
CONFIDENT = np.ones(X.shape[1])


def restore(**changes: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    settings: dict[str, Any] = {
        "background": NOTHING,
        "confidence": CONFIDENT,
        "keep_reliable": False,
        "stft": STFT_,
        "length": LENGTH,
    }
    return restore_signal(X, MASK, MOMENTS, **(settings | changes))


def test_without_confidence_the_bare_mask_is_left() -> None:
    _, spectrum = restore(confidence=0 * CONFIDENT)
    np.testing.assert_array_equal(spectrum, X * OBSERVED)


def test_samples_are_those_of_the_spectrum_and_the_mask_is_obeyed() -> None:
    samples, Y = restore()
    np.testing.assert_array_equal(samples, STFT_.inverse(Y, length=LENGTH))
    lost = ~OBSERVED
    assert (np.abs(Y[lost]) <= np.abs((X - Y)[lost]) * (1 + 1e-9)).all()


def test_hidden_cells_are_at_least_as_loud_as_the_background() -> None:
    quiet = Moments(0 * P, 1e-9 * P, 1e-9 * P)
    floor = 1e-6 * P.min() * np.ones((X.shape[0], 1))
    _, Y = restore_signal(
        X, MASK, quiet, background=floor, confidence=CONFIDENT, keep_reliable=True, stft=STFT_,
        length=LENGTH,
    )  # fmt: skip
    least = np.sqrt(BACKGROUND_SHARE * floor)
    assert (np.abs(Y) >= least * (1 - 1e-9))[~OBSERVED].all()


def test_reliable_cells_amid_others_stay() -> None:
    observed = np.ones((40, 40), bool)
    observed[20:, :] = False
    weight = _correction_weight(observed)
    assert not weight[:15].any()
    assert weight[19].max() == pytest.approx(MAX_CORRECTION)


def test_valleys_are_lowered_and_peaks_kept() -> None:
    power = np.full((60, 9), 1e-3)
    power[20::10] = 1.0
    lower = _lower_valleys(power, power, np.zeros(power.shape, bool))
    np.testing.assert_allclose(lower[30], power[30])
    assert (lower[35] < 0.5 * power[35]).all()
