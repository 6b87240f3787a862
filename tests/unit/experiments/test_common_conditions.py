"""Conditions on mixtures: what is measured, and against what."""

from __future__ import annotations

import numpy as np
import pytest

from experiment_runs import SR, tones
from spectramend.evaluation.metrics import log_spectral_distance, si_sdr
from spectramend.experiments._common.conditions import TABLE_COLUMNS, run_condition
from spectramend.experiments._common.mixtures import (
    DEFAULT_STFT,
    MaskedSpectra,
    Mixture,
    masked_spectra,
)


@pytest.fixture(scope="module")
def mixture() -> Mixture:
    target, interferer = tones(1.0), tones(1.0, 310.0)
    return Mixture(target, interferer, target + interferer, SR)


@pytest.fixture(scope="module")
def spectra(mixture: Mixture) -> MaskedSpectra:
    return masked_spectra(mixture, DEFAULT_STFT, floor_db=60)


def test_the_output_is_measured_in_32_bits_over_the_hidden_cells(
    mixture: Mixture, spectra: MaskedSpectra
) -> None:
    condition = run_condition("mix", lambda: mixture.mix, spectra, mixture)
    samples = mixture.mix.astype(np.float32).astype(np.float64)
    np.testing.assert_array_equal(condition.samples, samples)
    assert list(condition.row) == [column.key for column in TABLE_COLUMNS[1:]]
    assert condition.row["transform"] == "hann 1024/256"
    assert condition.row["si_sdr_db"] == si_sdr(mixture.target, samples)
    hidden = ~spectra.mask.observed
    distance = log_spectral_distance(spectra.T, DEFAULT_STFT.forward(samples), hidden)
    assert condition.row["lsd_hidden_db"] == distance > 3


def test_panels_show_mix_mask_output_and_target(mixture: Mixture, spectra: MaskedSpectra) -> None:
    panels = run_condition("target", lambda: mixture.target, spectra, mixture).panels(SR)
    np.testing.assert_allclose(panels[0].values, np.abs(spectra.X) ** 2)
    np.testing.assert_array_equal(panels[1].values, spectra.mask.observed)
    np.testing.assert_allclose(panels[2].values, panels[3].values, atol=1e-4)
