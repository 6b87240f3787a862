"""Twelve kinds of everyday damage, made by this program and laid over recordings.

Each maker takes a recording T [shape=(n,)], the level of its kind, and a Generator. Levels are
those of `KINDS`: dB over the recording's power, peaks over its local deviation, rates or names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.regions import Region
from spectramend.core.stft import STFT, frame_length
from spectramend.experiments._common.events import BOX_FRAME_S, Box, Scene, smallest_box
from spectramend.experiments._common.everyday_samples import clicks, crackle, dropouts
from spectramend.experiments._common.everyday_scenes import EverydayScene
from spectramend.experiments._common.recordings import Recording

Maker: TypeAlias = Callable[[Recording, Any, np.random.Generator], EverydayScene]

HARMONICS = (1, 2, 3, 5, 7)  # orders of the mains' harmonics that are heard; as in the trials
DRIFT = 5e-4  # relative deviation of the mains' frequency: ±0.05 %, of European grids
DRIFT_S = (5.0, 12.0)  # seconds, shortest and longest period of the drift; engineering choice
# Frames of 8 slots and bursts in 25 of 26 frames, GSM 05.02 (1996): 4.615 ms, 217 times a second.
GSM_FRAME_S = 0.12 / 26  # seconds
GSM_SLOT_S = GSM_FRAME_S / 8  # seconds
GSM_S = 1.5  # seconds of a disturbance; engineering choice
OVERSAMPLING = 8  # positions of a pulse between two samples; engineering choice
EVENT_SHARE = 0.999  # share of an event's energy in its box; engineering choice: a generous user
QUIETEST = 0.1  # share of the mean power that counts as a recording's under an event; for pauses
WHINE_HZ = 50.0  # Hz that a user marks on either side of a tone; engineering choice


class Kind(NamedTuple):
    """A kind of damage: what makes it, and its levels by their names."""

    make: Maker
    levels: Mapping[str, Any]


def lay(recording: Recording, kind: str, level: str, rng: np.random.Generator) -> EverydayScene:
    """Lay damage of a kind of `KINDS`, at one of its levels, over a recording."""
    return KINDS[kind].make(recording, KINDS[kind].levels[level], rng)


def _undamaged(recording: Recording, level: Any, rng: np.random.Generator) -> EverydayScene:
    """Leave the recording as it is."""
    return EverydayScene(recording, recording.samples, ())


def _gain(level_db: float) -> float:
    """Amplitude of a level in dB."""
    return float(10 ** (level_db / 20))


def _rms(x: NDArray[Any]) -> float:
    """Root of the mean power of x [shape=(n,)]."""
    return float(np.sqrt(np.mean(x**2)))


def _hum(
    recording: Recording, level_db: float, rng: np.random.Generator, *, drift: float
) -> EverydayScene:
    """Add mains hum of 50 or 60 Hz, amplitudes about 1/k, over all of a recording.

    Its frequency is ``f0*(1 + drift*sin(2*pi*t/p + q))``, whose integral is the phase.
    """
    T, f0 = recording.samples, float(rng.choice([50, 60]))
    t = np.arange(T.size) / recording.sr
    p, q = rng.uniform(*DRIFT_S), rng.uniform(0, 2 * np.pi)
    turns = f0 * (t - drift * p / (2 * np.pi) * np.cos(2 * np.pi * t / p + q))
    N = np.zeros(T.size)
    for k in HARMONICS:
        N += rng.uniform(0.5, 1.5) / k * np.cos(2 * np.pi * (k * turns + rng.uniform()))
    N *= _gain(level_db) * _rms(T) / _rms(N)
    return EverydayScene(recording, T + N, (Region(label="hum"),), tuple(k * f0 for k in HARMONICS))


def _whine(recording: Recording, level_db: float, rng: np.random.Generator) -> EverydayScene:
    """Add one steady tone of 3 to 8 kHz over all of a recording."""
    T, sr = recording.samples, recording.sr
    hz = float(rng.uniform(3000, min(8000, 0.45 * sr)))
    tone = np.cos(2 * np.pi * (hz / sr * np.arange(T.size) + rng.uniform()))
    N = _gain(level_db) * _rms(T) / _rms(tone) * tone
    region = Region(f_low_hz=hz - WHINE_HZ, f_high_hz=hz + WHINE_HZ, label="whine")
    return EverydayScene(recording, T + N, (region,), (hz,))


def _phone(sr: int, rng: np.random.Generator) -> NDArray[Any]:
    """Ring for a second: two tones of 1 to 1.5 kHz that a bell of 20 Hz modulates [shape=(n,)]."""
    t = np.arange(sr) / sr
    low, high = rng.uniform(1000, 1250), rng.uniform(1250, 1500)
    tones = np.sin(2 * np.pi * low * t) + np.sin(2 * np.pi * high * t + rng.uniform(0, 6))
    return tones * (1 - np.cos(2 * np.pi * 20 * t))


def _knock(sr: int, rng: np.random.Generator) -> NDArray[Any]:
    """Knock three times: tones of 60 to 250 Hz that decay within 20 to 50 ms [shape=(n,)]."""
    N = np.zeros(round(0.9 * sr))
    for number in range(3):
        t = np.maximum(0, np.arange(N.size) / sr - 0.25 * number - rng.uniform(0, 0.05))
        for hz in rng.uniform(60, 250, 3):
            # The attack takes a tenth of a period or so.
            envelope = np.exp(-t / rng.uniform(0.02, 0.05)) * -np.expm1(-t / 1e-3)
            N += envelope * np.sin(2 * np.pi * hz * t)
    return N


def _clatter(sr: int, rng: np.random.Generator) -> NDArray[Any]:
    """Rattle for 0.5 to 1 s: bursts of noise and of ringing, 12 a second [shape=(n,)]."""
    N = np.zeros(round(rng.uniform(0.5, 1.0) * sr))
    for start in np.sort(rng.integers(0, round(0.8 * N.size), max(4, round(12 * N.size / sr)))):
        t = np.arange(N.size - start) / sr
        ring = np.sin(2 * np.pi * rng.uniform(800, 0.4 * sr) * t)
        burst = rng.standard_normal(t.size) + ring
        N[start:] += rng.uniform(0.3, 1) * np.exp(-t / rng.uniform(0.02, 0.08)) * burst
    return N


def _event(
    recording: Recording,
    level_db: float,
    rng: np.random.Generator,
    *,
    sound: Callable[[int, np.random.Generator], NDArray[Any]],
) -> EverydayScene:
    """Add a sound to the middle of a recording; its box holds nearly all of its energy."""
    T = recording.samples
    N, _ = _in_the_middle(recording, sound(recording.sr, rng), level_db)
    stft = _transform(recording.sr)
    box = smallest_box(np.abs(stft.forward(N)) ** 2, EVENT_SHARE)
    region = _region(box, stft, T.size, recording.sr)
    scene = Scene(recording, "event", N, stft, box, region)
    return EverydayScene(recording, T + N, (region,), box=scene)


def _gsm(recording: Recording, level_db: float, rng: np.random.Generator) -> EverydayScene:
    """Add the bursts of a telephone's transmitter, all of one form, for 1.5 s."""
    sr, T = recording.sr, recording.samples
    size = OVERSAMPLING * round(2 * GSM_SLOT_S * sr)
    decay = np.exp(-np.arange(size) / (0.3 * size))
    H = np.fft.rfft(decay * rng.standard_normal(size))
    H[round(0.9 * size / (2 * OVERSAMPLING)) :] = 0  # below the Nyquist frequency of sr
    form = np.fft.irfft(H, size) * np.hanning(2 * size)[size:] ** 0.5
    pulses = np.zeros(min(round(GSM_S * sr), T.size // 2))
    for frame in range(int(GSM_S / GSM_FRAME_S)):
        at = frame * GSM_FRAME_S * sr
        first = int(np.ceil(at))
        part = form[int(OVERSAMPLING * (first - at)) :: OVERSAMPLING]
        if frame % 26 != 25 and first + part.size <= pulses.size:
            pulses[first : first + part.size] += part
    N, first = _in_the_middle(recording, pulses, level_db)
    stft = _transform(sr)
    frames = (first // stft.hop_length, -(-(first + pulses.size) // stft.hop_length) + 1)
    box = Box(0, stft.n_fft // 2 + 1, *frames)
    region = Region(first / sr, (first + pulses.size) / sr, label="pulses")
    scene = Scene(recording, "gsm", N, stft, box, region)
    return EverydayScene(recording, T + N, (region,), box=scene)


def _emptied(recording: Recording, share: float, rng: np.random.Generator) -> EverydayScene:
    """Empty a band for 0.5 to 1 s, as a codec does: an octave (0), or a share of the spectrum."""
    T, sr = recording.samples, recording.sr
    stft = _transform(sr)
    X, bins = stft.forward(T), stft.n_fft // 2 + 1
    low = round(rng.uniform(0.05, 0.3) * bins)
    frames = round(rng.uniform(0.5, 1.0) * sr / stft.hop_length)
    first = X.shape[1] // 2 - frames // 2
    box = Box(low, round(low + share * bins) if share else 2 * low, first, first + frames)
    X[box.cells] = 0
    N = stft.inverse(X, length=T.size) - T
    region = _region(box, stft, T.size, sr)
    scene = Scene(recording, "emptied", N, stft, box, region)
    return EverydayScene(recording, T + N, (region,), box=scene)


def _in_the_middle(
    recording: Recording, sound: NDArray[Any], level_db: float
) -> tuple[NDArray[Any], int]:
    """Scale a sound by the power that it covers; return it [shape=(n,)] and its first sample."""
    T = recording.samples
    first = T.size // 2 - sound.size // 2
    under = max(_rms(T[first : first + sound.size]), np.sqrt(QUIETEST) * _rms(T))
    N = np.zeros(T.size)
    N[first : first + sound.size] = _gain(level_db) * under / _rms(sound) * sound
    return N, first


def _transform(sr: int) -> STFT:
    """Make the transform in which boxes are drawn and measured."""
    n_fft = frame_length(BOX_FRAME_S, sr)
    return STFT(n_fft, n_fft // 4)


def _region(box: Box, stft: STFT, length: int, sr: int) -> Region:
    """Give the samples that the frames of a box see, and its band."""
    pad, bin_hz = stft.n_fft // 2, sr / stft.n_fft
    return Region(
        max(0, box.first_frame * stft.hop_length - pad) / sr,
        min(length, (box.stop_frame - 1) * stft.hop_length + pad) / sr,
        max(0.0, (box.first_bin - 0.5) * bin_hz),
        min(sr / 2, (box.stop_bin - 0.5) * bin_hz),
    )


def _levels(*levels_db: float) -> dict[str, float]:
    """Levels in dB by their names."""
    return {f"{level:+g} dB": level for level in levels_db}


# Damage by its name, and its levels by their names.
KINDS: Mapping[str, Kind] = {
    "hum_steady": Kind(partial(_hum, drift=0.0), _levels(-10, 0, 10)),
    "hum_drifting": Kind(partial(_hum, drift=DRIFT), _levels(-10, 0, 10)),
    "whine": Kind(_whine, _levels(-30, -15)),
    "ringing_phone": Kind(partial(_event, sound=_phone), _levels(0, 10)),
    "gsm": Kind(_gsm, _levels(0, 10)),
    "knock": Kind(partial(_event, sound=_knock), _levels(0, 10)),
    "loud_event": Kind(partial(_event, sound=_clatter), _levels(20, 26)),
    "vinyl_clicks": Kind(clicks, {"peak 5": 5.0, "peak 20": 20.0}),
    "crackle": Kind(crackle, {"50/s": 50.0, "150/s": 150.0}),
    "dropout_exact": Kind(dropouts, {"20 ms": ("zero", 20, 20), "2-100 ms": ("zero", 2, 100)}),
    "dropout_noise_floor": Kind(
        dropouts, {name: (name, 20, 20) for name in ("±1 LSB", "DC", "-70 dB", "-40 dB")}
    ),
    "dropout_concealed": Kind(dropouts, {name: (name, 20, 20) for name in ("repeated", "faded")}),
    "emptied_band": Kind(_emptied, {"octave": 0.0, "third": 1 / 3}),
    "undamaged": Kind(_undamaged, {"-": None}),
}
