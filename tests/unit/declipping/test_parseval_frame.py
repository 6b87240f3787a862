"""The transform keeps inner products."""

from __future__ import annotations

import numpy as np
import pytest

from spectramend.declipping.parseval_frame import ParsevalFrame


@pytest.mark.parametrize("length", [1, 100, 511, 4000])
@pytest.mark.parametrize("n_fft", [256, 512])
def test_the_adjoint_is_the_inverse(length: int, n_fft: int) -> None:
    rng = np.random.default_rng(length)
    S = ParsevalFrame(256, length, n_fft)
    x = rng.standard_normal(length).astype(np.float32)
    X = S.analysis(x)
    assert X.dtype == np.complex64
    np.testing.assert_allclose(S.synthesis(X), x, atol=1e-5)
    z = rng.standard_normal((2, *X.shape))
    z = (z[0] + 1j * z[1]).astype(np.complex64)
    z[:, [0, -1]] = z[:, [0, -1]].real  # of a real signal
    twice = np.full(X.shape[1], 2.0)
    twice[[0, -1]] = 1  # negative frequencies count, too
    product = (twice * (X.conj() * z).real).sum()
    assert product == pytest.approx(float(x @ S.synthesis(z)), rel=1e-3, abs=1e-3)
