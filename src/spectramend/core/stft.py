"""The short-time Fourier transform, its exact inverse, and its adjoint.

Frame t of a signal starts at sample ``t*hop_length - n_fft//2`` if centred and at ``t*hop_length``
if not; samples outside the signal count as zero. With the window w and the inverse Fourier
transform x_t of frame t, the inverse

    x[n] = sum_t w * x_t / sum_t w**2                                   (1)

sums over the frames that see sample n. It is the canonical dual: the least-squares solution for a
spectrum that no signal has (Griffin & Lim 1984, eq. 6) and exact otherwise. It exists where the
denominator, here called coverage, is not zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.core.given_arrays import plain
from spectramend.core.windows import (
    Framing,
    Window,
    hashable_window,
    overlap_add,
    window_samples,
)
from spectramend.errors import MismatchError, ParameterError

# Least coverage, as a ratio to the largest, for which there is an inverse; this amplifies rounding
# by at most 1/sqrt of it. Engineering choice: four of the sixteen digits of float64.
MIN_COVERAGE = 1e-8


@dataclass(frozen=True)
class STFT:
    """A short-time Fourier transform with an exact inverse.

    Parameters
    ----------
    n_fft : int, >= 2
        Samples in a frame, and length of its Fourier transform; odd lengths work.
    hop_length : int, >= 1
        Samples between two frames.
    window : str, tuple or sequence of float
        ``"sine"``, ``"hann"``, any other name that `scipy.signal.get_window` knows (a tuple where
        it takes parameters, such as ``("kaiser", 8.0)``), or the `n_fft` values themselves.
        Named windows are periodic; ``"sine"`` is ``sin(pi*(i + 0.5)/n_fft)``.
    center : bool
        Whether frame t is centred on sample ``t*hop_length`` (zeros before the signal) or begins
        there.

    Raises
    ------
    ParameterError
        If the settings have no inverse; the message says why.

    Notes
    -----
    The frames are librosa's (``pad_mode="constant"``), followed by more where the windows of those
    hardly cover the last samples.

    References
    ----------
    .. [1] D. W. Griffin and J. S. Lim, "Signal estimation from modified short-time Fourier
       transform", IEEE Trans. ASSP 32(2), 1984, eq. 6.

    Examples
    --------
    >>> import numpy as np
    >>> stft = STFT(n_fft=512, hop_length=128)
    >>> x = np.sin(np.arange(1000))
    >>> X = stft.forward(x)
    >>> X.shape
    (257, 8)
    >>> bool(np.allclose(stft.inverse(X, length=1000), x))
    True
    """

    n_fft: int = 1024
    hop_length: int = 256
    window: Window = "hann"
    center: bool = True

    def __post_init__(self) -> None:
        # Checked before any cache is asked, to which 1024.0 and True are equal to 1024 and 1.
        for name, least in (("n_fft", 2), ("hop_length", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
                raise ParameterError(f"{name}={value!r}: give an integer of at least {least}.")
            object.__setattr__(self, name, int(value))
        if not isinstance(self.window, str):
            object.__setattr__(self, "window", hashable_window(self.window))
        _check_invertible(self)

    @property
    def n_bins(self) -> int:
        """Number of frequencies F, from 0 Hz to the Nyquist frequency."""
        return self.n_fft // 2 + 1

    @property
    def window_samples(self) -> NDArray[Any]:
        """The window w [shape=(n_fft,)], read-only."""
        return window_samples(self.window, self.n_fft)

    @property
    def dual_window(self) -> NDArray[Any]:
        """The canonical dual of the window [shape=(n_fft,)]: w over the coverage within a signal.

        Frames that are weighted with it and added give the signal back, away from its ends.
        """
        coverage = _framing(self).steady_coverage
        return self.window_samples / coverage[np.arange(self.n_fft) % self.hop_length]

    def n_frames(self, length: int) -> int:
        """Count the frames N of a signal of `length` samples, at least one.

        Examples
        --------
        >>> STFT(n_fft=1024, hop_length=256).n_frames(16000)
        63
        """
        if length < 1:
            raise ParameterError(f"length={length}: a signal needs at least one sample.")
        return int(_framing(self).count(np.asarray(length)))

    def forward(self, x: ArrayLike) -> NDArray[Any]:
        """Transform a signal.

        Parameters
        ----------
        x : array_like [shape=(..., n), real]
            The signal; leading axes are channels. float32 stays in single precision, all else is
            taken as float64.

        Returns
        -------
        ndarray [shape=(..., F, N), complex64 or complex128]
            The spectrum: one column a frame, row 0 at 0 Hz.

        Raises
        ------
        ParameterError
            If `x` has no samples or is not real.

        Examples
        --------
        >>> STFT(n_fft=4, hop_length=2).forward([[0.0, 1.0, 0.0, 0.0]]).shape
        (1, 3, 3)
        """
        import scipy.fft

        signal = _as_signal(x)
        length = signal.shape[-1]
        span = (self.n_frames(length) - 1) * self.hop_length + self.n_fft
        padded = np.zeros((*signal.shape[:-1], span), signal.dtype)
        padded[..., self._pad : self._pad + length] = signal
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.n_fft, axis=-1)
        frames = frames[..., :: self.hop_length, :]
        windowed = frames * self.window_samples.astype(signal.dtype)
        X: NDArray[Any] = scipy.fft.rfft(windowed, axis=-1, overwrite_x=True)
        return X.swapaxes(-1, -2)

    def inverse(self, X: ArrayLike, *, length: int) -> NDArray[Any]:
        """Find the signal with the nearest spectrum; exact for a spectrum that `forward` gave.

        Parameters
        ----------
        X : array_like [shape=(..., F, N), complex]
            The spectrum.
        length : int, >= 1
            Samples of the signal.

        Returns
        -------
        ndarray [shape=(..., length), float32 or float64]
            The signal.

        Raises
        ------
        MismatchError
            If `X` is not the shape of a spectrum of `length` samples.

        Examples
        --------
        >>> stft = STFT(n_fft=8, hop_length=3, window="sine")
        >>> stft.inverse(stft.forward([1.0, 2.0, 3.0]), length=3).round(12).tolist()
        [1.0, 2.0, 3.0]
        """
        spectrum = plain("X", X)
        self.check_shape(spectrum, length)
        summed = self._windowed_sum(spectrum, length)
        coverage = _coverage(self, spectrum.shape[-1])[self._pad : self._pad + length]
        return summed / coverage.astype(summed.dtype)

    def adjoint(self, Y: ArrayLike, *, length: int) -> NDArray[Any]:
        """Apply the adjoint of `forward` as a real-linear map, which conjugate gradients need.

        Parameters
        ----------
        Y : array_like [shape=(..., F, N), complex]
            Any spectrum.
        length : int, >= 1
            Samples of the signal.

        Returns
        -------
        ndarray [shape=(..., length), float32 or float64]
            The signal a with ``sum(a*x) == sum(real(conj(Y)*forward(x)))`` for every x.

        Raises
        ------
        MismatchError
            If `Y` is not the shape of a spectrum of `length` samples.

        Examples
        --------
        >>> stft, rng = STFT(n_fft=8, hop_length=2), np.random.default_rng(0)
        >>> x = rng.standard_normal(20)
        >>> X = stft.forward(x)
        >>> Y = rng.standard_normal(X.shape) + 1j
        >>> bool(np.isclose(np.sum((Y.conj() * X).real), stft.adjoint(Y, length=20) @ x))
        True
        """
        spectrum = plain("Y", Y)
        self.check_shape(spectrum, length)
        # irfft counts the frequencies that stand for a conjugate pair twice, and divides by n_fft.
        once = (self.n_fft / bin_counts(self.n_fft)[:, None]).astype(spectrum.real.dtype)
        return self._windowed_sum(spectrum * once, length)

    def check_shape(self, X: NDArray[Any], length: int) -> None:
        """Refuse a spectrum or mask [shape=(..., F, N)] that is not one of `length` samples."""
        expected = (self.n_bins, self.n_frames(length))
        if X.shape[-2:] != expected:
            raise MismatchError(
                f"shape {X.shape[-2:]} (frequencies, frames) does not fit: {length} samples with "
                f"n_fft={self.n_fft}, hop_length={self.hop_length} give {expected}."
            )

    def frame_times(self, n_frames: int, sr: float) -> NDArray[Any]:
        """Give the centres of the frames in seconds [shape=(n_frames,)], at `sr` Hz."""
        offset = 0.0 if self.center else self.n_fft / 2
        return (np.arange(n_frames) * self.hop_length + offset) / sr

    def frequencies(self, sr: float) -> NDArray[Any]:
        """Give the frequencies of the rows in Hz [shape=(F,)], at a sample rate of `sr` Hz."""
        return np.arange(self.n_bins) * (sr / self.n_fft)

    def _windowed_sum(self, X: NDArray[Any], length: int) -> NDArray[Any]:
        """Sum ``w * x_t`` over the frames of a spectrum [shape=(..., F, N)] -> (..., length)."""
        import scipy.fft

        frames = scipy.fft.irfft(X.swapaxes(-1, -2), n=self.n_fft, axis=-1)
        frames *= self.window_samples.astype(frames.dtype)
        return overlap_add(frames, self.hop_length)[..., self._pad : self._pad + length]

    @property
    def _pad(self) -> int:
        """Zeros before the signal."""
        return self.n_fft // 2 if self.center else 0


def frame_length(seconds: float, sr: float) -> int:
    """Choose the power of two, in samples, that is nearest in the logarithm to a time in s."""
    return int(2 ** round(np.log2(seconds * sr)))


def bin_counts(n_fft: int) -> NDArray[np.float64]:
    """Count the bins of a DFT, 2 or 1, for which each of a real DFT stands [shape=(F,)]."""
    counts = np.full(n_fft // 2 + 1, 2.0)
    counts[0] = 1.0
    if n_fft % 2 == 0:
        counts[-1] = 1.0
    return counts


def _as_signal(x: ArrayLike) -> NDArray[Any]:
    """Take samples as they come in float32, all others as float64."""
    signal = plain("x", x)
    if signal.dtype.kind not in "fiub" or signal.ndim == 0 or signal.shape[-1] == 0:
        raise ParameterError(
            f"x has shape {signal.shape} and dtype {signal.dtype}: give real samples (..., n)."
        )
    return signal if signal.dtype == np.float32 else signal.astype(np.float64, copy=False)


@lru_cache(maxsize=64)
def _framing(stft: STFT) -> Framing:
    """Cache the framing of a transform."""
    return Framing(stft.window_samples, stft.hop_length, stft._pad)


@lru_cache(maxsize=4)  # each is as long as its signal
def _coverage(stft: STFT, n_frames: int) -> NDArray[Any]:
    """Cache the denominator of (1), sample by sample."""
    return _framing(stft).coverage(n_frames)


@lru_cache(maxsize=64)
def _check_invertible(stft: STFT) -> None:
    """Refuse settings without an inverse, with the reason."""
    if stft.hop_length > stft.n_fft:
        raise ParameterError(
            f"hop_length={stft.hop_length} is longer than n_fft={stft.n_fft}: samples between the "
            f"frames would be lost; use a hop of at most n_fft."
        )
    framing = _framing(stft)
    steady = framing.steady_coverage
    if steady.min() <= MIN_COVERAGE * steady.max():
        raise ParameterError(
            f"window={stft.window!r} with hop_length={stft.hop_length} and n_fft={stft.n_fft} has "
            f"no inverse: some samples get no weight in any frame; use a shorter hop."
        )
    if framing.least_coverage() <= MIN_COVERAGE * steady.max():
        reason = (
            "in its middle, where few frames see the first samples; use another window."
            if stft.center
            else "at its edge, where only one frame sees the first samples; use center=True."
        )
        raise ParameterError(
            f"window={stft.window!r} with center={stft.center} has no inverse: it is zero {reason}"
        )
