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
from spectramend.hum.amplitudes import Complex, Grid, Real
from spectramend.hum.phase_tracking import coarse_phase, refined_phase
from spectramend.hum.smoothing import local_mean, penalty, robust_smooth

# Limits below separate hum laid over recordings of speech and music from the notes and voices in
# them (`benchmarks/hum.py`), unless they are engineering choices.
PERIODS_S = (
    20.0,
    6.0,
    3.0,
    1.5,
)  # s of half gain of an amplitude, from which held-out blocks choose
STEADY_S = 3.0  # s, period of half gain of the amplitude that has to be steady
HUM_DB = (6.0, 3.0)  # dB, spread and level of hum: voices disturb it by 1 to 5 dB, notes have 10
SHORT_WHINE_DB = (1.0, 23.0)  # dB, of whines: held notes of oboe and organ have 1.3 and 17
WHINE_DB = (3.0, 6.0)  # dB, of whines that are longer than notes
LOW = 0.5  # of the reference: less is low; engineering choice
LOW_SHARE = 0.08  # of blocks that may be low: steady tones have up to 0.06, notes 0.1 to 0.5
LOW_SHARE_OTHERS = 0.15  # of blocks, for harmonics of a hum of which others are steady
SWITCH = 8.0  # evidence for a change of presence; engineering choice: 0.8 s of clear evidence
BIAS = 0.05  # evidence for presence where a voice hides the tone; engineering choice
GROUP = 3  # blocks that are held out together; engineering choice: blocks overlap by half
ERROR = 0.1  # of a tone's power, largest expected error; engineering choice: 10 dB are won
WHOLE = 0.9  # of all blocks, in which a short tone has to be; engineering choice
LONG_S = 10.0  # s, longer than notes are held; engineering choice
PART_HUM_S = 5.0  # s, of hum of mains that begins or ends; engineering choice: few notes are so low
LEAST_HUM_S = 1.5  # s, shortest recording in which mains are found; engineering choice
LEAST_WHINE_S = 1.5  # s, the same of whines; engineering choice
LEAST_LOW_S = 8.0  # s, the same of whines in the range of held notes; engineering choice
HIGH_HZ = 1000.0  # Hz, where that range ends; engineering choice
LEAST_BLOCKS = 6  # of a tone; engineering choice: fewer say nothing

Kind: TypeAlias = Literal["hum", "whine"]  # of mains, or of another frequency


