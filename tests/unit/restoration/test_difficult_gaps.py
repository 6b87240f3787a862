"""Bad cases of missing samples: each gives a finite, bounded result and says what was done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spectramend import Region, repair
from spectramend.gaps import fill_gaps

SR = 16000
N = SR // 2
t = np.arange(N)


@dataclass(frozen=True)
class Case:
    """A signal, its gaps, and the least signal-to-noise ratio that a listener would expect."""

    x: NDArray[Any]
    spans: list[tuple[int, int]]
    least_db: float = -3.0

    @property
    def missing(self) -> NDArray[np.bool_]:
        missing = np.zeros(self.x.size, bool)
        for start, stop in self.spans:
            missing[start:stop] = True
        return missing


def music() -> NDArray[Any]:
    """Harmonics of a gliding pitch in a little noise."""
    phase = 2 * np.pi * (200 * t / SR + 10 * (t / SR) ** 2)
    tones = np.sum([np.sin(k * phase + k) / k for k in range(1, 9)], axis=0)
    return np.asarray(0.1 * tones + 1e-4 * np.random.default_rng(0).standard_normal(N))


def tone(hz: float = 440.0) -> NDArray[Any]:
    return np.asarray(0.5 * np.sin(2 * np.pi * hz * t / SR + 1))


def silent(x: NDArray[Any], *spans: tuple[int, int]) -> NDArray[Any]:
    y = x.copy()
    for start, stop in spans:
        y[start:stop] = 0
    return y


def every(apart: int, h: int, first: int = 500, last: int = 7500) -> list[tuple[int, int]]:
    return [(start, start + h) for start in range(first, last, apart)]


ONE = [(4000, 4400)]
FOUR = [(1500, 1650), (3000, 3150), (3250, 3400), (6000, 6320)]
HUNDRED = every(160, 32)

CASES = {
    "at the start": Case(music(), [(0, 320)], 0),
    "at the end": Case(music(), [(N - 320, N)], 0),
    "at both ends": Case(music(), [(0, 320), (N - 320, N)], 0),
    "a sample from the start": Case(music(), [(1, 320)], -8),
    "closer than the order": Case(music(), [(4000, 4100), (4130, 4230), (4260, 4360)], 45),
    "a sample apart": Case(music(), every(11, 10, 4000, 4200), 3),
    "every other sample": Case(music(), every(2, 1, 4000, 4200), 45),
    "longer than its context": Case(music()[:1000], [(100, 900)], -6),
    "all but a sample": Case(music()[:1000], [(0, 500), (501, 1000)]),
    "silence before": Case(silent(music(), (0, 4000)), ONE, 0),
    "silence after": Case(silent(music(), (4400, N)), ONE, 0),
    "silence on both sides": Case(silent(music(), (3000, 4000), (4400, 5000)), ONE),
    "all silent but the gap": Case(silent(music(), (0, 4000), (4400, N)), ONE),
    "clipped": Case(np.clip(music(), -0.1, 0.1), ONE, 20),
    "clipped to a square": Case(np.clip(100 * tone(), -0.5, 0.5), ONE, 100),
    "an impulse beside it": Case(np.where(t == 3999, 1.0, 1e-3 * music()), ONE, -80),
    "a step in it": Case(np.where(t < 4200, 0.1, 0.9), ONE, 5),
    "much louder after it": Case(music() * np.where(t < 4200, 1e-6, 1.0), ONE, 3),
    "tone": Case(tone(), ONE, 150),
    "tone, several gaps": Case(tone(), FOUR, 100),
    "tone, 100 gaps a second": Case(tone(), HUNDRED, 45),
    "tone of 50 Hz": Case(tone(50), ONE, 150),
    "tone of 50 Hz, several gaps": Case(tone(50), FOUR, 100),
    "tone near the Nyquist frequency": Case(tone(7900), FOUR, 100),
    "two tones": Case(tone() + 0.01 * tone(3000), FOUR, 100),
    "constant": Case(np.full(N, 0.25), ONE, 150),
    "constant, several gaps": Case(np.full(N, 0.25), FOUR, 100),
    "constant, 100 gaps a second": Case(np.full(N, -0.25), HUNDRED, 38),
    "offset": Case(music() + 5, ONE, 80),
    "offset, several gaps": Case(music() + 5, FOUR, 80),
    "offset of a tone, several gaps": Case(tone() + 0.5, FOUR, 100),
    "100 gaps a second": Case(music(), HUNDRED, 30),
    "very quiet": Case(1e-12 * music(), FOUR, 45),
    "very loud": Case(1e12 * music(), FOUR, 45),
    "huge offset": Case(music() + 1e5, FOUR, 120),
}

cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def snr_db(case: Case, y: NDArray[Any]) -> float:
    error = np.sum((case.x - y)[case.missing] ** 2)
    signal = np.sum(case.x[case.missing] ** 2)
    return float(10 * np.log10((signal + 1e-300) / (error + 1e-300)))


def check(case: Case, y: NDArray[Any]) -> None:
    missing = case.missing
    np.testing.assert_array_equal(y[~missing], case.x[~missing])
    assert np.isfinite(y).all()
    loudest = np.abs(case.x[~missing]).max()
    assert all(np.sqrt(np.mean(y[a:b] ** 2)) <= loudest * (1 + 1e-9) for a, b in case.spans)
    assert np.abs(y[missing]).max() <= 2 * loudest * (1 + 1e-9)


@cases
def test_fill_gaps(case: Case) -> None:
    given = np.where(case.missing, np.nan, case.x)
    copy, missing = given.copy(), case.missing
    y = fill_gaps(given, missing)
    check(case, y)
    np.testing.assert_array_equal(given, copy)
    np.testing.assert_array_equal(missing, case.missing)
    assert snr_db(case, y) >= case.least_db


@cases
def test_repair(case: Case) -> None:
    given = np.where(case.missing, np.nan, case.x)
    copy = given.copy()
    regions = [Region(start / SR, stop / SR) for start, stop in case.spans]
    fixed = repair(given, SR, regions, damage="missing")
    check(case, fixed.samples)
    np.testing.assert_array_equal(given, copy)
    assert sum(len(job.regions) for job in fixed.jobs) == len(regions)
    for job in fixed.jobs:
        assert job.damage == "missing"
        ends = ("done", "silence around it: filled with silence", "little could be recovered")
        assert job.status.startswith(ends)
    assert snr_db(case, fixed.samples) >= case.least_db
