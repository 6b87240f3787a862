"""Repair of recordings as arrays: of regions, and of the hidden cells of a mask."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.audio import Change, Patch, PatchedSource
from spectramend.core.given_arrays import GivenSamples, given_samples, hidden_by_mask
from spectramend.core.intervals import runs
from spectramend.core.masks import Mask
from spectramend.core.regions import Region
from spectramend.core.stft import STFT
from spectramend.errors import ParameterError
from spectramend.inpainting.pipeline import Inpainting, inpaint
from spectramend.inpainting.resynthesis import Phase
from spectramend.nmf.solve import RngLike
from spectramend.restoration.jobs import Job
from spectramend.restoration.options import (
    CellOptions,
    RegionOptions,
    RepairOptions,
    cell_options,
    region_options,
)
from spectramend.restoration.pipeline import run_jobs
from spectramend.restoration.repair_result import Repair, repaired

if TYPE_CHECKING:
    from typing_extensions import Unpack


def repair(
    x: ArrayLike,
    sr: int,
    damaged: Mask | Region | Sequence[Region],
    *,
    rng: RngLike = None,
    **options: Unpack[RepairOptions],
) -> Repair:
    """Repair damaged regions, or the hidden cells of a mask.

    Parameters
    ----------
    x : array_like [shape=(n,) or (channels, n)]
        Samples, floats within ±1, or integers of the full scale of their type, which come back
        rounded and limited to it. Missing samples may be NaN, or masked in a masked array.
    sr : int
        Sample rate in Hz.
    damaged : Mask, Region or sequence of Region
        What to repair: hidden cells, the same in every channel, or regions.
    rng : int, Generator or None
        Source of random starts.
    **options : RepairOptions
        For regions ``damage``, ``context_s``, ``stft``, ``dictionary``, ``method`` and ``hum_hz``,
        see `spectramend.RegionOptions`; for a mask ``stft``, ``dictionary`` and
        ``keep_reliable``, see `spectramend.CellOptions`. None and ``"auto"`` are the same as
        leaving an option out. The damage of hidden cells is that of the mask.

    Returns
    -------
    Repair
        The repaired samples, and what was done.

    Raises
    ------
    ParameterError
        If samples, regions or options are refused, or an option does not apply: it goes with
        regions and a mask is given, or the other way round, or it applies to none of the regions.
    MismatchError
        If recording, mask and dictionary do not fit together.
    TypeError
        If there is no such option.

    See Also
    --------
    repair_regions : Repair regions, with a record of options.
    repair_cells : Repair hidden cells, with a record of options.

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
    """Repair damaged regions.

    Parameters
    ----------
    x : array_like [shape=(n,) or (channels, n)]
        Samples, floats within ±1, or integers of the full scale of their type, which come back
        rounded and limited to it. Missing samples may be NaN, or masked in a masked array.
    sr : int
        Sample rate in Hz.
    regions : Region or sequence of Region
        The regions.
    options : RegionOptions, optional
        How to repair them.
    rng : int, Generator or None
        Source of random starts.

    Returns
    -------
    Repair
        The repaired samples, and what was done.

    Raises
    ------
    ParameterError
        If samples or regions are refused, or an option applies to none of the regions.
    MismatchError
        If a dictionary does not fit the recording.

    Notes
    -----
    No sample outside a region changes, and none in a channel that it does not name.
    `spectramend.restoration.pipeline` says which damage is repaired how.

    Examples
    --------
    >>> x = np.sin(0.3 * np.arange(8000))
    >>> options = RegionOptions(damage="missing", method="janssen")
    >>> repair_regions(x, 8000, Region(0.5, 0.505), options=options).jobs[0].method
    "Janssen's autoregression"
    """
    given = checked_samples(x, sr)
    count, length = given.channels.shape
    source = PatchedSource(given.read, length=length, channels=count)
    done = run_jobs(
        source,
        checked_regions(regions),
        sr=sr,
        options=options or RegionOptions(),
        rng=np.random.default_rng(rng),
    )
    jobs, patches = by_channel(done)
    return repaired(given, sr, jobs, patches)


