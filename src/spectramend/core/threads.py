"""Limits on the threads of matrix products."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def limited_threads(n: int | None) -> Iterator[None]:
    """Limit the threads of BLAS, that of SciPy included, which has its own.

    Libraries that are loaded later would not know of the limit: the first call would use more
    threads than the second, take longer beside other processes, and differ in its last digits.

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
    import scipy.linalg  # noqa: F401 - so that it is loaded
    from threadpoolctl import threadpool_limits

    with threadpool_limits(n):
        yield
