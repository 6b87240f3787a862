"""Declipping and dequantization of recordings as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.audio import Patch, PatchedSource
from spectramend.core.given_arrays import GivenSamples
from spectramend.errors import ParameterError
from spectramend.nmf.solve import RngLike
from spectramend.restoration.bounded_options import (
    ChannelRestoration,
    DeclipKeywords,
    DeclipOptions,
    DequantizeKeywords,
    DequantizeOptions,
    drawn_seed,
)
from spectramend.restoration.bounded_parts import restored
from spectramend.restoration.headroom import (
    Headroom,
    check_headroom,
    gain_db,
    least_gain,
    peaks,
    turned_down,
)
from spectramend.restoration.jobs import Job
from spectramend.restoration.recording import checked_samples

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True, eq=False)
class Restoration:
    """A recording that was declipped or dequantized.

    Parameters
    ----------
    samples : ndarray [shape=(n,) or (channels, n)]
        The recording, of the shape, the type and the scale that it came in.
    sr : int
        Sample rate in Hz.
    gain : float
        What all samples were multiplied by, so that they are within full scale; 1 if they were not.
    channels : tuple of ChannelRestoration
        Level, share of restored samples, and status of each channel.
    jobs : tuple of Job
        What was done, part by part.

    Examples
    --------
    >>> import spectramend as sm
    >>> quiet = sm.declip(0.1 * np.sin(0.05 * np.arange(8000)), 8000)
    >>> quiet.channels[0].status, quiet.gain_db
    ('left as it is: no clipping found', 0.0)
    """

    samples: NDArray[Any]
    sr: int
    gain: float
    channels: tuple[ChannelRestoration, ...]
    jobs: tuple[Job, ...]

    @property
    def gain_db(self) -> float:
        """The gain in dB, rounded to hundredths."""
        return gain_db(self.gain)


def declip(
    x: ArrayLike,
    sr: int,
    *,
    headroom: Headroom | None = None,
    rng: RngLike = 0,
    **options: Unpack[DeclipKeywords],
) -> Restoration:
    """Restore the peaks of a recording that clipping took.

    Parameters
    ----------
    x : array_like [shape=(n,) or (channels, n)]
        Samples, floats within ±1, or integers of the full scale of their type. What is NaN, or
        masked in a masked array, stays and tells nothing.
    sr : int
        Sample rate in Hz.
    headroom : {"auto", "none"}, optional
        ``"auto"`` turns all of the recording down by the least gain with which nothing exceeds full
        scale; ``"none"`` keeps every sample that was not clipped bit for bit. By default
        ``"none"`` for floats, and ``"auto"`` for integers, which cannot exceed full scale.
    rng : int, Generator or None
        Source of random starts.
    **options : DeclipKeywords
        ``levels``: the level of clipping for both sides, or the lower and the upper one, of which
        one may be None, or a `ClippingLevel` for each channel, on the ±1 scale; found if None.
        ``tolerance``: how near to its level a sample counts as clipped, on the same scale.
        ``regions``: what is restored, without bands; all of the recording if None.
        ``consistent``: whether restored samples are beyond the level, less the tolerance; False for
        clipping with much noise after it. ``fast``: fewer steps, and weaker.

    Returns
    -------
    Restoration
        The samples, and what was done.

    Raises
    ------
    ParameterError
        If samples, levels or regions are refused, or with ``headroom="none"`` integers cannot hold
        the result.
    TypeError
        If there is no such option.

    See Also
    --------
    declip_file : The same for files of any length.
    clipping_levels : Only find the levels.

    Notes
    -----
    Each clipped sample is known to have been beyond its level. Within these bounds the most
    probable samples are found under a Gaussian model of the spectrum, see docs/declipping.md.
    Channels that are not clipped, or saturated softly, are left as they are, and the status says
    so.

    Examples
    --------
    >>> clean = np.sin(0.05 * np.arange(8000)) * np.hanning(8000)
    >>> found = declip(np.clip(clean, -0.5, 0.5), 8000)
    >>> bool(sum(np.abs(found.samples) >= 0.5) == sum(np.abs(clean) >= 0.5))
    True
    >>> found.channels[0].level.high
    0.5
    """
    return _restored(x, sr, DeclipOptions(**options), headroom, rng)


def dequantize(
    x: ArrayLike,
    sr: int,
    bits: int,
    *,
    headroom: Headroom | None = None,
    rng: RngLike = 0,
    **options: Unpack[DequantizeKeywords],
) -> Restoration:
    """Restore samples that were rounded to a few bits.

    Parameters
    ----------
    x : array_like [shape=(n,) or (channels, n)]
        Samples, floats within ±1, or integers of the full scale of their type.
    sr : int
        Sample rate in Hz.
    bits : int
        Bits of a sample as it was quantized, 2 to 24: the step is ``2**(1 - bits)``.
    headroom : {"auto", "none"}, optional
        Of what exceeds full scale, as for `declip`.
    rng : int, Generator or None
        Source of random starts.
    **options : DequantizeKeywords
        ``regions``: what is restored, without bands; all of the recording if None.
        ``consistent``: whether restored samples are within half a step.

    Returns
    -------
    Restoration
        The samples, and what was done.

    Raises
    ------
    ParameterError
        If samples, bits or regions are refused, or with ``headroom="none"`` integers cannot hold
        the result.
    TypeError
        If there is no such option.

    See Also
    --------
    dequantize_file : The same for files of any length.

    Examples
    --------
    >>> clean = 0.4 * np.sin(0.05 * np.arange(8000))
    >>> coarse = (np.floor(clean * 16) + 0.5) / 16
    >>> found = dequantize(coarse, 8000, bits=5)
    >>> bool(np.abs(found.samples - coarse).max() <= 1 / 32)
    True
    >>> bool(np.std(found.samples - clean) < np.std(coarse - clean))
    True
    """
    return _restored(x, sr, DequantizeOptions(**options, bits=bits), headroom, rng)


def _restored(
    x: ArrayLike,
    sr: int,
    options: DeclipOptions | DequantizeOptions,
    headroom: Headroom | None,
    rng: RngLike,
) -> Restoration:
    """Restore what the options say."""
    given = checked_samples(x, sr)
    is_integer = given.values.dtype.kind != "f"
    headroom = headroom or ("auto" if is_integer else "none")
    check_headroom(headroom)
    channels, length = given.channels.shape
    source = PatchedSource(given.read, length=length, channels=channels)
    planned = options.plan(source, sr, drawn_seed(rng), lambda name, done, total: None)
    jobs, patches = [], []
    for part, y in restored(given.read, planned.restorable, planned.parts):
        jobs.append(planned.job(part))
        patches.append(Patch(part.channel, part.segment.start, y))
        source.add(patches[-1])
    gain = _gain(given, source, headroom)
    for change in turned_down(patches, gain, length=length, channels=channels):
        source.add(change)
    samples = given.copy()
    values = np.ma.getdata(samples)
    for row, y in zip(values, source.read(0, length), strict=True):
        row[:] = np.where(np.isnan(y), row, given.on_own_scale(y, row))
    return Restoration(samples.reshape(given.values.shape), sr, gain, planned.channels, tuple(jobs))


def _gain(given: GivenSamples, source: PatchedSource, headroom: Headroom) -> float:
    """Choose the gain; refuse integers that cannot hold the result."""
    is_integer = given.values.dtype.kind != "f"
    if headroom == "none" and not is_integer:
        return 1.0
    highest = 1.0 - 1.0 / given.full_scale if is_integer else 1.0
    gain = least_gain(peaks(source), (-1.0, highest))
    if headroom == "none" and gain < 1:
        raise ParameterError(
            f"headroom='none': restored samples exceed full scale by {-gain_db(gain):g} dB, which "
            f"{given.values.dtype} cannot hold: give floats, or headroom='auto'."
        )
    return gain
