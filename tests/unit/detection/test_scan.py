"""Blocks find what the whole recording gives."""

from __future__ import annotations

import numpy as np
import pytest

from damaged_signals import SR, Array, clipped, damaged, tone
from spectramend.detection import detect, detect_blocks, scan


@pytest.mark.parametrize("block", [8192, 10007, 32768])
def test_blocks_give_what_the_whole_gives(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = damaged()
    whole = detect(x, SR)
    assert {r.label for r in whole} == {"dropout", "click", "clipping"}
    assert {r.channel for r in whole} == {None, 1, 2}
    monkeypatch.setattr(scan, "SCAN_BLOCK", block)
    longest = 0
    done: list[int] = []

    def read(start: int, stop: int) -> Array:
        nonlocal longest
        longest = max(longest, stop - start)
        return x[:, start:stop]

    found = detect_blocks(read, length=x.shape[1], channels=2, sr=SR, progress=done.append)
    assert found == whole
    assert longest <= block + 2 * 1.25 * SR
    assert done == sorted(done)
    assert done[-1] == 2 * x.shape[1]


def test_clipping_with_coarse_steps_is_found_in_blocks_of_any_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whether it is clipped depends on the count of the samples one step below the rail."""
    x = np.round(30 * clipped(tone(), 0.5)) / 128
    whole = detect(x, SR, kinds=("clipping",))
    assert len(whole) > 10
    for block in (2000, 7777):
        monkeypatch.setattr(scan, "SCAN_BLOCK", block)
        assert detect(x, SR, kinds=("clipping",)) == whole
