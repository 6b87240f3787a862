"""Find damage in recordings: dropouts, clicks and clipped runs.

`detect` looks at an array, `detect_blocks` at a file of any length, with the same result: both go
over the recording twice, in the same blocks. The first pass learns what only the whole tells, which
is its rails, its smallest step and its level; the second finds spans in each block and enough
around it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.core.intervals import Span, SpanSet, apart, join, runs
from spectramend.core.regions import Region
from spectramend.detection import click_classifier, clicks, clipping, dropouts
from spectramend.detection.dropouts import LOOKBACK as LOOKBACK
from spectramend.errors import ParameterError

KINDS = ("dropout", "click", "clipping")
BLOCK = 1 << 19  # samples of a channel that are looked at together
AROUND_S = 0.75  # how much around a block is read, beside the longest dropout
APART_S = 0.002  # a click is nothing that lies so near to other damage
FRAME_S = 0.02  # the level of a recording is that of its louder frames
MISSING_SHARE = 0.5  # of the samples of a region

Read: TypeAlias = Callable[[int, int], NDArray[np.float64]]


@dataclass(frozen=True)
class Thresholds:
    """What counts as damage.

    Parameters
    ----------
    dropout_ms : float, > 0
        Shortest run of one value that is a dropout. Samples that are not finite always are.
    dropout_max_ms : float, >= dropout_ms
        Longest run of one value that is a dropout; longer ones are silence.
    border_steps : float, >= 0
        How loud the sound right next to a dropout is at least, in quantisation steps.
    click_db : float
        Least evidence for a click: odds, as ten times their logarithm. Higher finds fewer.
    clip_run : int, >= 2
        How many samples in a row at the extreme value of a recording make a flat top.
    clip_tops : int, >= 1
        How many flat tops make a recording a clipped one.

    Raises
    ------
    ParameterError
        If a value cannot work.

    Examples
    --------
    >>> Thresholds(dropout_ms=5).dropout_ms
    5
    """

    dropout_ms: float = 2.0
    dropout_max_ms: float = 500.0
    border_steps: float = 2.0
    click_db: float = 10.0
    clip_run: int = 3
    clip_tops: int = 3

    def __post_init__(self) -> None:
        least = {"dropout_ms": 1e-3, "dropout_max_ms": self.dropout_ms, "clip_run": 2}
        least |= {"clip_tops": 1, "border_steps": 0.0, "click_db": -np.inf}
        for item in fields(self):
            value = getattr(self, item.name)
            if not np.isfinite(value) or value < least[item.name]:
                raise ParameterError(
                    f"{item.name}={value}: give a number of at least {least[item.name]:g}."
                )


def detect(
    x: ArrayLike,
    sr: float,
    *,
    thresholds: Thresholds = Thresholds(),
    kinds: Collection[str] = KINDS,
) -> list[Region]:
    """Find the damage of a recording.

    Parameters
    ----------
    x : array_like [shape=(n,) or (channels, n), real]
        The recording; samples that are not finite are dropouts.
    sr : float
        Sample rate in Hz.
    thresholds : Thresholds
        What counts as damage.
    kinds : collection of {"dropout", "click", "clipping"}
        What to look for.

    Returns
    -------
    list of Region
        In the order of time; each has its kind as its label, and its channel, counted from 1, or
        None if there is one only or all have the same damage.

    Raises
    ------
    ParameterError
        If `x` is empty or of another shape or type, `sr` is not positive, or a kind unknown.

    Notes
    -----
    Each recording is judged by itself: a recording that is clipped and then made softer is clipped,
    and scaling changes nothing. Clicks are candidates of autoregressive prediction [1]_, weighed by
    how common they are in the recording [2]_: one alone needs more evidence than one of many. None
    is looked for within 12 ms of the ends, or within 2 ms of other damage.

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
    samples = np.asarray(x)
    if samples.dtype.kind not in "fiu" or samples.ndim not in (1, 2):
        raise ParameterError(
            f"x: has shape {samples.shape} and type {samples.dtype}: give real samples, (n,) or "
            f"(channels, n)."
        )
    channels = np.atleast_2d(samples)

    def read(start: int, stop: int) -> NDArray[np.float64]:
        return channels[:, start:stop].astype(np.float64)

    return detect_blocks(
        read,
        length=channels.shape[1],
        channels=channels.shape[0],
        sr=sr,
        thresholds=thresholds,
        kinds=kinds,
    )


