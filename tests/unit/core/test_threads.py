"""Limits on threads hold from the first call on."""

from __future__ import annotations

import subprocess
import sys

from threadpoolctl import threadpool_info

from spectramend.core.threads import limited_threads

FIRST_CALL = """
from threadpoolctl import threadpool_info
from spectramend.core.threads import limited_threads
with limited_threads(1):
    import numpy, scipy.signal
    pools = threadpool_info()
print(len(pools), {pool["num_threads"] for pool in pools})
"""


def test_libraries_that_come_later_are_limited_too() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_CALL], check=True, capture_output=True, text=True
    )
    count, threads = done.stdout.strip().split(" ", 1)
    assert int(count) >= 1
    assert threads == "{1}"


def test_no_limit_leaves_threads_as_they_are() -> None:
    before = {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}
    with limited_threads(None):
        within = {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}
    assert within == before
