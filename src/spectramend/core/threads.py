"""Limits on the threads of matrix products."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def limited_threads(n: int | None) -> Iterator[None]:
    """Limit the threads of BLAS, of NumPy's and of SciPy's, while the block runs; None does not.

    SciPy is loaded first: a library that is loaded in the block would ignore the limit, so that a
    first call would differ from a second one in time and in the last digits.
    """
    if n is None:
        yield
        return
    import scipy.linalg  # noqa: F401 - loads SciPy's BLAS
    from threadpoolctl import threadpool_limits

    with threadpool_limits(n):
        yield
