"""Repair of recordings: samples in, samples out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.audio import Patch, PatchedSource, overlay
from spectramend.core.masks import Mask
from spectramend.core.regions import Region
from spectramend.core.stft import STFT
from spectramend.errors import ParameterError
from spectramend.inpainting import Inpainting, Phase, inpaint
from spectramend.nmf.solve import RngLike
from spectramend.restoration.pipeline import mend_regions
from spectramend.restoration.types import (
    CellOptions,
    Job,
    RegionOptions,
    RepairOptions,
    cell_options,
    job_text,
    region_options,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True)
class Repair:
    """A repaired recording and what was done.

    Parameters
    ----------
    samples : ndarray [shape=(n,) or (channels, n)]
        The recording, of the shape that it came in.
    sr : int
        Sample rate in Hz.
    jobs : tuple of Job
        What was done to each channel in turn, in the order in which it was done.
    channels : tuple of Inpainting
        The result for each channel, where a mask was given.
    """

    samples: NDArray[Any]
    sr: int
    jobs: tuple[Job, ...] = ()
    channels: tuple[Inpainting, ...] = ()

    def _repr_html_(self) -> str:
        """Show a player and a spectrogram in Jupyter."""
        from spectramend.display import sound_html

        facts = [job_text(job) for job in self.jobs]
        return sound_html(self.samples, self.sr, title="Repaired", facts=facts)


def repair(
    x: ArrayLike,
    sr: int,
    damaged: Mask | Region | Sequence[Region],
    *,
    rng: RngLike = None,
    **options: Unpack[RepairOptions],
) -> Repair:
    """Restore damaged regions, or the hidden cells of a mask.

    Parameters
    ----------
    x : array_like [shape=(n,) or (channels, n)]
        Samples. Where samples are missing they may be NaN.
    sr : int
        Sample rate in Hz.
    damaged : Mask, Region or sequence of Region
        What to restore: cells, the same of every channel, or regions.
    rng : int, Generator or None
        Source of random starts.
    **options : RepairOptions
        For regions ``damage``, ``context_s``, ``stft``, ``dictionary`` and ``method``, see
        `spectramend.RegionOptions`; for a mask ``stft``, ``dictionary`` and ``keep_reliable``, see
        `spectramend.CellOptions`. None is as if an option were not given, and so is ``"auto"``. A
        mask says itself what the damage is.

    Returns
    -------
    Repair
        Samples, and what was done.

    Raises
    ------
    ParameterError
        If samples, regions or options cannot work, or an option does not apply: one of regions is
        given with a mask, or the other way round, or it applies to none of the regions.
    MismatchError
        If recording, mask and dictionary do not fit together.
    TypeError
        If there is no such option.

    See Also
    --------
    repair_regions : The same of regions, with a record of options.
    repair_cells : The same of a mask.

    Examples
    --------
    >>> x = np.sin(0.3 * np.arange(8000))
    >>> x[4000:4040] = 0
    >>> fixed = repair(x, 8000, Region(0.5, 0.505))
    >>> fixed.jobs[0].reason
    '100 % digital silence'
    >>> bool(np.abs(fixed.samples - np.sin(0.3 * np.arange(8000))).max() < 1e-3)
    True
    """
    if isinstance(damaged, Mask):
        cells = cell_options(options, damaged)
        return repair_cells(x, sr, damaged, options=cells, rng=rng)
    return repair_regions(x, sr, damaged, options=region_options(options), rng=rng)


def repair_regions(
    x: ArrayLike,
    sr: int,
    regions: Region | Sequence[Region],
    *,
    options: RegionOptions | None = None,
    rng: RngLike = None,
) -> Repair:
    """Restore damaged regions.

    Parameters
    ----------
    x : array_like [shape=(n,) or (channels, n)]
        Samples. Where samples are missing they may be NaN.
    sr : int
        Sample rate in Hz.
    regions : Region or sequence of Region
        What to restore.
    options : RegionOptions, optional
        How.
    rng : int, Generator or None
        Source of random starts.

    Returns
    -------
    Repair
        Samples, and what was done.

    Raises
    ------
    ParameterError
        If samples or regions cannot work, or an option applies to none of the regions.
    MismatchError
        If a dictionary does not fit the recording.

    Notes
    -----
    No sample outside a region changes, and none in a channel that it does not name. What is done to
    regions is told in `spectramend.restoration.pipeline`.

    Examples
    --------
    >>> x = np.sin(0.3 * np.arange(8000))
    >>> options = RegionOptions(damage="missing", method="janssen")
    >>> repair_regions(x, 8000, Region(0.5, 0.505), options=options).jobs[0].method
    'autoregression, one model'
    """
    recording = _checked(x, sr)
    channels = np.atleast_2d(recording)
    source = PatchedSource(
        lambda start, stop: channels[:, start:stop],
        length=channels.shape[1],
        channels=len(channels),
    )
    done = mend_regions(
        source,
        checked_regions(regions),
        sr=sr,
        options=options or RegionOptions(),
        rng=np.random.default_rng(rng),
    )
    jobs, patches = by_channel(done)
    samples = np.array(channels, np.result_type(recording.dtype, np.float32))
    for patch in patches:
        overlay(samples[patch.channel], 0, [patch])
    return Repair(samples.reshape(recording.shape), sr, jobs)


def repair_cells(
    x: ArrayLike,
    sr: int,
    mask: Mask,
    *,
    options: CellOptions | None = None,
    rng: RngLike = None,
) -> Repair:
    """Restore the hidden cells of a mask, the same of every channel.

    Parameters
    ----------
    x : array_like [shape=(n,) or (channels, n)]
        Samples.
    sr : int
        Sample rate in Hz.
    mask : Mask
        Hidden and reliable cells.
    options : CellOptions, optional
        How.
    rng : int, Generator or None
        Source of random starts.

    Returns
    -------
    Repair
        Samples, what was done, and the result for each channel.

    Raises
    ------
    ParameterError
        If samples cannot work, or neither mask nor options have a transform.
    MismatchError
        If recording, mask and dictionary do not fit together.

    Notes
    -----
    A mask marks cells, and each cell reaches as far as its frame: samples outside every frame with
    a hidden cell come back unchanged.

    Examples
    --------
    >>> stft = STFT(n_fft=64, hop_length=16)
    >>> observed = np.ones((33, stft.n_frames(1000)), bool)
    >>> observed[:20, 30] = False
    >>> x = np.sin(0.3 * np.arange(1000))
    >>> repair_cells(x, 8000, Mask(observed, stft=stft), rng=0).samples.shape
    (1000,)
    """
    recording = _checked(x, sr)
    options = options or CellOptions()
    transform = options.stft or mask.stft
    if transform is None:
        raise ParameterError("neither the mask nor stft says what the transform is: give stft.")
    length = recording.shape[-1]
    if length < transform.n_fft:
        raise ParameterError(
            f"x has {length} samples, shorter than a frame of {transform.n_fft}: use a shorter one."
        )
    touched = samples_touched(mask, transform, length)
    generator = np.random.default_rng(rng)
    # Cells beside hidden ones see a part of the damage: from all of them together it would return.
    phase: Phase = "griffin-lim" if mask.damage == "missing" else "auto"
    results, channels, jobs = [], [], []
    for number, channel in enumerate(np.atleast_2d(recording)):
        result = inpaint(
            transform.forward(channel),
            mask,
            stft=transform,
            sr=sr,
            length=length,
            dictionary=options.dictionary,
            keep_reliable=options.keep_reliable or None,
            phase=phase,
            rng=generator,
        )
        results.append(result)
        channels.append(np.where(touched, result.samples, channel))
        status = " ".join([f"fit {result.status}.", *result.notes])
        job = Job(
            number,
            0,
            length,
            (Region(channel=number + 1),),
            mask.damage,
            "as the mask says",
            "masked NMF",
            "masked_nmf",
            transform.n_fft,
            status=status,
        )
        jobs.append(job)
    return Repair(np.reshape(channels, recording.shape), sr, tuple(jobs), tuple(results))


def checked_regions(regions: Region | Sequence[Region]) -> list[Region]:
    """Take one region or several as a list; refuse what is none."""
    if isinstance(regions, Region) or not isinstance(regions, Iterable):
        regions = [regions]
    for region in regions:
        if not isinstance(region, Region):
            raise ParameterError(f"damaged holds {region!r}: give regions, such as Region(1, 1.2).")
    return list(regions)


def by_channel(done: Iterable[tuple[Job, Patch]]) -> tuple[tuple[Job, ...], list[Patch]]:
    """Sort jobs and their patches by channel; the order within each stays."""
    pairs = sorted(done, key=lambda pair: pair[0].channel)
    return tuple(job for job, _ in pairs), [patch for _, patch in pairs]


def samples_touched(mask: Mask, stft: STFT, length: int) -> NDArray[np.bool_]:
    """Find the samples that lie in a frame with a hidden cell.

    Parameters
    ----------
    mask : Mask
        Hidden and reliable cells.
    stft : STFT
        Its transform.
    length : int
        Samples of the recording.

    Returns
    -------
    ndarray [shape=(length,), bool]
        True where a sample may change.

    Examples
    --------
    >>> mask = Mask([[True, False, True]] * 3)
    >>> touched = samples_touched(mask, STFT(4, 2, "sine"), 5)
    >>> touched.tolist()
    [True, True, True, True, False]
    """
    touched = np.zeros(length, bool)
    pad = stft.n_fft // 2 if stft.center else 0
    for frame in np.flatnonzero(~mask.observed.all(axis=0)):
        start = int(frame) * stft.hop_length - pad
        touched[max(0, start) : max(0, start + stft.n_fft)] = True
    return touched


def _checked(x: ArrayLike, sr: float) -> NDArray[Any]:
    """Take samples as an array [shape=(n,) or (channels, n)]; refuse what cannot work."""
    recording = np.asarray(x)
    if recording.ndim not in (1, 2) or recording.size == 0 or recording.dtype.kind not in "fiu":
        raise ParameterError(
            f"x has shape {recording.shape} and dtype {recording.dtype}: give real samples (n,) or "
            f"(channels, n)."
        )
    if not (isinstance(sr, int | float | np.number) and np.isfinite(sr) and sr >= 1):
        raise ParameterError(f"sr={sr!r}: give the sample rate in Hz.")
    return recording
