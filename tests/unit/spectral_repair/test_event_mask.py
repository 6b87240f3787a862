"""The cells of an event."""

from __future__ import annotations

import numpy as np

from spectramend.core.stft import STFT
from spectramend.spectral_repair.event_mask import EventMask, frames_containing


def test_the_cells_of_an_event_are_widened_in_frequency_only() -> None:
    cells = np.zeros((40, 9), bool)
    cells[20, 3:5] = True
    event = EventMask(cells, np.logical_not(cells.any(axis=0)))
    assert event.frames == slice(3, 5)
    wide = event.widened()
    assert wide.shape == (40, 2)
    assert np.flatnonzero(wide[:, 0]).tolist() == list(range(12, 29))
    narrow = EventMask(cells, event.intact, margin=2).widened()
    assert np.flatnonzero(narrow[:, 0]).tolist() == list(range(18, 23))


def test_frames_contain_a_sample_of_a_span() -> None:
    stft = STFT(64, 16)
    found = frames_containing((100, 101), 0, stft, stft.n_frames(400))
    inside = [n for n in range(stft.n_frames(400)) if 16 * n - 32 <= 100 < 16 * n + 32]
    assert list(range(found.start, found.stop)) == inside
    none = frames_containing((900, 901), 0, stft, 10)
    assert none.start >= none.stop
