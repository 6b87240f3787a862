"""Search of steady tones in a recording that is read once: mains with harmonics, and whines.

In sections of about ten seconds, frames of one second are transformed, and of each bin the lower
quartile of its power over time is kept: notes and voices come and go, a hum stays. A tone is a peak
of that spectrum above the median of its neighbourhood. The fundamental of mains is that which
gathers the most of such peaks; other peaks are whines. What is found is a candidate only, which
`spectramend.hum.tones` examines over the whole recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.hum.amplitudes import Real, hann

FRAME_S = 1.0  # s, of a frame; engineering choice: resolves harmonics of voices from hum
SECTION_S = 5.0  # s, of which one spectrum is made; engineering choice: hum may begin midway
LEAST_SHARE = 0.4  # of a frame that a recording has at least; engineering choice
MOST_FRAMES = 8  # of a section; engineering choice: speed
QUANTILE = (
    0.25  # over the frames of a section; engineering choice: notes may sound in three of four
)
NEIGHBOURHOOD = 20  # bins on either side of a line; engineering choice
LINE_DB = (
    10.0  # dB, least level of a line; with benchmarks/hum.py: hum 30 dB below a voice has more
)
MAINS_HZ = (50.0, 60.0)  # Hz, engineering choice: the fundamentals of mains
DEVIATION = 0.005  # of the fundamental, engineering choice: as far as mains deviate
N_HARMONICS = 40  # engineering choice: buzz of dimmers reaches 2 kHz
MISS_HZ = 0.5  # Hz from a harmonic to its line, at most; engineering choice: half a bin
MOST_DB = 30.0  # dB with which a line counts; engineering choice: one line is no hum with harmonics
SAME_HZ = 1.5  # Hz; engineering choice: lines nearer than this are one
LOWEST_HZ = 20.0  # Hz of a line; engineering choice: below is rumble
CANDIDATES = 301  # of a fundamental; engineering choice: 0.01 % apart
WIDER = 3  # times DEVIATION in which they are; engineering choice

Line: TypeAlias = tuple[float, float]  # frequency in Hz, level in dB over what is beside it


@dataclass
class ToneSearch:
    """Candidates of steady tones, from samples that come in order, piece by piece."""

    sr: float
    length: int  # of the recording in samples
    _lines: list[Line] = field(default_factory=list)  # of all sections
    _held: list[NDArray[Any]] = field(default_factory=list)
    _n_held: int = 0
    _energy: float = 0.0

    @property
    def power(self) -> float:
        """Mean power of the channel."""
        return self._energy / max(1, self.length)

    def __post_init__(self) -> None:
        sections = max(1, round(self.length / (SECTION_S * self.sr)))
        self._section = -(-self.length // sections)

    def add(self, x: Real) -> None:
        """Take the next samples of the channel."""
        while x.size:
            part = x[: self._section - self._n_held]
            part = np.where(np.isfinite(part), part, 0.0)
            self._energy += float(part @ part)
            self._held.append(part.astype(np.float32))
            self._n_held += part.size
            x = x[part.size :]
            if self._n_held == self._section:
                self.finish()

    def finish(self) -> None:
        """Evaluate a section, at last what is left of one."""
        x = np.concatenate(self._held or [np.zeros(0, np.float32)])
        self._held, self._n_held = [], 0
        spectrum = _prominence(x, self.sr)
        if spectrum is not None:
            self._lines += _peaks(spectrum, self.sr)

    def lines(self) -> list[Line]:
        """Give frequency in Hz and level in dB of the lines of any section, strongest first."""
        chosen: list[Line] = []
        for f, db in sorted(self._lines, key=lambda line: -line[1]):
            if all(abs(f - other) >= max(SAME_HZ, DEVIATION * f) for other, _ in chosen):
                chosen.append((f, db))
        return chosen


def is_mains(f0: float) -> bool:
    """Whether a fundamental in Hz is one of mains."""
    return any(abs(f0 / nominal - 1) <= DEVIATION for nominal in MAINS_HZ)


def mains(lines: Sequence[Line]) -> float | None:
    """Find the fundamental of mains in Hz that gathers the most lines; None if there is none."""
    found = [f for f in (fundamental_near(lines, nominal) for nominal in MAINS_HZ) if f]
    return max(found, key=lambda f: float(_gathered(lines, np.array(f))[0]), default=None)


def fundamental_near(lines: Sequence[Line], nominal: float) -> float | None:
    """Find the fundamental in Hz, near a nominal one, whose harmonics gather the most lines.

    None if they gather none, or more of them beyond the deviation of mains: then it is something
    else, such as the blower of an organ, at 49.4 Hz.
    """
    deviations = WIDER * DEVIATION * np.linspace(-1, 1, CANDIDATES)
    f0 = nominal * (1 + deviations)
    gathered = _gathered(lines, f0)
    best = int(np.argmax(gathered))
    inside = gathered[best] > 0 and abs(deviations[best]) <= DEVIATION
    return float(f0[best]) if inside else None


def _gathered(lines: Sequence[Line], f0: Real) -> Real:
    """Add the levels of lines in dB, the more the nearer they are to a harmonic of f0."""
    f, db = np.array(lines).reshape(-1, 2).T
    f0 = np.atleast_1d(f0)[:, None]
    k = np.round(f / f0)
    miss = np.abs(f - k * f0) / MISS_HZ
    counts = (k >= 1) & (k <= N_HARMONICS) & (miss < 1)
    share = counts * (1 - miss**2) / np.sqrt(np.maximum(k, 1))
    return np.asarray(share @ np.minimum(db, MOST_DB))


def _prominence(x: NDArray[Any], sr: float) -> Real | None:
    """Give the lower quartile of the power of frames in dB over the median beside [shape=(bins,)].

    None if the section is too short.
    """
    from scipy.fft import rfft

    size = round(FRAME_S * sr)
    if x.size < size:
        if x.size < size * LEAST_SHARE:
            return None
        x = np.pad(x, (0, size - x.size))
    count = int(np.clip(4 * (x.size - size) // size + 1, 1, MOST_FRAMES))
    starts = np.linspace(0, x.size - size, count).astype(int)
    window = hann(size).astype(np.float32)
    X = rfft(np.stack([x[a : a + size] for a in starts]) * window, axis=1)
    P = X.real**2 + X.imag**2
    rank = int(QUANTILE * (count - 1))
    q = np.partition(P, rank, axis=0)[rank] + 1e-12
    return 10 * np.log10(q / local_median(q))


def local_median(q: Real) -> Real:
    """Median of the neighbourhood of each bin, in groups of bins for speed."""
    group, reach = 16, NEIGHBOURHOOD
    padded = np.pad(q, (reach, reach + group), mode="reflect")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + group)[::group]
    median = np.median(around, axis=1)
    return np.repeat(median, group)[: q.size]


def _peaks(spectrum: Real, sr: float) -> list[Line]:
    """Find frequency and level of the peaks of one section."""
    inner = spectrum[1:-1]
    peak = (inner > LINE_DB) & (inner >= spectrum[:-2]) & (inner > spectrum[2:])
    bins = np.flatnonzero(peak) + 1
    a, b, c = spectrum[bins - 1], spectrum[bins], spectrum[bins + 1]
    offset = 0.5 * (a - c) / np.minimum(a - 2 * b + c, -1e-9)
    f = (bins + offset) * sr / round(FRAME_S * sr)
    return [(float(g), float(db)) for g, db in zip(f, b, strict=True) if g > LOWEST_HZ]
