"""Samples of hums, computed on demand: only their tracks are kept, whatever the length.

Between nodes, a fifth of a block apart, complex amplitudes change linearly, so that again matrices
make it fast: in the q samples from node j,

    s[n_j + i] = Re sum_k ((1 - i/q)*P_k[j] + i/q*Q_k[j]) * exp(2j*pi*f_k*i/sr),

where P and Q are the amplitudes at nodes j and j+1, with the phase of the carrier at node j.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spectramend.hum.amplitudes import Complex, Real
from spectramend.hum.tones import Hum, Tone

NODES = 5  # per block; engineering choice: error -44 dB at a drift of 2 Hz, -80 dB at 0.2 Hz
BATCH = 1 << 10  # nodes at once; engineering choice: bounds memory


def hum_samples(hums: Sequence[Hum], start: int, stop: int) -> Real:
    """Compute the sum of hums in samples start to stop [shape=(stop - start,)]."""
    x = np.zeros(stop - start)
    for hum in hums:
        _add(x, hum, start)
    return x


def _add(x: Real, hum: Hum, start: int) -> None:
    """Add a hum to samples that begin at `start`, where its grid is."""
    grid = hum.grid
    first, last = max(start, grid.start), min(start + x.size, grid.stop)
    if first >= last:
        return
    q = max(1, grid.hop // NODES)
    f = np.array([tone.frequency for tone in hum.tones]) / grid.sr  # cycles per sample
    carrier = np.exp(2j * np.pi * np.outer(f, np.arange(q)))
    ramp = np.arange(q) / q
    table = np.vstack([carrier.real, carrier.imag])
    table = np.vstack([(1 - ramp) * table, ramp * table])  # [shape=(4*tones, q)]
    low, high = (first - grid.start) // q, -(-(last - grid.start) // q)
    for j in range(low, high, BATCH):
        nodes = np.arange(j, min(j + BATCH, high) + 1)
        place = grid.start + nodes * q
        C = np.stack(
            [_amplitude(hum, tone, (nodes * q).astype(float) / grid.hop) for tone in hum.tones]
        )
        turn = np.exp(2j * np.pi * np.outer(f, place[:-1]))
        P, Q = C[:, :-1] * turn, C[:, 1:] * turn
        s = np.vstack([P.real, -P.imag, Q.real, -Q.imag]).T @ table
        a, b = max(first, int(place[0])), min(last, int(place[-1]))
        x[a - start : b - start] += s.ravel()[a - place[0] : b - place[0]]


def _amplitude(hum: Hum, tone: Tone, at: Real) -> Complex:
    """Interpolate amplitude and phase of a tone at blocks `at`."""
    blocks = np.arange(hum.grid.n)
    low, high = int(at[0]), min(hum.grid.n, int(at[-1]) + 3)
    own, a = blocks[low:high], tone.amplitude[low:high]
    A = np.interp(at, own, a.real) + 1j * np.interp(at, own, a.imag)
    return np.asarray(A * np.exp(1j * tone.k * np.interp(at, own, hum.phase[low:high])))


@dataclass(frozen=True, eq=False)
class HumPatch:
    """Hums that are taken away from a part of a channel; a patch of `spectramend.audio`.

    Parameters
    ----------
    channel : int
        The channel, from 0.
    start, stop : int
        First sample that changes, and the one after the last.
    hums : tuple of Hum
        What is taken away.
    fade_in, fade_out : int
        Samples at the ends in which that begins and ends, 0 at those of the recording.
    """

    channel: int
    start: int
    stop: int
    hums: tuple[Hum, ...]
    fade_in: int = 0
    fade_out: int = 0

    def samples_between(self, start: int, stop: int, x: Real) -> Real:
        """Give new samples for x [shape=(stop - start,)], which are those of the recording."""
        y = hum_samples(self.hums, start, stop)
        n = np.arange(start, stop) + 0.5  # nowhere 0
        if start < self.start + self.fade_in:
            y *= _ramp((n - self.start) / self.fade_in)
        if stop > self.stop - self.fade_out:
            y *= _ramp((self.stop - n) / self.fade_out)
        return np.asarray(x - y)


def _ramp(t: Real) -> Real:
    """Rise from 0 at t = 0 to 1 at t = 1."""
    return np.asarray(np.sin(np.pi / 2 * np.minimum(t, 1)) ** 2)
