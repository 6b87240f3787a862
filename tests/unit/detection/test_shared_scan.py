"""What is computed once, or in parts, is what was computed for each channel and window."""

import numpy as np

from spectramend.detection.linear_prediction import BACKGROUND_RANK, GUARD, REACH, _background
from spectramend.detection.scan import detect_blocks


def test_channels_that_are_alike_give_the_regions_of_one() -> None:
    rng = np.random.default_rng(0)
    x = 0.1 * rng.standard_normal(16000)
    x[5000:5200] = 0
    x[9000:9300] = np.nan
    stereo = np.stack((x, x))
    found = detect_blocks(lambda a, b: stereo[:, a:b], length=x.size, channels=2, sr=16000.0)
    alone = detect_blocks(lambda a, b: stereo[:1, a:b], length=x.size, channels=1, sr=16000.0)
    assert found == alone
    assert len(found) >= 2
    other = stereo.copy()
    other[1, 12000] += 0.01  # no longer alike: each channel is scanned
    other[1, 5000:5200] = 0.1 * rng.standard_normal(200)
    found = detect_blocks(lambda a, b: other[:, a:b], length=x.size, channels=2, sr=16000.0)
    assert {region.channel for region in found if region.start_s == 5000 / 16000} == {1}


def test_the_background_is_the_peak_of_its_rank_around_each_cell() -> None:
    peaks = np.random.default_rng(1).random(200)
    found = _background(peaks)
    for cell in range(peaks.size):
        around = np.pad(peaks, REACH)[cell : cell + 2 * REACH + 1]
        around[REACH - GUARD : REACH + GUARD + 1] = 0
        assert found[cell] == np.sort(around)[-BACKGROUND_RANK]
