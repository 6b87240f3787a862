"""Clipping of recordings, and what happens to clipped recordings afterwards.

A recording is clipped at one level on both sides, such that the signal-to-distortion ratio of the
clipped signal is given, as in the survey of Záviška, Rajmic, Ozerov and Rencker (2021); its peak is
then scaled to between -20 and 0 dB, and it is rounded to 16 bits. Between clipping and rounding:

- `hard`: nothing.
- `one LSB`: noise of -1, 0 or 1 step, after rounding.
- `resampled`: another rate, 0.5 to 1.5 times the rate.
- `Vorbis`, `MP3`: coded and decoded, with a quality of 0.3 to 0.8 (Vorbis), or the default (MP3).
- `high-passed`: a blocker of direct current, of first order at 5 to 40 Hz, or a Butterworth filter
  of second order at 20 to 80 Hz.

Saturation (`saturated`) is not clipping: a tangent hyperbolic, an arc tangent or a cubic curve.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.optimize
import scipy.signal
import soundfile
import soxr

from simulated_damage import Array
from spectramend.core.intervals import Span, runs

STEP = 2.0**-15  # of 16 bits


@dataclass(frozen=True)
class ClippedRecording:
    """A recording that was clipped, then processed, and where it was clipped."""

    x: Array
    sr: float
    truth: list[Span]  # in samples of x
    level: float  # before what followed the clipping, on the scale of x


def clip_level(x: Array, sdr_db: float) -> float:
    """Find the level at which clipping leaves a signal-to-distortion ratio."""
    peak = float(np.max(np.abs(x)))
    power = float(np.mean(x**2))

    def excess(level: float) -> float:
        distortion = np.mean(np.maximum(np.abs(x) - level, 0.0) ** 2)
        return float(10 * np.log10(power / max(distortion, 1e-20)) - sdr_db)

    return float(scipy.optimize.brentq(excess, 1e-4 * peak, peak * (1 - 1e-6), xtol=1e-7 * peak))


Process = Callable[[Array, int, np.random.Generator], tuple[Array, float]]


def unchanged(y: Array, sr: int, rng: np.random.Generator) -> tuple[Array, float]:
    """Leave it."""
    return y, sr


def one_lsb(y: Array, sr: int, rng: np.random.Generator) -> tuple[Array, float]:
    """Add a step or none."""
    return np.round(y / STEP) * STEP + STEP * rng.integers(-1, 2, y.size), sr


def resampled(y: Array, sr: int, rng: np.random.Generator) -> tuple[Array, float]:
    """Change the rate."""
    rate = round(sr * rng.uniform(0.5, 1.5))
    return soxr.resample(y, sr, rate), rate


def coded(y: Array, sr: int, rng: np.random.Generator, *, container: str) -> tuple[Array, float]:
    """Code and decode."""
    file = io.BytesIO()
    if container == "OGG":
        quality = {"compression_level": float(1 - rng.uniform(0.3, 0.8))}
        soundfile.write(file, y, sr, format="OGG", subtype="VORBIS", **quality)
    else:
        soundfile.write(file, y, sr, format="MP3", subtype="MPEG_LAYER_III")
    file.seek(0)
    decoded = soundfile.read(file)[0]
    return np.resize(decoded, y.size), sr


def high_passed(y: Array, sr: int, rng: np.random.Generator) -> tuple[Array, float]:
    """Block direct current."""
    if rng.random() < 0.5:
        hz = np.exp(rng.uniform(*np.log((5.0, 40.0))))
        pole = np.exp(-2 * np.pi * hz / sr)
        return scipy.signal.lfilter([1, -1], [1, -pole], y), sr
    hz = np.exp(rng.uniform(*np.log((20.0, 80.0))))
    sections = scipy.signal.butter(2, hz, "highpass", fs=sr, output="sos")
    return scipy.signal.sosfilt(sections, y), sr


PROCESSES: dict[str, Process] = {
    "hard": unchanged,
    "one LSB": one_lsb,
    "resampled": resampled,
    "Vorbis": lambda y, sr, rng: coded(y, sr, rng, container="OGG"),
    "MP3": lambda y, sr, rng: coded(y, sr, rng, container="MP3"),
    "high-passed": high_passed,
}


def clipped(
    x: Array, sr: int, rng: np.random.Generator, *, sdr_db: float, process: Process
) -> ClippedRecording:
    """Clip a recording [shape=(n,)], then process it."""
    level = clip_level(x, sdr_db)
    truth = runs(np.abs(x) > level)
    gain = 10 ** (-rng.uniform(0.0, 20.0) / 20) / level * (1 - 2 * STEP)
    y, rate = process(gain * np.clip(x, -level, level), sr, rng)
    gain_after = min(1.0, (1 - STEP) / float(np.max(np.abs(y))))  # never clipped again
    y = np.round(gain_after * y / STEP) * STEP
    spans = [(round(a * rate / sr), max(round(b * rate / sr), 1)) for a, b in truth.tolist()]
    return ClippedRecording(y, rate, spans, gain * level * gain_after)


CURVES: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "arctan": lambda v: 2 / np.pi * np.arctan(np.pi / 2 * v),
    "cubic": lambda v: np.where(np.abs(v) < 1.5, v - 4 / 27 * v**3, np.sign(v)),
}


def saturated(x: Array, *, curve: str, drive_db: float) -> Array:
    """Drive a recording into a curve: its peak is `drive_db` above the linear range."""
    driven = CURVES[curve](10 ** (drive_db / 20) * x / np.max(np.abs(x)))
    return np.round(0.9 * driven / np.max(np.abs(driven)) / STEP) * STEP
