"""Limits on the threads of matrix products."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def limited_threads(n: int | None) -> Iterator[None]:
    """Limit the threads of BLAS, of NumPy's and of SciPy's, while the block runs.

    SciPy is loaded first: a library that is loaded in the block would ignore the limit, so that a
    first call would differ from a second one in time and in the last digits.

    Parameters
    ----------
    n : int or None
        Threads at most; None leaves them as they are.

    Examples
    --------
    >>> from threadpoolctl import threadpool_info
    >>> with limited_threads(1):
    ...     {pool["num_threads"] for pool in threadpool_info()}
    {1}
    """
    if n is None:
        yield
        return
    import scipy.linalg  # noqa: F401 - loads SciPy's BLAS
    from threadpoolctl import threadpool_limits

    with threadpool_limits(n):
        yield
