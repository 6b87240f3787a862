"""Steady tones: their amplitudes over time, where they are present, and whether they are steady.

The amplitude of a tone whose phase is tracked is d[b] = A[b] + v[b], with A slowly varying and v
what else sounds at its frequency. What is taken for a tone has to be there nearly always in its
span, pauses included, and of nearly constant amplitude. That tells it from notes and voices, of
which parts may be as long, but which begin, end and fade.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import Span, runs
from spectramend.hum.heterodyne import Complex, Grid, Real
from spectramend.hum.phase_tracking import SEARCH, track_phase, viterbi
from spectramend.hum.smoothing import local_mean, penalty, robust_smooth

PERIODS_S = (20.0, 6.0, 3.0, 1.5)  # of half gain of an amplitude, the best of which is chosen
STEADY_S = 3.0  # s, period of half gain of the amplitude that has to be steady
STEADY_DB = 6.0
LOW_SHARE = 0.08
LOW_SHARE_OTHERS = 0.15
LOW = 0.5
LEVEL_DB = 3.0
SWITCH = 8.0
GROUP = 3
ERROR = 0.1
BANDWIDTH_HZ = 4.0
WHOLE = 0.9
LEAST_S = {"hum": 2.5, "whine": 5.0}
END = 0.5
LEAST_PART_S = 10.0

Kind: TypeAlias = Literal["hum", "whine"]  # of mains, or of another frequency


@dataclass(frozen=True, eq=False)
class Tone:
    """A tone of the fundamental's k-th harmonic, present in some blocks."""

    k: int
    frequency: float  # Hz, nominal
    amplitude: Complex  # [shape=(n,)] beside the tracked phase, 0 where it is absent
    error: float  # expected |error|**2 of the amplitude

    @property
    def level(self) -> float:
        """Mean |amplitude|**2 where it is present."""
        power = np.abs(self.amplitude) ** 2
        return float(power[power > 0].mean()) if power.any() else 0.0