def repair_cells(
    x: ArrayLike,
    sr: int,
    mask: Mask,
    *,
    options: CellOptions | None = None,
    rng: RngLike = None,
) -> Repair:
    """Repair the hidden cells of a mask, the same in every channel.

    Parameters
    ----------
    x : array_like [shape=(n,) or (channels, n)]
        Samples, floats within ±1, or integers of the full scale of their type, which come back
        rounded and limited to it.
    sr : int
        Sample rate in Hz.
    mask : Mask
        Hidden and reliable cells.
    options : CellOptions, optional
        How to repair them.
    rng : int, Generator or None
        Source of random starts.

    Returns
    -------
    Repair
        The repaired samples, what was done, and the result for each channel.

    Raises
    ------
    ParameterError
        If samples are refused, or neither mask nor options have a transform.
    MismatchError
        If recording, mask and dictionary do not fit together.

    Notes
    -----
    Samples outside every frame with a hidden cell do not change.

    Examples
    --------
    >>> stft = STFT(n_fft=64, hop_length=16)
    >>> observed = np.ones((33, stft.n_frames(1000)), bool)
    >>> observed[:20, 30] = False
    >>> x = np.sin(0.3 * np.arange(1000))
    >>> repair_cells(x, 8000, Mask(observed, stft=stft), rng=0).samples.shape
    (1000,)
    """
    given = checked_samples(x, sr)
    if hidden_by_mask(given.values) is not None:
        raise ParameterError(
            "x is a masked array that hides samples, which hidden cells cannot repair: repair "
            "them as regions first, or fill them, x.filled(0)."
        )
    options = options or CellOptions()
    transform = options.stft or mask.stft
    if transform is None:
        raise ParameterError("neither the mask nor stft says what the transform is: give stft.")
    length = given.values.shape[-1]
    if length < transform.n_fft:
        raise ParameterError(
            f"x has {length} samples, shorter than a frame of {transform.n_fft}: use a shorter one."
        )
    touched = samples_touched(mask, transform, length)
    generator = np.random.default_rng(rng)
    # Cells beside hidden ones hold a part of the damage, which a phase recovered from all reliable
    # cells would bring back.
    phase: Phase = "griffin-lim" if mask.damage == "missing" else "auto"
    results, patches, jobs = [], [], []
    for number, channel in enumerate(given.read(0, length)):
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
        patches += [Patch(number, a, result.samples[a:b]) for a, b in runs(touched)]
        jobs.append(_cells_job(number, length, mask, transform, result))
    return repaired(given, sr, jobs, patches, results)


def _cells_job(channel: int, length: int, mask: Mask, transform: STFT, result: Inpainting) -> Job:
    """Record the repair of the hidden cells of a channel."""
    return Job(
        channel=channel,
        start=0,
        stop=length,
        regions=(Region(channel=channel + 1),),
        damage=mask.damage,
        reason="as the mask says",
        method="masked NMF",
        model="masked_nmf",
        n_fft=transform.n_fft,
        status=" ".join([f"fit {result.status}.", *result.notes]),
    )


def checked_regions(regions: Region | Sequence[Region]) -> list[Region]:
    """Make a list of one region or several; refuse other types."""
    if isinstance(regions, Region) or not isinstance(regions, Iterable):
        regions = [regions]
    for region in regions:
        if not isinstance(region, Region):
            raise ParameterError(f"damaged holds {region!r}: give regions, such as Region(1, 1.2).")
    return list(regions)


def by_channel(done: Iterable[tuple[Job, Change]]) -> tuple[tuple[Job, ...], list[Change]]:
    """Sort jobs and their patches by channel; their order within a channel stays."""
    pairs = sorted(done, key=lambda pair: pair[0].channel)
    return tuple(job for job, _ in pairs), [patch for _, patch in pairs]


def samples_touched(mask: Mask, stft: STFT, length: int) -> NDArray[np.bool_]:
    """Mark the samples [shape=(length,)] that lie in a frame with a hidden cell."""
    touched = np.zeros(length, bool)
    pad = stft.n_fft // 2 if stft.center else 0
    for frame in np.flatnonzero(~mask.observed.all(axis=0)):
        start = int(frame) * stft.hop_length - pad
        touched[max(0, start) : max(0, start + stft.n_fft)] = True
    return touched


def checked_samples(x: ArrayLike, sr: float) -> GivenSamples:
    """Check samples [shape=(n,) or (channels, n)] and their rate; refuse other input."""
    given = given_samples(x)
    if not (isinstance(sr, int | float | np.number) and np.isfinite(sr) and sr >= 1):
        raise ParameterError(f"sr={sr!r}: give the sample rate in Hz.")
    return given
