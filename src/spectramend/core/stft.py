"""The short-time Fourier transform, its exact inverse, and which settings have one.

Frame t of a signal starts at sample ``t*hop_length - n_fft//2`` when centred and at
``t*hop_length`` when not; what lies outside the signal counts as zero. With the window w, the
frame itself x_t and the sum over all frames that see sample n, the inverse

    x[n] = sum_t w * x_t / sum_t w**2                                   (1)

is the canonical dual: the least-squares solution for a spectrum that no signal has (Griffin & Lim
1984, eq. 6) and the exact one otherwise. It exists where the denominator, here called the
coverage, is not zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.errors import MismatchError, ParameterError

Window: TypeAlias = str | tuple[Any, ...]

MIN_COVERAGE = 1e-8  # relative; the inverse amplifies rounding by at most 1/sqrt of it
GOOD_COVERAGE = 0.1  # relative; frames are added at the end until every sample has this much


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
    The frames are librosa's (``pad_mode="constant"``), and as many more as it takes where the last
    samples would otherwise be seen by hardly any window.

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
        # Out of the reach of caches, to which 1024.0 and True are the integers that they equal.
        for name, least in (("n_fft", 2), ("hop_length", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
                raise ParameterError(f"{name}={value!r}: give an integer of at least {least}.")
            object.__setattr__(self, name, int(value))
        if not isinstance(self.window, str):
            object.__setattr__(self, "window", _hashable_window(self.window))
        _check_settings(self)

    @property
    def n_bins(self) -> int:
        """Number of frequencies F, from 0 Hz to the Nyquist frequency."""
        return self.n_fft // 2 + 1

    @property
    def window_samples(self) -> NDArray[Any]:
        """The window w [shape=(n_fft,)], read-only."""
        return _window_samples(self.window, self.n_fft)

    @property
    def dual_window(self) -> NDArray[Any]:
        """The canonical dual of the window [shape=(n_fft,)]: w over the coverage within a signal.

        Frames that are weighted with it and added give the signal back, away from its ends.
        """
        coverage = _steady_coverage(self)
        return self.window_samples / coverage[np.arange(self.n_fft) % self.hop_length]

    def n_frames(self, length: int) -> int:
        """Count the frames of a signal.

        Parameters
        ----------
        length : int, >= 1
            Samples of the signal.

        Returns
        -------
        int
            The number of frames N.

        Raises
        ------
        ParameterError
            If the length is not positive.

        Examples
        --------
        >>> STFT(n_fft=1024, hop_length=256).n_frames(16000)
        63
        """
        if length < 1:
            raise ParameterError(f"length={length}: a signal needs at least one sample.")
        return int(_count_frames(self, np.asarray(length)))

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
        n_frames = self.n_frames(length)
        padded = np.zeros((*signal.shape[:-1], self._span(n_frames)), signal.dtype)
        padded[..., self._pad : self._pad + length] = signal
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.n_fft, axis=-1)
        frames = frames[..., :: self.hop_length, :]
        windowed = frames * self.window_samples.astype(signal.dtype)
        X: NDArray[Any] = scipy.fft.rfft(windowed, axis=-1, overwrite_x=True)
        return X.swapaxes(-1, -2)

    def inverse(self, X: ArrayLike, *, length: int) -> NDArray[Any]:
        """Find the signal whose spectrum is nearest, which is exact for a spectrum of `forward`.

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
        import scipy.fft

        spectrum = np.asarray(X)
        self.check_shape(spectrum, length)
        frames = scipy.fft.irfft(spectrum.swapaxes(-1, -2), n=self.n_fft, axis=-1)
        window = self.window_samples
        frames *= window.astype(frames.dtype)
        n_frames = spectrum.shape[-1]
        summed = _overlap_add(frames, self.hop_length)
        coverage = _coverage(self, n_frames)
        inside = slice(self._pad, self._pad + length)
        return summed[..., inside] / coverage[inside].astype(frames.dtype)

    def adjoint(self, Y: ArrayLike, *, length: int) -> NDArray[Any]:
        """Apply the adjoint of `forward`, as a real-linear map.

        Parameters
        ----------
        Y : array_like [shape=(..., F, N), complex]
            Any spectrum.
        length : int, >= 1
            Samples of the signal.

        Returns
        -------
        ndarray [shape=(..., length), float32 or float64]
            The signal a with ``sum(a*x) == sum(real(conj(Y)*forward(x)))`` for every x. It is not
            the inverse: conjugate gradients need this one.

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
        import scipy.fft

        spectrum = np.asarray(Y)
        self.check_shape(spectrum, length)
        # irfft counts the frequencies that stand for a conjugate pair twice, and divides by n_fft.
        once = np.full(self.n_bins, 0.5 * self.n_fft, spectrum.real.dtype)
        once[0] = self.n_fft
        if self.n_fft % 2 == 0:
            once[-1] = self.n_fft
        frames = scipy.fft.irfft(spectrum.swapaxes(-1, -2) * once, n=self.n_fft, axis=-1)
        frames *= self.window_samples.astype(frames.dtype)
        return _overlap_add(frames, self.hop_length)[..., self._pad : self._pad + length]

    def check_shape(self, X: NDArray[Any], length: int) -> None:
        """Refuse a spectrum, or mask, that is not one of a signal of `length` samples.

        Parameters
        ----------
        X : ndarray [shape=(..., F, N)]
            The spectrum or mask.
        length : int
            Samples of the signal.

        Raises
        ------
        MismatchError
            If the last two axes differ; the message names both shapes.
        """
        expected = (self.n_bins, self.n_frames(length))
        if X.shape[-2:] != expected:
            raise MismatchError(
                f"shape {X.shape[-2:]} (frequencies, frames) does not fit: {length} samples with "
                f"n_fft={self.n_fft}, hop_length={self.hop_length} give {expected}."
            )

    def frame_times(self, n_frames: int, sr: float) -> NDArray[Any]:
        """Give the centre of each frame.

        Parameters
        ----------
        n_frames : int
            Number of frames N.
        sr : float
            Sample rate in Hz.

        Returns
        -------
        ndarray [shape=(N,)]
            Times in seconds.
        """
        offset = 0.0 if self.center else self.n_fft / 2
        return (np.arange(n_frames) * self.hop_length + offset) / sr

    def frequencies(self, sr: float) -> NDArray[Any]:
        """Give the frequency of each row.

        Parameters
        ----------
        sr : float
            Sample rate in Hz.

        Returns
        -------
        ndarray [shape=(F,)]
            Frequencies in Hz.
        """
        return np.arange(self.n_bins) * (sr / self.n_fft)

    @property
    def _pad(self) -> int:
        """Zeros before the signal."""
        return self.n_fft // 2 if self.center else 0

    def _span(self, n_frames: int) -> int:
        """Count the samples that `n_frames` frames cover."""
        return (n_frames - 1) * self.hop_length + self.n_fft


def frame_length(seconds: float, sr: float) -> int:
    """Choose the power of two that is nearest to a duration, in the logarithm.

    Parameters
    ----------
    seconds : float, > 0
        The duration.
    sr : float, > 0
        Sample rate in Hz.

    Returns
    -------
    int
        Samples of a frame.

    Examples
    --------
    >>> frame_length(0.064, 16000), frame_length(0.064, 44100)
    (1024, 2048)
    """
    return int(2 ** round(np.log2(seconds * sr)))


def _as_signal(x: ArrayLike) -> NDArray[Any]:
    """Take samples as they come in float32, all others as float64."""
    signal = np.asarray(x)
    if signal.dtype.kind not in "fiub" or signal.ndim == 0 or signal.shape[-1] == 0:
        raise ParameterError(
            f"x has shape {signal.shape} and dtype {signal.dtype}: give real samples (..., n)."
        )
    return signal if signal.dtype == np.float32 else signal.astype(np.float64, copy=False)


def _hashable_window(window: Iterable[Any]) -> tuple[Any, ...]:
    """Make a tuple of a window given as a list, an array, or a name with parameters."""
    try:
        values = list(window)
    except TypeError:
        raise ParameterError(f"window={window!r}: give a name, a tuple or n_fft values.") from None
    if values and isinstance(values[0], str):
        return tuple(tuple(v) if isinstance(v, list | np.ndarray) else v for v in values)
    try:
        return tuple(float(value) for value in values)
    except (TypeError, ValueError):
        raise ParameterError(f"window={window!r}: give a name, a tuple or n_fft values.") from None


@lru_cache(maxsize=64)
def _window_samples(window: Window, n_fft: int) -> NDArray[Any]:
    """Evaluate a window [shape=(n_fft,)]."""
    i = np.arange(n_fft)
    if window == "sine":
        w: NDArray[Any] = np.sin(np.pi * (2 * i + 1) / (2 * n_fft))
    elif window == "hann":
        w = 0.5 - 0.5 * np.cos(2 * np.pi * i / n_fft)
    elif isinstance(window, tuple) and not (window and isinstance(window[0], str)):
        w = np.array(window, np.float64)
        if w.shape != (n_fft,) or not np.isfinite(w).all():
            raise ParameterError(
                f"window has {w.size} values, n_fft is {n_fft}: give n_fft finite values."
            )
    else:
        from scipy.signal import get_window  # costs most of a second: only where it is asked for

        try:
            w = np.asarray(get_window(window, n_fft), np.float64)
        except (ValueError, TypeError) as error:
            raise ParameterError(f"window={window!r} is not a window: {error}") from None
    w.setflags(write=False)
    return w


def _overlap_add(frames: NDArray[Any], hop_length: int) -> NDArray[Any]:
    """Add frames [shape=(..., N, n_fft)] at multiples of the hop.

    Every r-th frame, r = ceil(n_fft/hop), ends before the next of them begins, so that r strided
    additions do it.
    """
    *channels, n_frames, n_fft = frames.shape
    r = -(-n_fft // hop_length)
    turns = -(-n_frames // r)
    summed = np.zeros((*channels, (r * turns + r) * hop_length), frames.dtype)
    for j in range(min(r, n_frames)):
        part = frames[..., j::r, :]
        count = part.shape[-2]
        view = summed[..., j * hop_length : (j + count * r) * hop_length]
        view = view.reshape(*channels, count, r * hop_length)
        view[..., :n_fft] += part
    return summed[..., : (n_frames - 1) * hop_length + n_fft]


@lru_cache(maxsize=4)  # as long as the signal
def _coverage(stft: STFT, n_frames: int) -> NDArray[Any]:
    """Sum the squared window over all frames, sample by sample: the denominator of (1)."""
    w2 = stft.window_samples**2
    coverage = _overlap_add(np.broadcast_to(w2, (n_frames, stft.n_fft)), stft.hop_length)
    # Padding before and after the signal may be seen by no window; nothing is read from there.
    coverage[coverage == 0] = 1.0
    coverage.setflags(write=False)
    return coverage


def _steady_coverage(stft: STFT) -> NDArray[Any]:
    """Give the coverage within a long signal, which repeats with the hop [shape=(hop,)]."""
    return _squared_window_by_hop(stft).sum(axis=0)


def _squared_window_by_hop(stft: STFT) -> NDArray[Any]:
    """Cut the squared window into pieces of one hop, one a row [shape=(ceil(n_fft/hop), hop)]."""
    pieces = -(-stft.n_fft // stft.hop_length)
    w2: NDArray[Any] = np.zeros(pieces * stft.hop_length)
    w2[: stft.n_fft] = stft.window_samples**2
    return w2.reshape(pieces, stft.hop_length)


@lru_cache(maxsize=64)
def _reach(stft: STFT) -> int:
    """Find the last position in a signal's last frame up to which samples are well covered.

    The last frame and those before it cover position p of the last frame with
    ``sum_j w[p + j*hop]**2``.
    """
    from_end = _squared_window_by_hop(stft)[::-1].cumsum(axis=0)[::-1].ravel()[: stft.n_fft]
    poor = np.flatnonzero(from_end < GOOD_COVERAGE * _steady_coverage(stft).min())
    return int(poor[0]) - 1 if poor.size else stft.n_fft - 1


def _count_frames(stft: STFT, length: NDArray[Any]) -> NDArray[Any]:
    """Count the frames of signals of these lengths [any shape]: librosa's, or enough to cover."""
    padded = length + 2 * stft._pad
    librosa = np.maximum(0, padded - stft.n_fft) // stft.hop_length
    last_sample = length - 1 + stft._pad
    covering = -(-(last_sample - _reach(stft)) // stft.hop_length)
    return 1 + np.maximum(librosa, covering)


def _least_coverage(stft: STFT) -> float:
    """Find the least coverage of any sample, over signals of every length.

    A sample is worst off as the last of its signal, and within the first n_fft samples: later ones
    have all the frames before them that `_reach` counts on.
    """
    position = np.arange(stft.n_fft)
    n_frames = _count_frames(stft, position + 1)
    position = position + stft._pad  # in the first frame, then in the next ones
    coverage = np.zeros(stft.n_fft)
    for t in range(n_frames.max()):
        seen = (t < n_frames) & (position >= 0) & (position < stft.n_fft)
        coverage[seen] += stft.window_samples[position[seen]] ** 2
        position -= stft.hop_length
    return float(coverage.min())


@lru_cache(maxsize=64)
def _check_settings(stft: STFT) -> None:
    """Refuse settings without an inverse, with the reason."""
    if stft.hop_length > stft.n_fft:
        raise ParameterError(
            f"hop_length={stft.hop_length} is longer than n_fft={stft.n_fft}: samples between the "
            f"frames would be lost; use a hop of at most n_fft."
        )
    steady = _steady_coverage(stft)
    if steady.min() <= MIN_COVERAGE * steady.max():
        raise ParameterError(
            f"window={stft.window!r} with hop_length={stft.hop_length} and n_fft={stft.n_fft} has "
            f"no inverse: some samples get no weight in any frame; use a shorter hop."
        )
    if _least_coverage(stft) <= MIN_COVERAGE * steady.max():
        raise ParameterError(
            f"window={stft.window!r} with center={stft.center} has no inverse: it is zero "
            + (
                "in its middle, where few frames see the first samples; use another window."
                if stft.center
                else "at its edge, where only one frame sees the first samples; use center=True."
            )
        )
