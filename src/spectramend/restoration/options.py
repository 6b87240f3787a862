"""Options of a repair: records that check their values, and refusal of what does not apply.

No option is ignored. Options of regions are refused with a mask, those of masks with regions, and
`spectramend.restoration.damage` refuses those that apply to none of the regions, once their damage
is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, TypedDict, get_args

import numpy as np

from spectramend.core.masks import Damage, Mask
from spectramend.core.stft import STFT
from spectramend.errors import OptionError, ParameterError
from spectramend.gaps import METHODS, Method
from spectramend.inpainting.dictionary import Dictionary, as_dictionaries
from spectramend.restoration.headroom import Headroom, check_headroom

RegionDamage: TypeAlias = Literal[
    "missing",
    "occluded",
    "hum",
    "pulses",
    "clipped",
]
DamageOption: TypeAlias = Literal["auto"] | RegionDamage
DAMAGE_OPTIONS: tuple[DamageOption, ...] = ("auto", *get_args(RegionDamage))

MAX_CONTEXT_S = 60.0  # seconds; engineering choice: bounds the samples that are held at once


class RepairOptions(TypedDict, total=False):
    """Keywords of `spectramend.repair`; None is the same as leaving one out."""

    damage: DamageOption | None
    dictionary: Dictionary | Sequence[Dictionary] | None
    stft: STFT | None
    context_s: float | None
    method: Method | None
    hum_hz: float | None
    keep_reliable: bool | None


@dataclass(frozen=True)
class RegionOptions:
    """How to repair regions.

    Parameters
    ----------
    damage : {"auto", "missing", "occluded", "hum", "pulses", "clipped"}
        Whether they are missing, occluded, have steady tones, hold pulses that repeat at a
        constant rate, or are clipped. ``"auto"`` classifies each: digital silence, NaN, a constant
        value, a repeated buffer, also one that fades, sound that is cut off and goes on abruptly,
        and an empty band are missing; what has the label "clipping" is clipped; what has the label
        "hum" or "whine", or is narrow and long, has steady tones; a train of pulses that the
        context does not have is pulses; all else is occluded.
    context_s : float, > 0
        Context that is used on either side of a region, in seconds, at most 60.
    stft : STFT, optional
        Transform of bands and of occluded regions; if None, that of the dictionaries, or one chosen
        for each region.
    dictionary : Dictionary or sequence of Dictionary, optional
        Spectra of the target under occluded regions, besides those of the context.
    method : {"auto", "hybrid", "ar", "janssen", "em_tf", "am", "am_to_em_tf"}
        How to fill gaps, regions over the whole band that are missing, see
        `spectramend.gaps.fill_gaps`. Other damage has one method each.
    hum_hz : float, > 0, optional
        Nominal fundamental in Hz of the tones to be subtracted from regions whose damage is "hum";
        they are found, mains and whines, if None.

    Raises
    ------
    ParameterError
        If a value is out of range, or an option applies to no region with this damage.
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
    hum_hz: float | None = None

    def __post_init__(self) -> None:
        if self.damage not in DAMAGE_OPTIONS:
            raise ParameterError(
                f"damage={self.damage!r}: give one of {', '.join(map(repr, DAMAGE_OPTIONS))}."
            )
        if self.method not in METHODS:
            raise ParameterError(f"method={self.method!r}: give one of {', '.join(METHODS)}.")
        number = isinstance(self.context_s, int | float | np.number)
        if not (number and 0 < self.context_s <= MAX_CONTEXT_S):
            raise ParameterError(
                f"context_s={self.context_s}: give seconds, at most {MAX_CONTEXT_S:g}."
            )
        if self.hum_hz is not None:
            number = isinstance(self.hum_hz, int | float | np.number)
            if not (number and 0 < self.hum_hz < np.inf):
                raise ParameterError(f"hum_hz={self.hum_hz!r}: give a frequency in Hz, or None.")
        _check_stft(self.stft)
        object.__setattr__(self, "dictionary", as_dictionaries(self.dictionary) or None)
        if self.damage not in ("auto", "missing") and self.method != "auto":
            raise OptionError(
                "method",
                self.method,
                f"fills gaps, and damage={self.damage!r} has none; leave it out.",
            )
        if self.damage not in ("auto", "occluded") and self.dictionaries:
            raise OptionError(
                "dictionary",
                self.dictionary,
                f"goes with occluded regions, and damage={self.damage!r} has none; leave it out.",
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
        Spectra of the target; learned from the reliable cells if None.
    keep_reliable : bool
        Keep the reliable cells exactly, see `spectramend.inpaint`.

    Raises
    ------
    ParameterError
        If a value is of the wrong type.
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


@dataclass(frozen=True)
class OutputOptions:
    """How to write a repaired recording.

    Parameters
    ----------
    subtype : str, optional
        Coding of the samples, as libsndfile names it; that of the recording if None.
    allow_lossy : bool
        Whether the coding may be lossy, so that every sample changes.
    overwrite : bool
        Whether an existing file may be replaced.
    headroom : {"auto", "none"}
        Of restored peaks that had been clipped: ``"auto"`` turns the whole recording down by the
        least gain with which it does not exceed full scale, ``"none"`` does not, and is refused
        where the coding cannot hold them.

    Raises
    ------
    ParameterError
        If a value has another type.
    """

    subtype: str | None = None
    allow_lossy: bool = False
    overwrite: bool = False
    headroom: Headroom = "auto"

    def __post_init__(self) -> None:
        if not isinstance(self.subtype, str | None):
            raise ParameterError(f"subtype={self.subtype!r}: give a name such as 'PCM_16'.")
        for name in ("allow_lossy", "overwrite"):
            if not isinstance(getattr(self, name), bool):
                raise ParameterError(f"{name}={getattr(self, name)!r}: give True or False.")
        check_headroom(self.headroom)


def check_options(given: RepairOptions, *, with_mask: bool) -> None:
    """Refuse options that do not apply to a mask, or to regions, whichever is given."""
    if with_mask:
        damage = given.get("damage")
        if damage not in (None, "auto", *get_args(Damage)):
            raise OptionError("damage", damage, _WRONG_KIND[CellOptions])
        _applicable({**given, "damage": None}, CellOptions)
    else:
        region_options(given)


def region_options(given: RepairOptions) -> RegionOptions:
    """Make a record of the keywords of `spectramend.repair` for regions; refuse those of masks."""
    return RegionOptions(**_applicable(given, RegionOptions))


def cell_options(given: RepairOptions, mask: Mask) -> CellOptions:
    """Make a record of the keywords of `spectramend.repair` for a mask; refuse those of regions."""
    damage = given.get("damage")
    if damage not in (None, "auto", mask.damage):
        raise OptionError("damage", damage, f"the mask says {mask.damage!r}; leave it out.")
    return CellOptions(**_applicable({**given, "damage": None}, CellOptions))


_WRONG_KIND = {
    RegionOptions: "goes with a mask; leave it out with regions.",
    CellOptions: "goes with regions; leave it out with a mask.",
}


def _applicable(given: Mapping[str, Any], record: type[Any]) -> dict[str, Any]:
    """Select the options that are given and are fields of a record; refuse others."""
    names = {field.name for field in fields(record)}
    for name, value in given.items():
        if name not in RepairOptions.__annotations__:
            raise TypeError(
                f"repair has no option {name!r}: give {', '.join(RepairOptions.__annotations__)}."
            )
        is_default = value is None or (name == "method" and value == "auto")
        if not is_default and name not in names:
            raise OptionError(name, value, _WRONG_KIND[record])
    return {n: value for n, value in given.items() if n in names and value is not None}


def _check_stft(stft: Any) -> None:
    """Refuse what is not a transform."""
    if stft is not None and not isinstance(stft, STFT):
        raise ParameterError(f"stft={stft!r}: give an STFT, or None.")
