"""Steady tones: their amplitudes over time, where they are present, and whether they are steady.

The amplitude of a tone whose phase is tracked is d[b] = A[b] + v[b], with A slowly varying and v
what else sounds at its frequency. What is taken for a tone has to be there nearly always in its
span, pauses included, and of nearly constant amplitude. That tells it from notes and voices, of
which parts may be as long, but which begin, end and fade.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import Span, runs
from spectramend.hum.heterodyne import Complex, Grid, Real
from spectramend.hum.phase_tracking import coarse_phase, refined_phase, viterbi
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
LEAST_BLOCKS = 6
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
    least_s = 0.0 if told else LEAST_S[kind]
    phase = coarse_phase(c, orders, f, grid)
    if not any(one.may_last(least_s) for one in _tracks(c, use, orders, phase, hop_s)):
        return None
    phase = refined_phase(c, use, orders, phase, hop_s)
    tracks = _tracks(c, use, orders, phase, hop_s)
    steady = [one for one in tracks if one.may_last(least_s) and one.is_steady()]
    if not steady:
        return None
    together = np.sum([one.evidence for one in steady], axis=0) / np.sqrt(len(steady))
    present = _present(together)
    if told and present.mean() > 0.5:
        present[:] = True
    tones = []
    for order, one in zip(k, tracks, strict=True):
        if one.low_share(present) <= LOW_SHARE_OTHERS:
            fitted = _fit(one.d, use, present, hop_s)
            if fitted is not None:
                tones.append(Tone(order, order * f, *fitted))
    return Hum(kind, grid, f, phase, tuple(tones)) if tones else None


@dataclass(frozen=True, eq=False)
class _Track:
    """The amplitudes d[b] of a tone, and the reference that it has if it is steady."""

    d: Complex
    use: Real
    reference: Complex
    hop_s: float

    @cached_property
    def near(self) -> Complex:
        """The average of neighbouring blocks."""
        return local_mean(self.d.real) + 1j * local_mean(self.d.imag)

    @cached_property
    def evidence(self) -> Real:
        """The tone against silence, from -1 (absent) to 1 (present), 0 where others are louder."""
        absent, present = np.abs(self.near) ** 2, np.abs(self.near - self.reference) ** 2
        floor = 0.1 * np.abs(self.reference) ** 2 + 1e-30
        return np.asarray((absent - present) / (absent + present + floor))

    @cached_property
    def present(self) -> NDArray[np.bool_]:
        """In which blocks it is."""
        return _present(self.evidence)

    def low_share(self, present: NDArray[np.bool_]) -> float:
        """Share of blocks in which it is far below its reference."""
        low = np.abs(self.near) < LOW * np.abs(self.reference)
        return float(low[present].mean()) if present.any() else 1.0

    def may_last(self, least_s: float) -> bool:
        """Whether it is there for long, or from the first block to the last; always if 0 s do."""
        if least_s == 0.0:
            return bool(self.present.any())
        longest = max((b - a for a, b in runs(self.present)), default=0) * self.hop_s
        if longest >= LEAST_PART_S:
            return True
        size = np.abs(self.d)
        ends = np.maximum(size[[0, -2]], 0) >= END * np.abs(self.reference[[0, -2]])
        whole = WHOLE * self.d.size * self.hop_s
        return longest >= max(least_s, whole) and bool(ends.all())

    def is_steady(self) -> bool:
        """Whether it is there nearly always, nearly constant, and above what else sounds."""
        own = self.present & (self.use > 0)
        if own.sum() < LEAST_BLOCKS:
            return False
        d = self.d[own]
        a, _ = robust_smooth(d, penalty(STEADY_S / self.hop_s), np.ones(d.size))
        low, high = np.quantile(np.abs(a), [0.05, 0.95])
        beside = np.median(np.abs(d - a))
        return bool(
            self.low_share(own) <= LOW_SHARE
            and high <= 10 ** (STEADY_DB / 20) * low
            and np.abs(self.reference).mean() >= 10 ** (LEVEL_DB / 20) * beside
        )


def _tracks(c: Complex, use: Real, k: Real, phase: Real, hop_s: float) -> list[_Track]:
    """Make the tracks of tones, with the local phase and the usual size as their references."""
    tracks = []
    for one, order in zip(c, k, strict=True):
        d = one * np.exp(-1j * order * phase)
        a, _ = robust_smooth(d, penalty(STEADY_S / hop_s), use)
        size = np.abs(a)
        usual = np.median(size[size >= 0.3 * np.quantile(size, 0.9)])
        tracks.append(_Track(d, use, usual * a / np.maximum(size, 1e-30), hop_s))
    return tracks


def _present(evidence: Real) -> NDArray[np.bool_]:
    """Decide in which blocks a tone is present, with few changes."""
    return viterbi(np.stack([-evidence, evidence + 0.05], axis=1), 1, cost=SWITCH) == 1


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
