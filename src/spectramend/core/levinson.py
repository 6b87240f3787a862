"""The Levinson-Durbin recursion for many symmetric Toeplitz matrices at once.

The predictor a of a symmetric Toeplitz matrix T with the first column r, ``a[0] = 1``, and its
error e solve ``T @ a = (e, 0, ..., 0)``. The recursion raises the order k from 0, where ``a = (1)``
and ``e = r[0]``, to the size of the matrix less one (Golub & Van Loan 2013, alg. 4.7.1):

    g  =  sum_{q < k} a[q] r[k - q] / e,                                                      (1)
    a  <-  (a, 0) - g (0, reversed a),      e  <-  (1 - g**2) e.                              (2)

The product of the errors of orders 0 to h - 1 is the determinant of the matrix of size h.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

# Relative to the diagonal, added in turn until a matrix that should be positive definite is so
# despite rounding. Engineering choice: from the rounding of double precision up, in steps of 1000.
RIDGES = (1e-12, 1e-9, 1e-6, 1e-3)
BUFFER = 16  # elements of a ufunc buffer, the least that NumPy allows: see `levinson_durbin`


@np.errstate(all="ignore")
def levinson_durbin(
    lags: NDArray[Any],
    sizes: NDArray[np.intp] | None = None,
    *,
    summation: Literal["blas", "pairwise"] = "blas",
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find the predictors of Toeplitz matrices with the first columns `lags` [shape=(B, h)].

    `sizes` [shape=(B,), 1 to h, falling] are the rows of each matrix; h if None. (1) is summed by
    BLAS, which is faster for large matrices, or pairwise by NumPy, whose rounding is the same with
    every BLAS library. Returns predictors [shape=(B, h)], zero beyond their sizes and not finite
    where a matrix is not positive definite, and errors by order [shape=(h, B)], 1 beyond the sizes.
    """
    count, h = lags.shape
    if sizes is not None:
        h = int(sizes.max())
    backwards = np.ascontiguousarray(lags[:, :h][:, ::-1])
    a, product = np.zeros(lags.shape), np.empty((count, h))
    a[:, 0] = 1.0
    errors = np.ones((h, count))
    errors[0] = lags[:, 0]
    larger = np.full(h, count) if sizes is None else np.searchsorted(-sizes, -np.arange(h))
    # NumPy 2.4 copies rows that are shorter than its buffer, which takes longer than the work.
    buffer = np.setbufsize(BUFFER if summation == "blas" else np.getbufsize())
    try:
        for k in range(1, h):
            n = larger[k]  # matrices with more than k rows
            known, grown, scratch = a[:n, :k], a[:n, 1 : k + 1], product[:n, :k]
            ahead = backwards[:n, h - 1 - k : h - 1]
            if summation == "blas":
                numerator = np.matmul(known[:, None], ahead[:, :, None])[:, 0, 0]
            else:
                numerator = np.multiply(known, ahead, out=scratch).sum(axis=1)
            reflection = numerator / errors[k - 1, :n]
            np.multiply(known[:, ::-1], reflection[:, None], out=scratch)
            grown -= scratch
            np.multiply(errors[k - 1, :n], 1 - reflection**2, out=errors[k, :n])
    finally:
        np.setbufsize(buffer)
    return a, errors
