"""Inverses of many positive definite symmetric Toeplitz matrices at once, in O(h**2) each.

The inverse of a matrix T of size h follows from its predictor a, ``a[0] = 1``, and the error e of
the prediction, which the Levinson-Durbin recursion finds:

    T @ a = (e, 0, ..., 0),     det T = product of the errors of orders 0 to h - 1.           (1)

With A the lower triangular Toeplitz matrix whose first column is a, and B that of
``(0, a[h-1], ..., a[1])``, the inverse is (Gohberg & Semencul 1972)

    inv(T)  =  (A @ A.T - B @ B.T) / e,                                                       (2)

so that FFTs apply it. Element (i + d, i) of ``A @ A.T`` is the sum of ``a[q + d] a[q]`` over q up
to i, and summing along the diagonal counts each product h - d - q times; those of ``B @ B.T`` are
counted q times. With p = q + d, the diagonal of lag d sums to

    s[d]  =  sum_q (h - p - q) a[p] a[q] / e,                                                 (3)

which is symmetric in p and q. Its Fourier transform over lags of both signs therefore needs only
the transforms A(f) of a and D(f) of ``q a[q]``, and no correlation (B. R. Musicus, "Fast MLM power
spectrum estimation from uniformly spaced correlations", IEEE Trans. ASSP 33(5), 1985):

    sum_d s[d] exp(-2i pi f d / n)  =  (h |A(f)|**2 - 2 Re(conj(A(f)) D(f))) / e.             (4)

Divided by n, this is the mean power, in bin f of a unitary DFT of n samples, of a zero-mean
Gaussian vector of precision T, padded with zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.core.levinson import RIDGES, levinson_durbin


@dataclass(frozen=True)
class ToeplitzInverses:
    """Inverses of B Toeplitz matrices of several sizes, the largest h."""

    sizes: NDArray[np.intp]  # [shape=(B,)] rows of each matrix
    a: NDArray[np.float64]  # [shape=(B, h)] predictors, zero beyond their sizes
    error: NDArray[np.float64]  # [shape=(B,), > 0] their errors
    log_det: NDArray[np.float64]  # [shape=(B,)] logarithms of the determinants

    def solve(self, right: NDArray[Any]) -> NDArray[np.float64]:
        """Multiply right sides [shape=(B, h)] by the inverses, by (2); zero beyond the sizes."""
        import scipy.fft

        h = self.a.shape[1]
        inside = np.arange(h) < self.sizes[:, None]
        n_fft = scipy.fft.next_fast_len(2 * h, real=True)
        # (0, a[h-1], ..., a[1]), the first column of B.
        reversed_a = np.zeros_like(self.a)
        row, q = np.nonzero(inside)
        reversed_a[row, q] = np.where(q > 0, self.a[row, (self.sizes[row] - q) % h], 0.0)
        A, B = scipy.fft.rfft(self.a, n_fft), scipy.fft.rfft(reversed_a, n_fft)

        def truncated(spectrum: NDArray[Any]) -> NDArray[Any]:
            return np.where(inside, scipy.fft.irfft(spectrum, n_fft)[:, :h], 0.0)

        right_hat = scipy.fft.rfft(np.where(inside, right, 0.0), n_fft)
        A_right = scipy.fft.rfft(truncated(A.conj() * right_hat), n_fft)  # A.T @ right
        B_right = scipy.fft.rfft(truncated(B.conj() * right_hat), n_fft)  # B.T @ right
        return truncated(A * A_right - B * B_right) / self.error[:, None]

    def spectra(self, n_fft: int) -> NDArray[np.float64]:
        """Compute the mean power of Gaussian vectors of these precisions, by (4).

        n_fft is the length of the unitary DFT, at least h; returns [shape=(B, F), >= 0].
        """
        import scipy.fft

        A = scipy.fft.rfft(self.a, n_fft)
        D = scipy.fft.rfft(self.a * np.arange(self.a.shape[1]), n_fft)
        power = self.sizes[:, None] * np.abs(A) ** 2 - 2 * (A.conj() * D).real
        return np.maximum(power, 0.0) / (n_fft * self.error[:, None])


def invert_toeplitz(lags: NDArray[Any], sizes: NDArray[np.intp]) -> ToeplitzInverses:
    """Invert symmetric positive definite Toeplitz matrices.

    lags [shape=(B, h)] are their first columns, sizes [shape=(B,)] their rows, 1 to h. A matrix
    that rounding leaves not positive definite gets the least of `RIDGES` that makes it so; if none
    does, it counts as infinite, and its inverse is zero.
    """
    ridged = lags.copy()
    a, error, log_det = np.zeros_like(ridged), np.ones(sizes.size), np.zeros(sizes.size)
    left = np.arange(sizes.size)
    for ridge in (0.0, *RIDGES):
        ridged[left, 0] = lags[left, 0] * (1 + ridge)
        left = left[np.argsort(-sizes[left], kind="stable")]
        predictors, errors = levinson_durbin(ridged[left], sizes[left])
        with np.errstate(divide="ignore", invalid="ignore"):
            log_dets = np.log(errors).sum(axis=0)
        good = np.isfinite(log_dets)
        done = left[good]
        a[done], log_det[done] = predictors[good], log_dets[good]
        error[done] = errors[sizes[done] - 1, good]
        left = left[~good]
        if not left.size:
            break
    return ToeplitzInverses(sizes, a, error, log_det)
