"""Settings of a factorization: as keywords, and checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypedDict

from spectramend.errors import ParameterError
from spectramend.nmf.penalties import Penalties
from spectramend.nmf.updates import Step, exponent

# Least value of each setting that is a number.
LEAST = {"penalty": 0, "max_iter": 0, "tol": 0, "settle": 0, "check_every": 1, "smooth": 0}


class SolveOptions(TypedDict, total=False):
    """Settings that `spectramend.nmf.fit` and `encode` share, documented there."""

    beta: float
    step: Step
    penalty: float | Penalties
    max_iter: int
    tol: float
    check_every: int
    threads: int | None


class EncodeOptions(SolveOptions, total=False):
    """Settings of `encode`, documented there."""

    smooth: float
    extrapolate: bool


@dataclass(frozen=True)
class Settings:
    """Settings that `spectramend.nmf.fit` and `spectramend.nmf.encode` share, documented there.

    `fit` learns both factors, `encode` the activations alone. Values that cannot work are refused.
    """

    learns_W: bool
    beta: float = 0.0
    step: Step = "heuristic"
    penalty: float | Penalties = 0.0
    settle: int = 0
    smooth: float = 0.0
    extrapolate: bool = True
    max_iter: int = 200
    tol: float = 1e-4
    check_every: int = 10
    threads: int | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.beta):
            raise ParameterError(f"beta={self.beta}: give a finite number.")
        if self.threads is not None and self.threads < 1:
            raise ParameterError(f"threads={self.threads}: give at least 1, or None.")
        for name, least in LEAST.items():
            value = getattr(self, name)
            if not isinstance(value, Penalties) and not (math.isfinite(value) and value >= least):
                raise ParameterError(f"{name}={value}: give at least {least}.")
        if self.settle and not self.learns_W:
            raise ParameterError(f"settle={self.settle}: give it to fit alone.")
        exponent(self.beta, self.step)  # refuses other steps

    @property
    def is_guarded(self) -> bool:
        """Whether steps are extrapolated, and undone where they raised the objective."""
        return self.extrapolate and not self.smooth

    def learns_W_at(self, n: int) -> bool:
        """Whether W is updated in iteration n, from 0."""
        return self.learns_W and n >= self.settle

    @property
    def penalizes_H(self) -> bool:
        """Whether a penalty draws activations to zero, also in frames of which nothing is known."""
        p = self.penalty
        return p.l1_H + p.l2_H > 0 if isinstance(p, Penalties) else p > 0
