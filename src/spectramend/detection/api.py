"""Detection of damage in arrays."""

from __future__ import annotations

from collections.abc import Collection

from numpy.typing import ArrayLike

from spectramend.core.given_arrays import given_samples
from spectramend.core.regions import Region
from spectramend.detection.clipping_search import ClippingLevel
from spectramend.detection.scan import detect_blocks, scan_levels
from spectramend.detection.thresholds import DEFAULT_THRESHOLDS, KINDS, Thresholds


def detect(
    x: ArrayLike,
    sr: float,
    *,
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    kinds: Collection[str] = KINDS,
) -> list[Region]:
    """Find the damage of a recording.

    Parameters
    ----------
    x : array_like [shape=(n,) or (channels, n), real]
        The recording, floats within ±1 or integers of the full scale of their type; samples that
        are not finite, or masked in a masked array, are dropouts.
    sr : float
        Sample rate in Hz.
    thresholds : Thresholds
        Thresholds of detection.
    kinds : collection of {"dropout", "click", "clipping", "hum"}
        Kinds of damage to find.

    Returns
    -------
    list of Region
        In the order of time, each with its kind as label; its channel, counted from 1, is None
        where all channels have the same damage. Hum is a narrow band for each of its tones, with
        the label "hum" for those of mains, of 50 or 60 Hz, and "whine" for others.

    Raises
    ------
    ParameterError
        If `x` is empty or of another shape or type, `sr` is not positive, or a kind unknown.

    Notes
    -----
    Levels are relative to the recording, so that scaling changes nothing, and clipping is found
    after a change of level. Click candidates come from linear prediction [1]_; their odds are
    adapted to the base rate of clicks in the recording [2]_. No click is found within 12 ms of the
    ends, or within 2 ms of other damage.

    References
    ----------
    .. [1] S. J. Godsill, P. J. W. Rayner, "Digital Audio Restoration", Springer 1998, chapter 5.
    .. [2] M. Saerens, P. Latinne, C. Decaestecker, "Adjusting the outputs of a classifier to new a
       priori probabilities: a simple procedure", Neural Computation 14 (2002), 21-41.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.sin(np.arange(16000) / 7)
    >>> x[4000:4160] = 0
    >>> for region in detect(x, 16000):
    ...     print(region.label, region)
    dropout 0.25-0.26
    """
    given = given_samples(x)
    count, length = given.channels.shape
    return detect_blocks(
        given.read, length=length, channels=count, sr=sr, thresholds=thresholds, kinds=kinds
    )


def clipping_levels(
    x: ArrayLike, sr: float, *, thresholds: Thresholds = DEFAULT_THRESHOLDS
) -> tuple[ClippingLevel, ...]:
    """Find the levels at which the channels of a recording are clipped.

    Parameters
    ----------
    x : array_like [shape=(n,) or (channels, n), real]
        The recording, as for `detect`.
    sr : float
        Sample rate in Hz.
    thresholds : Thresholds
        Thresholds of detection, of which those of clipping apply.

    Returns
    -------
    tuple of ClippingLevel
        Of each channel; levels are on the scale of floats within ±1.

    Raises
    ------
    ParameterError
        If `x` is empty or of another shape or type, or `sr` is not positive.

    See Also
    --------
    detect : The clipped runs themselves.
    scan_levels : The same for recordings of any length, read block by block.

    Notes
    -----
    Tops that are exactly flat are at the extreme values. Dither, a change of rate or a lossy codec
    spread them; the level is then the median height of the tops, and the tolerance reaches to the
    lowest of them. After a high-pass filter they slope towards zero; the tolerance then reaches to
    the lowest 5 % of the tops.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.sin(np.arange(16000) * 0.05) * np.linspace(0.2, 1.0, 16000)
    >>> (level,) = clipping_levels(np.clip(x, -0.5, 0.7), 16000)
    >>> level.low, level.high, round(level.share, 3)
    (-0.5, 0.7, 0.222)
    """
    given = given_samples(x)
    count, length = given.channels.shape
    return scan_levels(given.read, length=length, channels=count, sr=sr, thresholds=thresholds)
