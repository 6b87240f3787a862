"""Options of inpainting, checked: those that would have no effect are refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypedDict

import numpy as np

from spectramend.core.masks import Mask
from spectramend.errors import ParameterError
from spectramend.inpainting.dictionary import Dictionary
from spectramend.inpainting.resynthesis import Phase
from spectramend.inpainting.variance_model import FitOptions

Fill: TypeAlias = Literal["hidden", "everywhere"]

# Smoothness of activations in time by damage, no unit, see `spectramend.nmf.encode`.
SMOOTH = {"missing": 0.0, "occluded": 0.8}
TOL = 1e-4  # relative decrease of the divergence at which a fit stops
PHASE_ITER = 50  # iterations of Griffin-Lim


class InpaintKeywords(TypedDict, total=False):
    """The fields of `InpaintOptions`, as `spectramend.inpaint` takes them."""

    keep_reliable: bool | None
    fill: Fill
    phase: Phase
    penalty: float
    smooth: float | None
    max_iter: int
    tol: float | None
    phase_iter: int | None


@dataclass(frozen=True)
class InpaintOptions:
    """Options of `inpaint`: those that would have no effect are refused.

    Parameters
    ----------
    keep_reliable : bool, optional
        Keep reliable cells exactly. None does so unless the damage is *occluded* and phases are
        those of the posterior: then reliable cells hold some of the interferer and are corrected a
        little, which False asks for.
    fill : {"hidden", "everywhere"}
        Fill the hidden cells, or take the model in every cell as the notebook did.
    phase : {"auto", "posterior", "griffin-lim", "mix"}
        Phases of the cells that are filled: those of the posterior mean of the signal; by fast
        Griffin-Lim in which reliable cells stay fixed; or those of `X`, which exist only where the
        damage is *occluded*. ``"auto"`` is ``"posterior"`` where hidden cells are filled,
        ``"griffin-lim"`` elsewhere.
    penalty : float, >= 0
        L1 penalty on the activations, see `spectramend.nmf.fit`.
    smooth : float, 0 to 1, optional
        Smoothness of the activations of given dictionaries in time, see `spectramend.nmf.encode`;
        None is 0.8 where the damage is *occluded*, 0 where it is *missing*.
    max_iter : int
        Iterations of the fit at most.
    tol : float, optional
        Relative decrease at which a fit that is not smoothed stops; None is 1e-4.
    phase_iter : int, optional
        Iterations of Griffin-Lim; None is 50. If the damage is *missing*, ``"posterior"`` starts
        from it where frames are hidden in part.

    Raises
    ------
    ParameterError
        If a value cannot work, or two options exclude each other.
    """

    keep_reliable: bool | None = None
    fill: Fill = "hidden"
    phase: Phase = "auto"
    penalty: float = 0.0
    smooth: float | None = None
    max_iter: int = 100
    tol: float | None = None
    phase_iter: int | None = None

    def __post_init__(self) -> None:
        if self.fill not in ("hidden", "everywhere"):
            raise ParameterError(f"fill={self.fill!r}: give 'hidden' or 'everywhere'.")
        if self.phase not in ("auto", "posterior", "griffin-lim", "mix"):
            raise ParameterError(
                f"phase={self.phase!r}: give 'auto', 'posterior', 'griffin-lim' or 'mix'."
            )
        for name in ("penalty", "smooth", "max_iter", "tol", "phase_iter"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value >= 0):
                raise ParameterError(f"{name}={value}: give at least 0.")
        if self.phase == "posterior" and self.fill == "everywhere":
            raise ParameterError("phase='posterior' fills hidden cells: give fill='hidden'.")
        if self.keep_reliable and self.fill == "everywhere":
            raise ParameterError(
                "keep_reliable=True: fill='everywhere' replaces reliable cells; leave one out."
            )
        if self.phase_iter is not None and self.phase == "mix":
            raise ParameterError(
                f"phase_iter={self.phase_iter}: phase='mix' does not iterate; leave it out."
            )

    @property
    def posterior(self) -> bool:
        """Whether the result is the posterior mean of the signal, given all cells."""
        return self.phase == "posterior" or (self.phase == "auto" and self.fill == "hidden")

    def check_fits(self, mask: Mask, dictionaries: Sequence[Dictionary]) -> None:
        """Refuse options that have no effect with this mask and these dictionaries."""
        missing = mask.damage == "missing"
        if self.phase == "mix" and missing:
            raise ParameterError("phase='mix': missing cells have no phase; give 'griffin-lim'.")
        corrects = self.fill == "everywhere" or (self.posterior and not missing)
        if self.keep_reliable is False and not corrects:
            raise ParameterError(
                "keep_reliable=False: reliable cells are corrected only where damage is 'occluded' "
                "and phase is 'posterior'; leave it out."
            )
        if self.smooth is not None and not dictionaries:
            raise ParameterError(
                f"smooth={self.smooth}: nothing is smoothed where the dictionary is learned; leave "
                f"it out or give a dictionary."
            )
        if self.tol is not None and dictionaries and self.fit(mask).smooth:
            raise ParameterError(
                f"tol={self.tol}: a smoothed fit does all its iterations; give smooth=0 or leave "
                f"tol out."
            )
        if self.phase_iter is not None and self.posterior and not missing:
            raise ParameterError(
                f"phase_iter={self.phase_iter}: phase='posterior' does not iterate where damage is "
                f"'occluded'; leave it out."
            )

    @property
    def n_iter(self) -> int:
        """Number of iterations of Griffin-Lim."""
        return PHASE_ITER if self.phase_iter is None else self.phase_iter

    def fit(self, mask: Mask) -> FitOptions:
        """Give the options of the fit for a mask."""
        smooth = SMOOTH[mask.damage] if self.smooth is None else self.smooth
        return FitOptions(
            self.penalty, smooth, self.max_iter, TOL if self.tol is None else self.tol
        )
