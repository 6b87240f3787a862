"""Similar passages: which are found, which are never used, known answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gap_signals import snr_db
from spectramend.gaps.template_matching import SearchBuffer, template_estimate

N = 12000
GAP = slice(6000, 6300)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def x(rng: np.random.Generator) -> NDArray[Any]:
    """Noise in which the passage around the gap occurs twice."""
    noise = rng.standard_normal(N)
    noise[5000:7000] = noise[2000:4000]
    return noise


def buffer_of(x: NDArray[Any], *gaps: slice, offset: int = 0) -> SearchBuffer:
    """Search all of a signal but for its gaps."""
    known = x.copy()
    for gap in gaps or (GAP,):
        known[gap] = np.nan
    return SearchBuffer(known, offset)


def silenced(x: NDArray[Any], gap: slice = GAP) -> NDArray[Any]:
    """Estimate the gap by silence."""
    y = x.copy()
    y[gap] = 0
    return y


@pytest.mark.parametrize("context", [128, 512])
@pytest.mark.parametrize(("gain", "least_db"), [(1.0, 40), (-1.0, 40), (3.0, 40), (0.3, 25)])
def test_a_repeated_passage_is_restored(
    x: NDArray[Any], context: int, gain: float, least_db: float
) -> None:
    x[:4500] *= gain
    found = template_estimate(silenced(x), GAP, buffer_of(x), context)
    assert snr_db(x[GAP], found) > least_db


@pytest.mark.parametrize("first", [3000, 5000])
def test_all_of_the_buffer_is_searched(x: NDArray[Any], first: int) -> None:
    part = slice(first, 9000)
    gap = slice(GAP.start - first, GAP.stop - first)
    found = template_estimate(silenced(x)[part], gap, buffer_of(x, offset=first), 256)
    np.testing.assert_array_equal(found, template_estimate(silenced(x), GAP, buffer_of(x), 256))
    assert snr_db(x[GAP], found) > 40
    # In the signal alone the passage does not occur again.
    search = SearchBuffer(buffer_of(x).samples[part], 0)
    alone = template_estimate(silenced(x)[part], gap, search, 256)
    assert snr_db(x[GAP], alone) < 3


def test_a_passage_may_come_later_too(x: NDArray[Any]) -> None:
    y, gap = x[::-1].copy(), slice(N - GAP.stop, N - GAP.start)
    found = template_estimate(silenced(y, gap), gap, buffer_of(y, gap), 256)
    assert snr_db(y[gap], found) > 40


def test_a_sum_of_passages_is_found(rng: np.random.Generator) -> None:
    x = rng.standard_normal(N)
    x[5000:7000] = 0.7 * x[500:2500] - 0.4 * x[8000:10000]
    found = template_estimate(silenced(x), GAP, buffer_of(x), 600)
    assert snr_db(x[GAP], found) > 40


@pytest.mark.parametrize("place", [slice(3100, 3101), slice(2900, 2950), slice(3290, 3400)])
def test_passages_with_missing_samples_are_not_used(x: NDArray[Any], place: slice) -> None:
    found = template_estimate(silenced(x), GAP, buffer_of(x, GAP, place), 256)
    assert np.isfinite(found).all()
    assert snr_db(x[GAP], found) < 3
    # Those that end before missing samples are.
    found = template_estimate(silenced(x), GAP, buffer_of(x, GAP, slice(3700, 3800)), 256)
    assert snr_db(x[GAP], found) > 40


def test_a_passage_may_overlap_the_first_estimate_but_not_with_its_own_gap(
    rng: np.random.Generator,
) -> None:
    period = rng.standard_normal(400)
    x = np.tile(period, 30)[:N]
    near = slice(GAP.start - 460, GAP.stop + 460)  # one period before and after, and no more
    part, gap = x[near], slice(460, 760)
    known = np.full(N, np.nan)
    known[near] = part
    known[GAP] = np.nan
    first = part.copy()
    found = template_estimate(first, gap, SearchBuffer(known, near.start), 60)
    assert snr_db(part[gap], found) > 40
    # A wrong first estimate does not confirm itself.
    wrong = part.copy()
    wrong[gap] = rng.standard_normal(300)
    again = template_estimate(wrong, gap, SearchBuffer(known, near.start), 60)
    assert snr_db(wrong[gap], again) < 3


def test_where_there_is_no_passage_there_is_silence(x: NDArray[Any]) -> None:
    nowhere = np.full(N, np.nan)
    assert not template_estimate(silenced(x), GAP, SearchBuffer(nowhere, 0), 256).any()
    part = slice(GAP.start - 200, GAP.stop + 200)
    gap = slice(200, 500)
    tight = SearchBuffer(buffer_of(x).samples[part], 0)
    assert not template_estimate(silenced(x)[part], gap, tight, 256).any()
    assert not template_estimate(silenced(x), GAP, buffer_of(x), 0).any()
    silent = x.copy()
    silent[GAP.start - 256 : GAP.stop + 256] = 0
    assert not template_estimate(silent, GAP, buffer_of(silent), 256).any()
    quiet = np.zeros(N)
    quiet[GAP.start - 256 : GAP.stop + 256] = x[GAP.start - 256 : GAP.stop + 256]
    assert np.isfinite(template_estimate(quiet, GAP, buffer_of(quiet), 256)).all()


def test_passages_at_an_end_of_the_signal(x: NDArray[Any]) -> None:
    for gap, first, second in (
        (slice(100, 300), slice(0, 1000), slice(7100, 8100)),
        (slice(N - 300, N - 100), slice(N - 1000, N), slice(1100, 2100)),
    ):
        y = x.copy()
        y[second] = y[first]
        found = template_estimate(silenced(y, gap), gap, buffer_of(y, gap), 256)
        assert snr_db(y[gap], found) > 40


def test_inputs_are_not_changed(x: NDArray[Any]) -> None:
    search, y = buffer_of(x), silenced(x)
    copies = search.samples.copy(), y.copy()
    template_estimate(y, GAP, search, 256)
    np.testing.assert_array_equal(search.samples, copies[0])
    np.testing.assert_array_equal(y, copies[1])
