"""Stored parts: what is read is what was kept, and the file is gone afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spectramend.errors import FileError
from spectramend.restoration.part_store import PartStore


def test_parts_are_read_in_any_order_and_leave_no_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(100), rng.standard_normal(7)
    with PartStore(tmp_path) as store:
        first, second = store.add(0, 50, x), store.add(1, 3, y)
        assert (second.channel, second.start, second.stop) == (1, 3, 10)
        np.testing.assert_array_equal(second.samples_between(4, 9, x), y[1:6])
        np.testing.assert_array_equal(first.samples_between(50, 150, x), x)
        third = store.add(0, 0, y)
        np.testing.assert_array_equal(first.samples_between(149, 150, x), x[-1:])
        np.testing.assert_array_equal(third.samples_between(0, 7, x), y)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"absent: restored samples cannot be kept there: No such"):
        PartStore(tmp_path / "absent")