@dataclass(frozen=True, eq=False)
class Hum:
    """Tones that share a fundamental, whose phase drifts."""

    kind: Kind
    grid: Grid
    fundamental: float  # Hz, nominal
    phase: Real  # [shape=(n,)] of the fundamental beside that of the nominal frequency
    tones: tuple[Tone, ...]

    @property
    def spans(self) -> list[Span]:
        """Where it is present, in samples of the recording."""
        present = np.any([tone.amplitude != 0 for tone in self.tones], axis=0)
        places = [
            (self.grid.start + a * self.grid.hop - self.grid.hop // 2, self.grid.start + b * self.grid.hop - self.grid.hop // 2)
            for a, b in runs(present)
        ]
        return [(max(self.grid.start, a), min(self.grid.stop, b)) for a, b in places]

    @property
    def level(self) -> float:
        """Its mean power where it is present."""
        return sum(tone.level for tone in self.tones) / 2

    @property
    def mean_fundamental(self) -> float:
        """The mean frequency of the fundamental in Hz."""
        hop_s = self.grid.hop / self.grid.sr
        drift = (self.phase[-1] - self.phase[0]) / (max(1, self.phase.size - 1) * hop_s)
        return self.fundamental + float(drift) / (2 * np.pi)


def follow_tones(
    c: Complex,
    use: Real,
    k: Sequence[int],
    f: float,
    grid: Grid,
    *,
    kind: Kind,
    told: bool = False,
) -> Hum | None:
    """Follow the harmonics k of f Hz through their amplitudes c [shape=(tones, n)].

    None if none of them is steady. Where the span is `told`, a tone need not last long.
    """
    orders = np.array(k, float)
    hop_s = grid.hop / grid.sr
    search = min(SEARCH, BANDWIDTH_HZ / (orders.max() * f))
    phase = track_phase(c, use, orders, f, grid, search=search)
    d = c * np.exp(-1j * orders[:, None] * phase)
    references = [_reference(one, use, hop_s) for one in d]
    present = [_present(_evidence(one, r), told) for one, r in zip(d, references, strict=True)]
    steady = [
        (told or _lasts(own, hop_s, LEAST_S[kind], one, r))
        and _is_steady(one, r, own & (use > 0), hop_s)
        for one, r, own in zip(d, references, present, strict=True)
    ]
    if not any(steady):
        return None
    chosen = [i for i in range(len(k)) if steady[i]]
    together = sum(_evidence(d[i], references[i]) for i in chosen)
    own = _present(np.asarray(together) / np.sqrt(len(chosen)), told)
    tones = []
    for i in range(len(k)):
        lasting = np.mean(np.abs(_near(d[i]))[own] < LOW * np.abs(references[i][own]))
        if lasting > LOW_SHARE_OTHERS:
            continue
        fitted = _fit(d[i], use, own, hop_s)
        if fitted is not None:
            tones.append(Tone(k[i], k[i] * f, *fitted))
    return Hum(kind, grid, f, phase, tuple(tones)) if tones else None


def _reference(d: Complex, use: Real, hop_s: float) -> Complex:
    """Give the amplitude that a steady tone has: its usual size with the local phase."""
    a, _ = robust_smooth(d, penalty(STEADY_S / hop_s), use)
    size = np.abs(a)
    high = size > 0.3 * np.quantile(size, 0.9)
    return np.asarray(np.median(size[high]) * a / np.maximum(size, 1e-30))


def _evidence(d: Complex, reference: Complex) -> Real:
    """Compare a tone with silence, from -1 (absent) to 1 (present), 0 where others are louder."""
    d = _near(d)
    absent, present = np.abs(d) ** 2, np.abs(d - reference) ** 2
    return np.asarray((absent - present) / (absent + present + 0.1 * np.abs(reference) ** 2))


def _near(d: Complex) -> Complex:
    """Average over neighbouring blocks."""
    return local_mean(d.real) + 1j * local_mean(d.imag)


def _present(evidence: Real, told: bool) -> NDArray[np.bool_]:
    """Decide in which blocks a tone is present, with few changes."""
    score = np.stack([-evidence, evidence + 0.05], axis=1)
    own = viterbi(score, 1, cost=SWITCH) == 1
    return np.ones_like(own) if told and own.mean() > 0.5 else own


def _lasts(
    own: NDArray[np.bool_], hop_s: float, least_s: float, d: Complex, reference: Complex
) -> bool:
    """Whether a tone is there for long, or from the first block to the last."""
    longest = max((b - a for a, b in runs(own)), default=0) * hop_s
    if longest >= LEAST_PART_S:
        return True
    ends = np.minimum(np.abs(d[[0, -2]]), np.abs(d[[1, -3]])) if d.size > 3 else np.zeros(2)
    sharp = ends >= END * np.abs(reference[[0, -2]])
    return longest >= max(least_s, WHOLE * own.size * hop_s) and bool(sharp.all())


def _is_steady(d: Complex, reference: Complex, own: NDArray[np.bool_], hop_s: float) -> bool:
    """Whether a tone is there nearly always, of nearly constant amplitude, above what else is."""
    if own.sum() < 6:
        return False
    d, reference = d[own], reference[own]
    m = np.abs(reference).mean()
    a, _ = robust_smooth(d, penalty(STEADY_S / hop_s), np.ones(d.size))
    low, high = np.quantile(np.abs(a), [0.05, 0.95])
    beside = np.median(np.abs(d - a))
    return bool(
        np.mean(np.abs(_near(d)) < LOW * m) <= LOW_SHARE
        and high <= 10 ** (STEADY_DB / 20) * low
        and m >= 10 ** (LEVEL_DB / 20) * beside
    )


def _fit(
    d: Complex, use: Real, present: NDArray[np.bool_], hop_s: float
) -> tuple[Complex, float] | None:
    """Estimate an amplitude and its expected |error|**2, with the period held-out blocks choose.

    None if the error is not small.
    """
    use = use * present
    fold = np.arange(d.size) // GROUP % 2
    if min(np.count_nonzero(use[fold == 0]), np.count_nonzero(use[fold == 1])) < 2:
        return None
    best, least = None, np.inf
    scale = None
    for period in PERIODS_S:
        lam = penalty(period / hop_s)
        halves = [robust_smooth(d, lam, use * (fold == side))[0] for side in (0, 1)]
        held_out = np.where(fold == 0, halves[1], halves[0])
        r2 = np.abs(d - held_out)[use > 0] ** 2
        scale = np.median(r2) + 1e-30 if scale is None else scale
        loss = float(np.mean(np.log1p(r2 / scale)))
        if loss < least:
            best, least = (lam, halves), loss
    assert best is not None
    lam, (one, other) = best
    a, _ = robust_smooth(d, lam, use)
    own = use > 0
    error = float(np.mean(np.abs(one - other)[own] ** 2)) / 4
    if error > ERROR * np.mean(np.abs(a[own]) ** 2):
        return None
    return np.where(present, a, 0), error