@dataclass(frozen=True)
class Limits:
    """What is asked of a tone: how long, how steady and how loud it is.

    `short` and `long` are the largest spread of its amplitude, and its least level above what else
    sounds at its frequency, both in dB, of tones shorter and longer than `LONG_S`.
    """

    least_s: float  # 0 if it is told when the tone sounds
    part_s: float  # of a tone that does not sound all the time
    short: tuple[float, float]
    long: tuple[float, float]

    @classmethod
    def told(cls) -> Limits:
        """Ask little where a person says that a tone is there."""
        return cls(0.0, 0.0, HUM_DB, HUM_DB)

    @classmethod
    def sought(cls) -> Limits:
        """Ask more of a tone whose frequency alone is known, such as that of mains."""
        return cls(LEAST_HUM_S, PART_HUM_S, HUM_DB, HUM_DB)

    @classmethod
    def unknown(cls, f: float) -> Limits:
        """Ask the most of a whine of any frequency f in Hz, which a note could be."""
        least_s = LEAST_WHINE_S if f >= HIGH_HZ else LEAST_LOW_S
        return cls(least_s, LONG_S, SHORT_WHINE_DB, WHINE_DB)


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
            (
                self.grid.start + a * self.grid.hop - self.grid.hop // 2,
                self.grid.start + b * self.grid.hop - self.grid.hop // 2,
            )
            for a, b in runs(present)
        ]
        return [(max(self.grid.start, a), min(self.grid.stop, b)) for a, b in places]

    @property
    def level(self) -> float:
        """The mean power where it is present."""
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
    limits: Limits,
) -> Hum | None:
    """Follow the harmonics k of f Hz through their amplitudes c [shape=(tones, n)].

    None if none of them is within the limits.
    """
    orders = np.array(k, float)
    hop_s = grid.hop / grid.sr
    phase = coarse_phase(c, orders, f, grid)
    if not any(one.is_candidate(limits) for one in _tracks(c, use, orders, phase, hop_s)):
        return None
    phase = refined_phase(c, use, orders, phase, hop_s)
    tracks = _tracks(c, use, orders, phase, hop_s)
    steady = [one for one in tracks if one.lasts(limits) and one.is_steady(limits)]
    if not steady:
        return None
    together = np.sum([one.evidence for one in steady], axis=0) / np.sqrt(len(steady))
    present = _present(together)
    if limits.least_s == 0.0 and present.mean() > 0.5:
        present[:] = True
    tones = []
    for order, one in zip(k, tracks, strict=True):
        if one.low_share(present) <= LOW_SHARE_OTHERS and one.is_at_the_ends(present):
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
        """The average of neighbouring blocks, 0 where none is used."""
        weight = np.maximum(local_mean(self.use), 1e-9)
        d = self.use * self.d
        return np.asarray((local_mean(d.real) + 1j * local_mean(d.imag)) / weight)

    @cached_property
    def evidence(self) -> Real:
        """The tone against silence, from -1 (absent) to 1 (present), 0 where others are louder."""
        absent, present = np.abs(self.near) ** 2, np.abs(self.near - self.reference) ** 2
        floor = 0.1 * np.abs(self.reference) ** 2 + 1e-30
        return np.where(self.use > 0, (absent - present) / (absent + present + floor), 0.0)

    @cached_property
    def present(self) -> NDArray[np.bool_]:
        """In which blocks it is."""
        return _present(self.evidence)

    def low_share(self, present: NDArray[np.bool_]) -> float:
        """Share of blocks in which it is far below its reference."""
        low = np.abs(self.near) < LOW * np.abs(self.reference)
        own = present & (self.use > 0)
        return float(low[own].mean()) if own.any() else 1.0

    @cached_property
    def longest_s(self) -> float:
        """Its longest presence in seconds."""
        return max((b - a for a, b in runs(self.present)), default=0) * self.hop_s

    def is_at_the_ends(self, present: NDArray[np.bool_]) -> bool:
        """Whether it is in one of the first two and the last two blocks, unless absent there."""
        own = self.use > 0
        size, least = np.abs(self.d[own]), LOW * np.abs(self.reference[own])
        first, last = present[own][[0, -1]]
        begins = not first or size[:2].max() >= least[0]
        return bool(begins and (not last or size[-2:].max() >= least[-1]))

    def is_candidate(self, limits: Limits) -> bool:
        """Whether it may be steady, as far as is known before its phase is refined."""
        return self.lasts(limits) and self.low_share(self.present) < 2 * LOW_SHARE

    def lasts(self, limits: Limits) -> bool:
        """Whether it is there for long, or from the first block to the last; always if told."""
        if self.longest_s >= limits.part_s:
            return bool(self.present.any())
        whole_s = WHOLE * self.d.size * self.hop_s
        return self.longest_s >= max(limits.least_s, whole_s) and self.is_at_the_ends(self.present)

    def is_steady(self, limits: Limits) -> bool:
        """Whether it is there nearly always, nearly constant, and above what else sounds."""
        own = self.present & (self.use > 0)
        if own.sum() < LEAST_BLOCKS:
            return False
        d = self.d[own]
        a = robust_smooth(d, penalty(STEADY_S / self.hop_s), np.ones(d.size))
        low, high = np.quantile(np.abs(a), [0.05, 0.95])
        beside = np.median(np.abs(d - a))
        level = np.abs(self.reference).mean()
        spread_db, level_db = limits.long if self.longest_s >= LONG_S else limits.short
        return bool(
            self.low_share(own) <= LOW_SHARE
            and high <= 10 ** (spread_db / 20) * low
            and level >= 10 ** (level_db / 20) * beside
        )


def _tracks(c: Complex, use: Real, k: Real, phase: Real, hop_s: float) -> list[_Track]:
    """Make the tracks of tones, with the local phase and the usual size as their references."""
    tracks = []
    for one, order in zip(c, k, strict=True):
        d = one * np.exp(-1j * order * phase)
        a = robust_smooth(d, penalty(STEADY_S / hop_s), use)
        size = np.abs(a)
        usual = np.median(size[size >= 0.3 * np.quantile(size, 0.9)])
        tracks.append(_Track(d, use, usual * a / np.maximum(size, 1e-30), hop_s))
    return tracks


def _present(evidence: Real) -> NDArray[np.bool_]:
    """Decide in which blocks a tone is present: the likeliest path with a cost for each change.

    With two states, what is needed is the advantage of "present" alone: it adds up, and is limited
    to the cost of a change, where the other state is better off by changing.
    """
    advantage = 0.0
    advantages = np.empty(evidence.size)
    for b, e in enumerate(2 * evidence + BIAS):
        advantage = min(max(advantage, -SWITCH), SWITCH) + e
        advantages[b] = advantage
    present = np.empty(evidence.size, bool)
    state = advantage > 0
    for b in range(evidence.size - 1, -1, -1):
        if abs(advantages[b]) > SWITCH:  # a change after b pays
            state = advantages[b] > 0
        present[b] = state
    return present


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
    fits: list[tuple[float, float, Complex, Complex]] = []  # loss, lam, estimates of both folds
    scale = 0.0
    for period in PERIODS_S:
        lam = penalty(period / hop_s)
        before = fits[-1][2:] if fits else (None, None)
        one, other = (robust_smooth(d, lam, use * (fold == side), before[side]) for side in (0, 1))
        r2 = np.abs(d - np.where(fold == 0, other, one))[use > 0] ** 2
        scale = scale or float(np.median(r2)) + 1e-30
        fits.append((float(np.mean(np.log1p(r2 / scale))), lam, one, other))
    _, lam, one, other = min(fits, key=lambda fit: fit[0])
    a = robust_smooth(d, lam, use, (one + other) / 2)
    own = use > 0
    error = float(np.mean(np.abs(one - other)[own] ** 2)) / 4
    if error > ERROR * np.mean(np.abs(a[own]) ** 2):
        return None
    return np.where(present, a, 0), error
