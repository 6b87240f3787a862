"""Random dropouts of every kind, which `detection` is measured with.

Each program loses about one stretch a second where the 20 ms around are louder than a tenth of the
recording's RMS value, of 2-300 ms (log-uniform), or bursts of 20 ms every 60-200 ms:

- `dither`, `few_steps`: noise within 1 or 3 steps of 16 bits;
- `offset`: a constant within a tenth of full scale, and noise within 1 step;
- `attenuated`: the recording itself, 40 dB softer;
- `noise`: noise 70 dB below full scale;
- `zeros`, `held`: digital silence, the last value;
- `repeated`: the packet before, at most 60 ms;
- `faded`: the same times a gain that falls to zero in a line or exponentially;
- `coded`: zeros, then coded and decoded by Vorbis or MP3.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np
import soundfile

from simulated_damage import Array, Damage, local_std
from spectramend.core.intervals import Span

STEP = 1 / 32768  # a step of 16 bits
SHORTEST_S = 0.002  # of a dropout, seconds
LONGEST_S = 0.3  # of a dropout, seconds
PACKET_S = 0.02  # of a burst, seconds
LOUD = 0.1  # RMS value around a dropout over that of the recording

# Gives what replaces a span of a recording.
Fill: TypeAlias = Callable[[Array, Span, np.random.Generator], Array]


def dropout_spans(
    x: Array, sr: int, rng: np.random.Generator, *, shortest_s: float, longest_s: float
) -> list[Span]:
    """Draw where dropouts are: one a second, or a burst of packets where it is loud enough."""
    level, spans = float(np.std(x)), list[Span]()
    margin, at = round(0.1 * sr), round(0.1 * sr)
    burst = shortest_s <= PACKET_S <= longest_s and rng.random() < 1 / 3
    while True:
        if burst:
            at += round(rng.uniform(0.06, 0.2) * sr)
            length = round(PACKET_S * sr)
        else:
            at += round(rng.uniform(0.3, 1.2) * sr)
            length = round(np.exp(rng.uniform(*np.log((shortest_s, longest_s)))) * sr)
        if at + length + margin > x.size:
            return spans
        ends = (at, at + length)
        if min(local_std(x, end, sr) for end in ends) >= LOUD * level:
            spans.append(ends)
        at += length


def lose(
    x: Array,
    sr: int,
    rng: np.random.Generator,
    *,
    fill: Fill,
    shortest_s: float = SHORTEST_S,
    longest_s: float = LONGEST_S,
) -> tuple[Array, list[Span]]:
    """Replace stretches by something else, and round to 16 bits."""
    y = x.copy()
    spans = dropout_spans(x, sr, rng, shortest_s=shortest_s, longest_s=longest_s)
    for start, stop in spans:
        y[start:stop] = fill(y, (start, stop), rng)
    return np.round(y / STEP) * STEP, spans


def coded(x: Array, sr: int, rng: np.random.Generator) -> tuple[Array, list[Span]]:
    """Lose stretches, then code and decode."""
    y, spans = lose(x, sr, rng, fill=zeros)
    name, subtype = (("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"))[int(rng.integers(2))]
    file = io.BytesIO()
    soundfile.write(file, y, sr, format=name, subtype=subtype)
    file.seek(0)
    decoded = np.resize(soundfile.read(file)[0], y.size)
    return np.round(decoded / STEP) * STEP, spans


def zeros(x: Array, span: Span, rng: np.random.Generator) -> Array:
    """Digital silence."""
    return np.zeros(span[1] - span[0])


def held(x: Array, span: Span, rng: np.random.Generator) -> Array:
    """Hold the last value."""
    return np.full(span[1] - span[0], x[span[0] - 1])


def steps(x: Array, span: Span, rng: np.random.Generator, *, most: int) -> Array:
    """Noise within a few steps."""
    return np.asarray(rng.integers(-most, most + 1, span[1] - span[0]) * STEP, float)


def offset(x: Array, span: Span, rng: np.random.Generator) -> Array:
    """Make a constant and noise."""
    return rng.uniform(-0.1, 0.1) + steps(x, span, rng, most=1)


def attenuated(x: Array, span: Span, rng: np.random.Generator) -> Array:
    """Make the recording 40 dB softer."""
    return 0.01 * x[slice(*span)]


def noise(x: Array, span: Span, rng: np.random.Generator) -> Array:
    """Noise 70 dB below full scale."""
    return 10**-3.5 * rng.standard_normal(span[1] - span[0])


def repeated(x: Array, span: Span, rng: np.random.Generator, *, faded: bool) -> Array:
    """Repeat the packet before as often as it fits, in full or with a falling gain."""
    length = span[1] - span[0]
    lag = min(length, round(length / rng.integers(1, 4)))
    gain = np.ones(length)
    if faded:
        line = 1 - np.arange(length) / length
        gain = line if rng.random() < 0.5 else 10 ** (-rng.uniform(0.3, 2.0) * (1 - line))
    return gain * np.resize(x[span[0] - lag : span[0]], length)


_packets = partial(lose, shortest_s=0.005, longest_s=0.06)
FILLS: dict[str, Damage] = {
    "zeros": partial(lose, fill=zeros),
    "held": partial(lose, fill=held),
    "dither": partial(lose, fill=partial(steps, most=1)),
    "few steps": partial(lose, fill=partial(steps, most=3)),
    "offset": partial(lose, fill=offset),
    "attenuated": partial(lose, fill=attenuated),
    "noise": partial(lose, fill=noise),
    "repeated": partial(_packets, fill=partial(repeated, faded=False)),
    "faded": partial(_packets, fill=partial(repeated, faded=True)),
    "coded": coded,
}
DROPOUTS: dict[str, tuple[str, Damage]] = {
    f"dropout: {name}": ("dropout", damage) for name, damage in FILLS.items()
}