def detect_blocks(
    read: Read,
    *,
    length: int,
    channels: int,
    sr: float,
    thresholds: Thresholds = Thresholds(),
    kinds: Collection[str] = KINDS,
    progress: Callable[[int], object] | None = None,
) -> list[Region]:
    """Find the damage of a recording that is read block by block, twice.

    Parameters
    ----------
    read : callable
        ``read(start, stop)`` gives these samples, ``(channels, stop - start)``.
    length : int
        Samples of the recording.
    channels : int
        Its channels.
    sr : float
        Sample rate in Hz.
    thresholds : Thresholds
        What counts as damage.
    kinds : collection of {"dropout", "click", "clipping"}
        What to look for.
    progress : callable, optional
        Called after each block with the number of samples done, which reaches ``2 * length``.

    Returns
    -------
    list of Region
        As `detect` gives them for the whole recording.

    Raises
    ------
    ParameterError
        If there is no sample, `sr` is not positive, or a kind unknown.
    """
    if length < 1 or channels < 1:
        raise ParameterError(f"x: has {channels} channels of {length} samples: give at least one.")
    if not (np.isfinite(sr) and sr > 0):
        raise ParameterError(f"sr={sr}: give a positive sample rate in Hz.")
    for kind in kinds:
        if kind not in KINDS:
            raise ParameterError(f"kinds: {kind!r} is none: choose from {', '.join(KINDS)}.")
    tell = progress or (lambda done: None)
    blocks = [(start, min(start + BLOCK, length)) for start in range(0, length, BLOCK)]
    surveys = [_Survey() for _ in range(channels)]
    for start, stop in blocks:
        for survey, x in zip(surveys, read(start, stop), strict=True):
            survey.add(x, sr)
        tell(stop)
    found = [_Found() for _ in range(channels)]
    margin = round((AROUND_S + thresholds.dropout_max_ms / 1000) * sr)
    for start, stop in blocks:
        first, last = max(0, start - margin), min(length, stop + margin)
        for survey, spans, x in zip(surveys, found, read(first, last), strict=True):
            block = _Block(x, start - first, stop - first, first, length)
            spans.add(block, sr, survey, thresholds)
        tell(length + stop)
    return _regions(
        [f.decide(s, sr, thresholds) for f, s in zip(found, surveys, strict=True)], kinds, sr
    )


def damage_kind(x: ArrayLike, start: int, stop: int) -> tuple[Literal["missing", "occluded"], str]:
    """Tell whether samples are missing, or covered by something.

    Parameters
    ----------
    x : array_like [shape=(n,), real]
        The recording, or the region with what is before it; may hold NaN.
    start, stop : int
        The region's samples, half-open.

    Returns
    -------
    kind : {"missing", "occluded"}
        Missing if at least half of the samples are not finite, in runs of one value, or a copy of
        those before.
    reason : str
        What was seen, in a few words.

    Raises
    ------
    ParameterError
        If `x` has another shape or the region holds none of its samples.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.sin(np.arange(1000.0))
    >>> x[400:500] = 0
    >>> damage_kind(x, 395, 505)
    ('missing', '91 % digital silence')
    >>> damage_kind(x, 100, 200)
    ('occluded', 'there is sound')
    """
    samples = np.asarray(x)
    if samples.ndim != 1 or samples.dtype.kind not in "fiu":
        raise ParameterError(f"x: has shape {samples.shape}: give real samples of one channel.")
    if not 0 <= start < stop <= samples.size:
        raise ParameterError(
            f"start={start}, stop={stop}: give a region within {samples.size} samples."
        )
    samples = samples.astype(np.float64)
    inside = samples[start:stop]
    bad = ~np.isfinite(inside)
    shares = {"not finite": np.mean(bad)}
    clean = np.where(np.isfinite(samples), samples, 0.0)
    flat = np.zeros(inside.size, bool)
    for a, b in dropouts.flat_runs(inside, min(4, inside.size)):
        flat[a:b] = True
    shares["digital silence"] = np.mean(flat & (inside == 0))
    shares["one value"] = np.mean(flat & (inside != 0))
    shares["a copy of what is before it"] = dropouts.copied_share(clean, start, stop)
    reason = max(shares, key=lambda name: shares[name])
    share = max(float(np.mean(bad | flat)), float(shares[reason]))
    if share < MISSING_SHARE:
        return "occluded", "there is sound"
    return "missing", f"{round(100 * share)} % {reason}"


@dataclass(frozen=True)
class _Block:
    """A block of one channel with what is around it."""

    x: NDArray[np.float64]
    start: int  # of the block, in x
    stop: int
    offset: int  # of x, in the recording
    length: int  # of the recording

    def own(self, spans: list[Span]) -> list[Span]:
        """Keep the spans that begin in the block, as those of the recording."""
        own = [(a, b) for a, b in spans if self.start <= a < self.stop]
        return [(a + self.offset, b + self.offset) for a, b in own]

    def inside(self, span: Span) -> bool:
        """Tell whether a span has samples of the recording on both sides."""
        return span[0] + self.offset > 0 and span[1] + self.offset < self.length


