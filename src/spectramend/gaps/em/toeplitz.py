"""Inverses of many positive definite symmetric Toeplitz matrices at once, in O(h**2) each.

All that is needed of the inverse of a matrix T of size h follows from its predictor a, with
``a[0] = 1``, which Durbin's recursion over sizes k finds together with its error e:

    T @ a = (e, 0, ..., 0),     det T = product of the errors of sizes 1 to h.                (1)

With A the lower triangular Toeplitz matrix whose first column is a, and B that of
``(0, a[h-1], ..., a[1])``, the inverse is (Gohberg & Semencul 1972)

    inv(T)  =  (A @ A.T - B @ B.T) / e,                                                       (2)

so that FFTs apply it. Element (i + d, i) of ``A @ A.T`` is the sum of ``a[q + d] a[q]`` over q up
to i, and summing along the diagonal counts each product h - d - q times; those of ``B @ B.T`` are
counted q times. With p = q + d, the diagonal of lag d sums to

    s[d]  =  sum_q (h - p - q) a[p] a[q] / e,                                                 (3)

which is symmetric in p and q. Its Fourier transform over all lags, of both signs, hence needs no
correlation, only the transforms A(f) of a and D(f) of ``q a[q]``:

    sum_d s[d] exp(-2i pi f d / n)  =  (h |A(f)|**2 - 2 Re(conj(A(f)) D(f))) / e              (4)

(Musicus 1985, for maximum likelihood spectra). Divided by n it is the mean power, in bin f of a
unitary DFT of n samples, of a Gaussian vector whose precision is T and which stands among zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.gaps.ar.janssen_ar import RIDGES


@dataclass(frozen=True)
class Inverses:
    """Inverses of Toeplitz matrices of several sizes, see `invert`.

    Parameters
    ----------
    sizes : ndarray [shape=(B,), int]
        Rows of each matrix.
    a : ndarray [shape=(B, h)]
        Predictors, (1), zero beyond their sizes.
    error : ndarray [shape=(B,), > 0]
        Their errors.
    log_det : ndarray [shape=(B,)]
        Logarithms of the determinants.
    """

    sizes: NDArray[np.intp]
    a: NDArray[np.float64]
    error: NDArray[np.float64]
    log_det: NDArray[np.float64]

    def solve(self, right: NDArray[Any]) -> NDArray[np.float64]:
        """Apply the inverses, by (2).

        Parameters
        ----------
        right : ndarray [shape=(B, h)]
            Right sides; what stands beyond the sizes does not matter.

        Returns
        -------
        ndarray [shape=(B, h)]
            The solutions, zero beyond the sizes.

        Examples
        --------
        >>> inverses = invert(np.array([[2.0, 1.0], [4.0, 0.0]]), np.array([2, 1]))
        >>> inverses.solve(np.array([[3.0, 3.0], [4.0, 9.0]])).round(12).tolist()
        [[1.0, 1.0], [1.0, 0.0]]
        """
        import scipy.fft

        h = self.a.shape[1]
        inside = np.arange(h) < self.sizes[:, None]
        n_fft = scipy.fft.next_fast_len(2 * h, real=True)
        # a[h], which is a zero beyond the predictor, comes first when it is reversed.
        reversed_a = np.zeros_like(self.a)
        row, q = np.nonzero(inside)
        reversed_a[row, q] = np.where(q > 0, self.a[row, (self.sizes[row] - q) % h], 0.0)
        A, B = scipy.fft.rfft(self.a, n_fft), scipy.fft.rfft(reversed_a, n_fft)

        def cut(spectrum: NDArray[Any]) -> NDArray[Any]:
            return np.where(inside, scipy.fft.irfft(spectrum, n_fft)[:, :h], 0.0)

        b_hat = scipy.fft.rfft(np.where(inside, right, 0.0), n_fft)
        first = scipy.fft.rfft(cut(A.conj() * b_hat), n_fft)
        second = scipy.fft.rfft(cut(B.conj() * b_hat), n_fft)
        return cut(A * first - B * second) / self.error[:, None]

    def spectra(self, n_fft: int) -> NDArray[np.float64]:
        """Give the mean power of Gaussian vectors with these precisions, by (4).

        Parameters
        ----------
        n_fft : int
            Length of the unitary DFT, at least h.

        Returns
        -------
        ndarray [shape=(B, n_fft // 2 + 1), >= 0]
            Mean power by bin.

        Examples
        --------
        >>> inverses = invert(np.array([[2.0, 1.0]]), np.array([2]))
        >>> inverses.spectra(4).round(4).tolist()  # sums of the inverse: (4 - 2 cos) / 3 / 4
        [[0.1667, 0.3333, 0.5]]
        """
        import scipy.fft

        A = scipy.fft.rfft(self.a, n_fft)
        D = scipy.fft.rfft(self.a * np.arange(self.a.shape[1]), n_fft)
        power = self.sizes[:, None] * np.abs(A) ** 2 - 2 * (A.conj() * D).real
        return np.maximum(power, 0.0) / (n_fft * self.error[:, None])


def invert(lags: NDArray[Any], sizes: NDArray[np.intp]) -> Inverses:
    """Invert Toeplitz matrices by Durbin's recursion, all of them step by step.

    Parameters
    ----------
    lags : ndarray [shape=(B, h)]
        First column of each matrix.
    sizes : ndarray [shape=(B,), int, 1 to h]
        Rows of each.

    Returns
    -------
    Inverses
        The inverses. To the diagonal of a matrix that rounding leaves not quite positive a little
        is added; one that no such ridge makes positive counts as infinite, its inverse as zero.

    References
    ----------
    .. [1] B. R. Musicus, "Fast MLM power spectrum estimation from uniformly spaced correlations",
       IEEE Trans. ASSP 33(5), 1985.
    .. [2] G. H. Golub and C. F. Van Loan, Matrix Computations, 4th ed., 2013, alg. 4.7.1.

    Examples
    --------
    >>> inverses = invert(np.array([[2.0, 1.0]]), np.array([2]))
    >>> inverses.a.tolist(), inverses.error.tolist(), np.exp(inverses.log_det).round(12).tolist()
    ([[1.0, -0.5]], [1.5], [3.0])
    """
    first = lags.copy()
    a, error, log_det = np.zeros_like(first), np.ones(sizes.size), np.zeros(sizes.size)
    left = np.arange(sizes.size)
    for ridge in (0.0, *RIDGES):
        first[left, 0] = lags[left, 0] * (1 + ridge)
        left = left[np.argsort(-sizes[left], kind="stable")]
        found = _durbin(first[left], sizes[left])
        good = np.isfinite(found[2])
        done = left[good]
        a[done], error[done], log_det[done] = (values[good] for values in found)
        left = left[~good]
        if not left.size:
            break
    return Inverses(sizes, a, error, log_det)


@np.errstate(all="ignore")  # matrices that are not positive end as NaN
def _durbin(
    lags: NDArray[Any], sizes: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Find predictors, errors and log-determinants, NaN or inf where errors are not positive.

    Sizes fall, so that the matrices that are larger than k come first.
    """
    count, h = sizes.size, int(sizes.max())
    backwards = np.ascontiguousarray(lags[:, h - 1 :: -1])
    a, product = np.zeros_like(lags), np.empty((count, h))
    a[:, 0] = 1.0
    errors = np.ones((h, count))
    errors[0] = lags[:, 0]
    larger = np.searchsorted(-sizes, -np.arange(h))  # matrices with more than k rows
    # NumPy 2.4 copies rows that are shorter than its buffer, which takes longer than the work.
    buffer = np.setbufsize(16)
    try:
        for k in range(1, h):
            n = larger[k]
            short, grown, scratch = a[:n, :k], a[:n, 1 : k + 1], product[:n, :k]
            residual = np.matmul(short[:, None], backwards[:n, h - 1 - k : h - 1, None])[:, 0, 0]
            reflection = residual / errors[k - 1, :n]
            np.multiply(short[:, ::-1], reflection[:, None], out=scratch)
            grown -= scratch
            np.multiply(errors[k - 1, :n], 1 - reflection**2, out=errors[k, :n])
    finally:
        np.setbufsize(buffer)
    return a, errors[sizes - 1, np.arange(count)], np.log(errors).sum(axis=0)
