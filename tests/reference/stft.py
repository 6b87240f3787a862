"""The short-time Fourier transform by its definition, and its inverse as dense least squares."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# Windows as `STFT` takes them, but "explicit", which stands for values; and hops by n_fft.
NAMED: dict[str, Any] = {
    "sine": "sine",
    "hann": "hann",
    "hamming": "hamming",
    "kaiser": ("kaiser", 8.0),
    "boxcar": "boxcar",
    "explicit": "explicit",
}
HOPS = {15: (1, 4, 7), 16: (3, 4, 5, 8)}
CENTERED = [  # without padding the Hann window has no inverse
    (name, center) for name in NAMED for center in (True, False) if center or name != "hann"
]


def window_samples(name: str, n_fft: int) -> Array:
    """Values of a periodic window by its textbook formula; "explicit" is drawn at random."""
    i = np.arange(n_fft)
    if name == "sine":
        return np.sin(np.pi * (2 * i + 1) / (2 * n_fft))
    if name == "hann":
        return np.sin(np.pi * i / n_fft) ** 2
    if name == "hamming":
        return 0.54 - 0.46 * np.cos(2 * np.pi * i / n_fft)
    if name == "kaiser":
        return np.kaiser(n_fft + 1, 8.0)[:-1]
    if name == "boxcar":
        return np.ones(n_fft)
    return np.random.default_rng(n_fft).uniform(0.3, 1, n_fft)


def sample(x: Array, n: int) -> float:
    return float(x[n]) if 0 <= n < len(x) else 0.0


def forward(x: Array, window: Array, hop_length: int, n_frames: int, *, center: bool) -> Array:
    n_fft = len(window)
    X = np.zeros((n_fft // 2 + 1, n_frames), complex)
    for t in range(n_frames):
        start = t * hop_length - (n_fft // 2 if center else 0)
        for k in range(n_fft // 2 + 1):
            for i in range(n_fft):
                turn = np.exp(-2j * np.pi * k * i / n_fft)
                X[k, t] += window[i] * sample(x, start + i) * turn
    return X


def least_squares(X: Array, window: Array, hop_length: int, length: int, *, center: bool) -> Array:
    """Minimise the distance over all n_fft frequencies: rows with a mirror image count twice."""
    n_fft = len(window)
    F, N = X.shape
    weight = np.full((F, 1), np.sqrt(2))
    weight[0] = 1
    if n_fft % 2 == 0:
        weight[-1] = 1
    impulses = np.eye(length)
    columns = [
        (weight * forward(impulse, window, hop_length, N, center=center)).ravel()
        for impulse in impulses
    ]
    A = np.array(columns).T
    b = (weight * X).ravel()
    x, *_ = np.linalg.lstsq(
        np.vstack([A.real, A.imag]), np.concatenate([b.real, b.imag]), rcond=None
    )
    return np.asarray(x)


def coverage_up_to_frame(window: Array, hop_length: int, position: int, last_frame: int) -> float:
    """Sum the squared window over frames ..., -1, 0, ..., last_frame, at a padded position."""
    total = 0.0
    for t in range(-len(window) // hop_length - 1, last_frame + 1):
        i = position - t * hop_length
        if 0 <= i < len(window):
            total += float(window[i]) ** 2
    return total


def count_frames(window: Array, hop_length: int, length: int, *, center: bool) -> int:
    """Count librosa's frames, or as many more as cover the last samples by a tenth of the least."""
    n_fft = len(window)
    pad = n_fft // 2 if center else 0
    within = range(n_fft, n_fft + hop_length)
    steady = min(coverage_up_to_frame(window, hop_length, n, n_fft) for n in within)
    count = 1 + max(0, length + 2 * pad - n_fft) // hop_length
    while any(
        coverage_up_to_frame(window, hop_length, pad + n, count - 1) < 0.1 * steady * (1 - 1e-9)
        for n in range(max(0, length - n_fft), length)
    ):
        count += 1
    return count


def least_coverage(window: Array, hop_length: int, length: int, *, center: bool) -> float:
    """Find the least sum of the squared window over the frames that see a sample."""
    count = count_frames(window, hop_length, length, center=center)
    coverage = np.zeros(length)
    for t in range(count):
        for i in range(len(window)):
            n = t * hop_length - (len(window) // 2 if center else 0) + i
            if 0 <= n < length:
                coverage[n] += window[i] ** 2
    return float(coverage.min())
