"""Moments of what an occluded cell may hold, by summing over a fine grid of the complex plane."""

from __future__ import annotations

import numpy as np


def moments(rho: float, ratio: float, floor: float) -> tuple[float, float, float, float]:
    """Give ``E|z|**2, E Re z, exp(E log|z|**2)`` and minus the log evidence, for X = 1.

    z is complex Gaussian with variance rho, weighted by ``1/(|1-z|**2 + floor**2)``, on the set
    where ``|z| <= ratio*|1-z|`` or ``|z| <= floor``.
    """
    log_s = np.linspace(np.log(1e-4 * np.sqrt(rho)), np.log(8 * np.sqrt(rho)), 1500)
    theta = (np.arange(1500) + 0.5) * 2 * np.pi / 1500
    s = np.exp(log_s)[:, None]
    z = s * np.exp(1j * theta)
    inside = (s <= ratio * np.abs(1 - z)) | (s <= floor)
    weight = np.exp(-(s**2) / rho) / (np.pi * rho) / (np.abs(1 - z) ** 2 + floor**2)
    area = s**2 * (log_s[1] - log_s[0]) * (theta[1] - theta[0])
    density = np.where(inside, weight * area, 0)
    evidence = density.sum()
    power = (density * s**2).sum() / evidence
    direction = (density * z.real).sum() / evidence
    mean_log = (density * 2 * np.log(s)).sum() / evidence
    return float(power), float(direction), float(np.exp(mean_log)), float(-np.log(evidence))
