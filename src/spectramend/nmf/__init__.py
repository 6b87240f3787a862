"""Masked nonnegative matrix factorization for every beta-divergence.

One notation everywhere (Févotte & Idier 2011):

========== ==================================================== ==========
symbol     meaning                                              shape
========== ==================================================== ==========
``V``      nonnegative data, such as a power spectrogram        ``(F, N)``
``M``      weight of each cell: 1 observed, 0 hidden            ``(F, N)``
``W``      dictionary, one atom a column                        ``(F, K)``
``H``      activations                                          ``(K, N)``
``V_hat``  the model ``W @ H``                                  ``(F, N)``
``B``      upper bound on ``V`` in a hidden cell, or ``inf``    ``(F, N)``
========== ==================================================== ==========
"""

from spectramend.nmf.censored import Bounded, Guided, Hidden
from spectramend.nmf.divergence import beta_divergence
from spectramend.nmf.penalties import Penalties
from spectramend.nmf.semisupervised import learn_rest
from spectramend.nmf.solve import Factorization, encode, fit
from spectramend.nmf.updates import exponent, gradient_parts, update

__all__ = [
    "Bounded",
    "Factorization",
    "Guided",
    "Hidden",
    "Penalties",
    "beta_divergence",
    "encode",
    "exponent",
    "fit",
    "gradient_parts",
    "learn_rest",
    "update",
]
