"""Records of a repair: its options, which check themselves, and what was done.

An option that does not apply is refused, never ignored: what a mask has no use for when it is given
with a mask, what regions have no use for when it is given with regions.
`spectramend.restoration.pipeline` refuses what applies to none of the regions once it is
known what is wrong with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, TypedDict

import numpy as np

from spectramend.core.masks import Damage, Mask
from spectramend.core.regions import Region
from spectramend.core.stft import STFT
from spectramend.errors import OptionError, ParameterError
from spectramend.gaps import METHODS, Method
from spectramend.inpainting import Dictionary, as_dictionaries

DamageOption: TypeAlias = Literal["auto", "missing", "occluded"]

MAX_CONTEXT_S = 60.0  # seconds; engineering choice: some minutes of samples are held at once


class RepairOptions(TypedDict, total=False):
    """What `spectramend.repair` takes by keyword; None is as if it were not given."""

    damage: DamageOption | None
    dictionary: Dictionary | Sequence[Dictionary] | None
    stft: STFT | None
    context_s: float | None
    method: Method | None
    keep_reliable: bool | None


@dataclass(frozen=True)
class Job:
    """What was done to regions that touch each other, or to the hidden cells of a channel.

    Parameters
    ----------
    channel : int
        The channel, from 0: a row of the samples. `channel_number` is its name, from 1.
    start, stop : int
        First sample that may have changed, and the one after the last.
    regions : tuple of Region
        The regions.
    damage : {"missing", "occluded"}
        What was wrong with them.
    reason : str
        Why it was taken for that.
    method : str
        What was done, in words.
    model : str
        The same as an identifier: a method of `spectramend.gaps.fill_gaps`, ``"subband"``,
        ``"semisupervised_nmf"`` or ``"masked_nmf"``.
    n_fft : int, optional
        Samples of a frame, where the model has frames.
    order : int, optional
        Order of the autoregressive models, where it has these.
    status : str
        ``"done"``, or why nothing was.
    """

    channel: int
    start: int
    stop: int
    regions: tuple[Region, ...]
    damage: Damage
    reason: str
    method: str
    model: str
    n_fft: int | None = None
    order: int | None = None
    status: str = "done"

    @property
    def channel_number(self) -> int:
        """The channel as people count, from 1."""
        return self.channel + 1


def job_text(job: Job) -> str:
    """Say in a sentence what was done."""
    first = "all of it" if str(job.regions[0]) == "-" else str(job.regions[0])
    more = f" and {len(job.regions) - 1} more" if len(job.regions) > 1 else ""
    size = f"n_fft {job.n_fft}" if job.order is None else f"order {job.order}"
    end = "" if job.status == "done" else f": {job.status}"
    return (
        f"channel {job.channel_number}, {first}{more}: {job.damage} ({job.reason}), {job.method}, "
        f"{size}{end}."
    )


@dataclass(frozen=True)
class RegionOptions:
    """How to repair regions.

    Parameters
    ----------
    damage : {"auto", "missing", "occluded"}
        What is wrong with them. ``"auto"`` looks: digital silence, NaN, one value, a repeated
        buffer and an empty band are missing; everything else is occluded.
    context_s : float, > 0
        How much of the recording on either side of a region to look at, in seconds.
    stft : STFT, optional
        The transform of bands and of occluded regions; if None, that of the dictionaries, or what
        suits each region.
    dictionary : Dictionary or sequence of Dictionary, optional
        How the target under an occluded region sounds, besides the context.
    method : {"auto", "hybrid", "ar", "janssen", "em_tf", "am", "am_to_em_tf"}
        How to fill gaps, regions over the whole band that are missing, see
        `spectramend.gaps.fill_gaps`. Other damage has one method each.

    Raises
    ------
    ParameterError
        If a value cannot work, or an option applies to no region with such damage.
    MismatchError
        If the dictionaries are of several kinds.

    Examples
    --------
    >>> RegionOptions(damage="missing", method="janssen").context_s
    2.0
    """

    damage: DamageOption = "auto"
    context_s: float = 2.0
    stft: STFT | None = None
    dictionary: Dictionary | Sequence[Dictionary] | None = None
    method: Method = "auto"

    def __post_init__(self) -> None:
        if self.damage not in ("auto", "missing", "occluded"):
            raise ParameterError(f"damage={self.damage!r}: give 'auto', 'missing' or 'occluded'.")
        if self.method not in METHODS:
            raise ParameterError(f"method={self.method!r}: give one of {', '.join(METHODS)}.")
        number = isinstance(self.context_s, int | float | np.number)
        if not (number and 0 < self.context_s <= MAX_CONTEXT_S):
            raise ParameterError(
                f"context_s={self.context_s}: give seconds, at most {MAX_CONTEXT_S:g}."
            )
        _check_stft(self.stft)
        object.__setattr__(self, "dictionary", as_dictionaries(self.dictionary) or None)
        if self.damage == "occluded" and self.method != "auto":
            raise OptionError(
                "method", self.method, "fills gaps, and damage='occluded' has none; leave it out."
            )
        if self.damage == "missing" and self.dictionaries:
            raise OptionError(
                "dictionary",
                self.dictionary,
                "goes with occluded regions, and damage='missing' has none; leave it out.",
            )

    @property
    def dictionaries(self) -> tuple[Dictionary, ...]:
        """The dictionaries, of one kind."""
        return as_dictionaries(self.dictionary)


@dataclass(frozen=True)
class CellOptions:
    """How to repair the hidden cells of a mask.

    Parameters
    ----------
    stft : STFT, optional
        The transform; that of the mask if None.
    dictionary : Dictionary or sequence of Dictionary, optional
        How the target sounds; learned from the reliable cells if None.
    keep_reliable : bool
        Keep the reliable cells exactly, see `spectramend.inpaint`.

    Raises
    ------
    ParameterError
        If a value cannot work.
    MismatchError
        If the dictionaries are of several kinds.
    """

    stft: STFT | None = None
    dictionary: Dictionary | Sequence[Dictionary] | None = None
    keep_reliable: bool = False

    def __post_init__(self) -> None:
        _check_stft(self.stft)
        object.__setattr__(self, "dictionary", as_dictionaries(self.dictionary) or None)
        if not isinstance(self.keep_reliable, bool | np.bool_):
            raise ParameterError(f"keep_reliable={self.keep_reliable!r}: give True or False.")

    @property
    def dictionaries(self) -> tuple[Dictionary, ...]:
        """The dictionaries, of one kind."""
        return as_dictionaries(self.dictionary)


def check_options(given: RepairOptions, *, with_mask: bool) -> None:
    """Refuse options that do not go with a mask, or with regions, whichever is given."""
    if with_mask:
        _applicable({**given, "damage": None}, CellOptions)
    else:
        region_options(given)


def region_options(given: RepairOptions) -> RegionOptions:
    """Take options of `spectramend.repair` for regions; refuse those of masks."""
    return RegionOptions(**_applicable(given, RegionOptions))


def cell_options(given: RepairOptions, mask: Mask) -> CellOptions:
    """Take options of `spectramend.repair` for a mask; refuse those of regions."""
    damage = given.get("damage")
    if damage not in (None, "auto", mask.damage):
        raise OptionError("damage", damage, f"the mask says {mask.damage!r}; leave it out.")
    return CellOptions(**_applicable({**given, "damage": None}, CellOptions))


def _applicable(given: Mapping[str, Any], record: type[Any]) -> dict[str, Any]:
    """Give the options that are given and that a record has; refuse others."""
    names = {field.name for field in fields(record)}
    for name, value in given.items():
        if name not in RepairOptions.__annotations__:
            raise TypeError(
                f"repair has no option {name!r}: give {', '.join(RepairOptions.__annotations__)}."
            )
        as_default = value is None or (name == "method" and value == "auto")
        if not as_default and name not in names:
            raise OptionError(name, value, WRONG[record])
    return {n: value for n, value in given.items() if n in names and value is not None}


WRONG = {
    RegionOptions: "goes with a mask; leave it out with regions.",
    CellOptions: "goes with regions; leave it out with a mask.",
}


def _check_stft(stft: Any) -> None:
    """Refuse what is no transform."""
    if stft is not None and not isinstance(stft, STFT):
        raise ParameterError(f"stft={stft!r}: give an STFT, or None.")
