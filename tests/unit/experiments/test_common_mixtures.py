"""Spectra of a mixture under its ideal binary mask."""

from __future__ import annotations

import numpy as np

from experiment_runs import SR, tones
from spectramend.core.stft import STFT
from spectramend.experiments._common.mixtures import (
    DEFAULT_STFT,
    Mixture,
    masked_spectra,
    transform_name,
)


def test_the_mask_keeps_the_cells_in_which_the_target_is_louder() -> None:
    target, interferer = tones(0.5), tones(0.5, 310.0)
    mixture = Mixture(target, interferer, target + 2 * interferer, SR)
    T, N = (np.abs(DEFAULT_STFT.forward(x)) for x in (target, interferer))
    for gain in (1.0, 2.0):
        spectra = masked_spectra(mixture, DEFAULT_STFT, floor_db=60, gain=gain, mix_gain=2.0)
        expected = (gain * N < T) & (T.max() / 1000 < T)
        np.testing.assert_array_equal(spectra.mask.observed, expected)
        assert (spectra.mask.stft, spectra.mask.sr) == (DEFAULT_STFT, SR)
        np.testing.assert_allclose(spectra.X, DEFAULT_STFT.forward(mixture.mix))


def test_a_transform_is_named_by_window_frame_and_hop() -> None:
    assert transform_name(STFT(512, 256, "sine")) == "sine 512/256"
