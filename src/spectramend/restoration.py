"""Repair of recordings: samples in, samples out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.dictionary import Dictionary
from spectramend.errors import ParameterError
from spectramend.gaps import METHODS, Method
from spectramend.inpainting import Inpainting, inpaint
from spectramend.jobs import Job, Options, mend_regions
from spectramend.masks import Mask
from spectramend.nmf.solve import RngLike
from spectramend.regions import Region
from spectramend.stft import STFT
from spectramend.synthesis import Phase

MAX_CONTEXT_S = 60.0


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
        What was done, in the order in which it was done.
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
    damage: Literal["auto", "missing", "occluded"] = "auto",
    dictionary: Dictionary | Sequence[Dictionary] | None = None,
    stft: STFT | None = None,
    context_s: float = 2.0,
    method: Method = "auto",
    keep_reliable: bool = False,
    rng: RngLike = None,
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
    damage : {"auto", "missing", "occluded"}
        What is wrong with regions. ``"auto"`` looks: digital silence, NaN, one value, a repeated
        buffer and an empty band are missing; everything else is occluded. A mask says it itself.
    dictionary : Dictionary or sequence of Dictionary, optional
        How the target sounds, for occluded regions and for masks. None learns it: from the context
        of a region, or from the reliable cells.
    stft : STFT, optional
        The transform. If None, that of the mask, for occluded regions that of the dictionary, or
        what suits each region.
    context_s : float, > 0
        How much of the recording on either side of a region to look at, in seconds.
    method : {"auto", "hybrid", "ar", "janssen", "em_tf", "am", "am_to_em_tf"}
        How to fill gaps, regions over the whole band that are missing, see
        `spectramend.gaps.fill_gaps`. Other damage has one method each; a mask takes none.
    keep_reliable : bool
        Keep the reliable cells of a mask exactly, see `spectramend.inpaint`.
    rng : int, Generator or None
        Source of random starts.

    Returns
    -------
    Repair
        Samples, and what was done.

    Raises
    ------
    ParameterError
        If samples, regions or options cannot work.
    MismatchError
        If recording, mask and dictionary do not fit together.

    Notes
    -----
    No sample outside a region changes, and none in a channel that it does not name. A mask marks
    cells, and each cell reaches as far as its frame: samples outside every frame with a hidden cell
    come back unchanged. What is done to regions is told in `spectramend.jobs`.

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
    recording = np.asarray(x)
    if recording.ndim not in (1, 2) or recording.size == 0 or recording.dtype.kind not in "fiu":
        raise ParameterError(
            f"x has shape {recording.shape} and dtype {recording.dtype}: give real samples (n,) or "
            f"(channels, n)."
        )
    if not (isinstance(sr, int | float | np.number) and np.isfinite(sr) and sr >= 1):
        raise ParameterError(f"sr={sr!r}: give the sample rate in Hz.")
    voices = (dictionary,) if isinstance(dictionary, Dictionary) else tuple(dictionary or ())
    if isinstance(damaged, Mask):
        if damage not in ("auto", damaged.damage):
            raise ParameterError(
                f"damage={damage!r}: the mask says {damaged.damage!r}; leave it out."
            )
        check_no_method(method)
        return _repair_cells(recording, sr, damaged, voices, stft, keep_reliable, rng)
    regions = [damaged] if isinstance(damaged, Region) else list(damaged)
    for region in regions:
        if not isinstance(region, Region):
            raise ParameterError(f"damaged holds {region!r}: give regions, such as Region(1, 1.2).")
    options = checked_options(damage, context_s, stft, voices, method)
    samples = np.array(np.atleast_2d(recording), np.result_type(recording.dtype, np.float32))
    jobs = []
    for mend in mend_regions(
        lambda start, stop: np.atleast_2d(recording)[:, start:stop],
        regions,
        length=recording.shape[-1],
        channels=len(samples),
        sr=sr,
        options=options,
        rng=np.random.default_rng(rng),
    ):
        jobs.append(mend.job)
        samples[mend.job.channel - 1, mend.job.start : mend.job.stop] = mend.samples
    return Repair(samples.reshape(recording.shape), sr, tuple(jobs))


def checked_options(
    damage: Literal["auto", "missing", "occluded"],
    context_s: float,
    stft: STFT | None,
    dictionaries: tuple[Dictionary, ...],
    method: Method,
) -> Options:
    """Refuse options of `repair` that cannot work.

    Parameters
    ----------
    damage : str
        What is wrong with regions.
    context_s : float
        Context in seconds.
    stft : STFT or None
        The transform.
    dictionaries : tuple of Dictionary
        Dictionaries.
    method : str
        How to fill gaps.

    Returns
    -------
    Options
        The options.

    Raises
    ------
    ParameterError
        If a value cannot work.
    """
    if damage not in ("auto", "missing", "occluded"):
        raise ParameterError(f"damage={damage!r}: give 'auto', 'missing' or 'occluded'.")
    if method not in METHODS:
        raise ParameterError(f"method={method!r}: give one of {', '.join(METHODS)}.")
    if not 0 < context_s <= MAX_CONTEXT_S:
        raise ParameterError(f"context_s={context_s}: give seconds, at most {MAX_CONTEXT_S:g}.")
    return Options(damage, context_s, stft, dictionaries, method)


def check_no_method(method: Method) -> None:
    """Refuse a method of gaps where a mask is given.

    Parameters
    ----------
    method : str
        How to fill gaps.

    Raises
    ------
    ParameterError
        If it is not ``"auto"``.
    """
    if method != "auto":
        raise ParameterError(f"method={method!r}: goes with regions; leave it out with a mask.")


def job_text(job: Job) -> str:
    """Say in a sentence what was done to regions.

    Parameters
    ----------
    job : Job
        What was done.

    Returns
    -------
    str
        The sentence.
    """
    first = "all of it" if str(job.regions[0]) == "-" else str(job.regions[0])
    more = f" and {len(job.regions) - 1} more" if len(job.regions) > 1 else ""
    scale = "order" if job.method.startswith("autoregression") else "n_fft"
    end = "" if job.status == "done" else f": {job.status}"
    return (
        f"channel {job.channel}, {first}{more}: {job.damage} ({job.reason}), {job.method}, "
        f"{scale} {job.n_fft}{end}."
    )


def _repair_cells(
    recording: NDArray[Any],
    sr: int,
    mask: Mask,
    voices: tuple[Dictionary, ...],
    stft: STFT | None,
    keep_reliable: bool,
    rng: RngLike,
) -> Repair:
    """Restore the hidden cells of a mask."""
    transform = stft or mask.stft
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
    for number, channel in enumerate(np.atleast_2d(recording), 1):
        result = inpaint(
            transform.forward(channel),
            mask,
            stft=transform,
            sr=sr,
            length=length,
            dictionary=voices or None,
            keep_reliable=keep_reliable,
            phase=phase,
            rng=generator,
        )
        results.append(result)
        channels.append(np.where(touched, result.samples, channel))
        status = " ".join([f"fit {result.status}.", *result.notes])
        jobs.append(
            Job(
                number,
                0,
                length,
                (Region(channel=number),),
                mask.damage,
                "as the mask says",
                "masked NMF",
                transform.n_fft,
                status,
            )
        )
    return Repair(np.reshape(channels, recording.shape), sr, tuple(jobs), tuple(results))


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