class _Survey:
    """What only the whole of a channel tells."""

    def __init__(self) -> None:
        self.top = -np.inf
        self.bottom = np.inf
        self.step = np.inf
        self._powers: list[NDArray[Any]] = []

    def add(self, x: NDArray[np.float64], sr: float) -> None:
        """Take note of a block."""
        x = x[np.isfinite(x)]
        if not x.size:
            return
        self.top = max(self.top, float(x.max()))
        self.bottom = min(self.bottom, float(x.min()))
        steps = np.abs(np.diff(x))
        self.step = min(self.step, float(np.min(steps, where=steps > 0, initial=np.inf)))
        frame = min(x.size, max(1, round(FRAME_S * sr)))
        frames = x[: x.size // frame * frame].reshape(-1, frame)
        self._powers.append(np.mean(frames**2, axis=1))

    @property
    def level(self) -> float:
        """The RMS value of all frames."""
        return float(np.sqrt(np.mean(np.concatenate(self._powers or [np.zeros(1)]))))


@dataclass
class _Found:
    """Spans found in a channel, block by block."""

    missing: list[Span] = field(default_factory=list)
    flat: list[Span] = field(default_factory=list)
    candidates: list[Span] = field(default_factory=list)
    odds: list[NDArray[np.float64]] = field(default_factory=list)
    tops: dict[int, list[clipping.Tops]] = field(default_factory=lambda: {1: [], -1: []})

    def add(self, block: _Block, sr: float, survey: _Survey, thresholds: Thresholds) -> None:
        """Look at a block."""
        bad = ~np.isfinite(block.x)
        if bad.any():
            # Of the block alone: such runs may be of any length, and join at its borders.
            lost = runs(bad[block.start : block.stop]) + block.start
            self.missing += block.own([(int(a), int(b)) for a, b in lost])
        x = np.where(bad, 0.0, block.x)
        shortest = max(2, round(thresholds.dropout_ms / 1000 * sr))
        longest = thresholds.dropout_max_ms / 1000 * sr
        level = survey.level
        candidates = [
            span
            for span in dropouts.flat_runs(x, shortest)
            if block.start <= span[0] < block.stop
            and span[1] - span[0] <= longest
            and block.inside(span)
        ]
        steps = thresholds.border_steps
        self.flat += block.own(
            [
                c
                for c in candidates
                if dropouts.is_dropout(x, c, sr, level=level, border_steps=steps)
            ]
        )
        self.missing += block.own(dropouts.repeated_packets(x, sr))
        for sign, tops in self.tops.items():
            rail = survey.top if sign > 0 else -survey.bottom
            found = clipping.tops(sign * x, rail, survey.step)
            own = (found.spans[:, 0] >= block.start) & (found.spans[:, 0] < block.stop)
            tops.append(
                clipping.Tops(found.spans[own] + block.offset, found.falls[own], found.below)
            )
        around = round(clicks.AROUND_S * sr)
        first = max(0, block.start - around)
        spans, signs = clicks.candidates(
            x[first : block.stop + around],
            sr,
            level=level,
            offset=block.offset + first,
            inside=(block.start - first, block.stop - first),
        )
        self.candidates += [(a + block.offset + first, b + block.offset + first) for a, b in spans]
        self.odds.append(click_classifier.log_odds(signs))

    def decide(self, survey: _Survey, sr: float, thresholds: Thresholds) -> dict[str, list[Span]]:
        """Say what is damage, now that all of the channel was seen."""
        rails = {1: survey.top, -1: -survey.bottom}
        tops = {sign: clipping.together(parts) for sign, parts in self.tops.items()}
        if abs(rails[1] - rails[-1]) <= max(1.5 * survey.step, clipping.TOLERANCE * rails[1]):
            # A rail on either side, as far off: what one shows holds for both.
            rails, tops = {1: rails[1]}, {1: clipping.together(list(tops.values()))}
        clipped = [
            span
            for sign, found in tops.items()
            if clipping.is_clipped(
                found,
                rails[sign],
                step=survey.step,
                shortest=thresholds.clip_run,
                fewest=thresholds.clip_tops,
            )
            for span in clipping.spans_of(found, sr)
        ]
        flat = apart(self.flat, clipped, 0)
        lost = join([*self.missing, *flat])
        return {
            "dropout": lost,
            "click": self._clicks([*lost, *clipped], sr, thresholds.click_db),
            "clipping": sorted(clipped),
        }

    def _clicks(self, others: list[Span], sr: float, click_db: float) -> list[Span]:
        """Say which candidates are clicks: where they overlap, the likeliest one."""
        free = set(apart(self.candidates, others, round(APART_S * sr)))
        at = [i for i, span in enumerate(self.candidates) if span in free]
        odds = click_classifier.adapted(np.concatenate(self.odds)[at])
        found = SpanSet()
        for i in np.argsort(-odds, kind="stable"):
            if odds[i] < click_db * np.log(10) / 10:
                break
            found.add(self.candidates[at[i]])
        return found.spans


def _regions(
    channels: list[dict[str, list[Span]]], kinds: Collection[str], sr: float
) -> list[Region]:
    """Make regions of the spans of all channels, of one where all agree."""
    found: list[Region] = []
    for kind in dict.fromkeys(kinds):
        named: dict[Span, list[int]] = {}
        for channel, spans in enumerate(channels, 1):
            for span in spans[kind]:
                named.setdefault(span, []).append(channel)
        for (start, stop), where in named.items():
            shared = len(where) == len(channels)
            found += [
                Region(start / sr, stop / sr, channel=channel, label=kind)
                for channel in ([None] if shared else where)
            ]
    return sorted(found, key=lambda r: (r.start_s or 0.0, r.end_s or 0.0, r.label, r.channel or 0))
