"""Masked NMF as a scikit-learn estimator: NaN is missing, and each cell may have a weight.

scikit-learn has samples in rows, ``X (n_samples, n_features) ≈ W @ H``, the transpose of
``V (F, N) ≈ W @ H`` elsewhere in this package: scikit-learn's W, the transformed data, is ``H.T``
here, and its H, `components_`, is ``W.T``.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from spectramend import nmf
from spectramend.core.given_arrays import plain
from spectramend.errors import MismatchError, MissingExtraError, ParameterError
from spectramend.nmf import estimator_input
from spectramend.nmf._engine.arrays import Array, as_array, as_numpy, is_foreign, namespace
from spectramend.nmf._engine.settings import SolveOptions
from spectramend.nmf.estimator_input import Init

try:
    from sklearn import get_config
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils import check_array, check_random_state
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise MissingExtraError(
        f"MaskedNMF needs scikit-learn 1.6 or newer ({error}): pip install 'spectramend[sklearn]'"
    ) from error

FOLDS = 5  # parts of the cells of a sample in `MaskedNMF.score`; scikit-learn's default number


class MaskedNMF(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Nonnegative matrix factorization of data with missing cells.

    Finds nonnegative ``W (n_samples, n_components)`` and ``H (n_components, n_features)`` whose
    product is near X where X is observed. Cells that are NaN, masked in a masked array, or of
    weight 0 are missing: no value in them has any influence, and ``inverse_transform`` predicts
    them.

    Names and meanings are those of `sklearn.decomposition.NMF`, and so is the objective, over the
    observed cells::

        sum(weights * d(X | W @ H))
        + alpha_W * n_features * (l1_ratio * sum(W) + 0.5 * (1 - l1_ratio) * sum(W**2))
        + alpha_H * n_samples  * (l1_ratio * sum(H) + 0.5 * (1 - l1_ratio) * sum(H**2))

    Parameters
    ----------
    n_components : int, >= 1, "auto" or None
        Number of components. ``"auto"`` takes it from a custom H, and is the number of features
        otherwise, as is None.
    init : {"sample", "exemplars", "random", "custom"} or None
        Start: rows of X after a few iterations on part of it, rows of X, random factors, or the W
        and H given to `fit` or `fit_transform`. None is ``"sample"``.
    beta_loss : float or {"frobenius", "kullback-leibler", "itakura-saito"}
        Which beta-divergence d; the names are those of 2, 1 and 0.
    tol : float, >= 0
        Stop when the objective falls, between two checks, by less than this part of its first
        value. 0 does `max_iter` iterations.
    max_iter : int, >= 0
        Iterations at most, with a ``ConvergenceWarning`` if they do not reach `tol`. The default
        is above what digits, counts, spectrograms, and random matrices took with any number of
        components (up to 1420).
    random_state : int, RandomState or None
        Source of the start. An int makes results repeatable; it seeds a NumPy ``Generator``.
    alpha_W : float, >= 0
        Weight of the penalties on W.
    alpha_H : float, >= 0, or "same"
        Weight of the penalties on H; ``"same"`` is that on W.
    l1_ratio : float, 0 to 1
        Share of the L1 penalty; the rest is L2.
    n_threads : int, >= 1, or None
        Threads of matrix products at most; None leaves them as they are.

    Attributes
    ----------
    components_ : ndarray [shape=(n_components, n_features), >= 0]
        The factor H. It is zero for a feature of which nothing was observed.
    n_components_ : int
        Number of components.
    reconstruction_err_ : float
        ``sqrt(2 * d)``, where d is the weighted divergence of the training data from its model over
        the observed cells.
    n_iter_ : int
        Iterations done to find `components_`.
    n_features_in_, feature_names_in_ : int, ndarray [shape=(n_features,), object]
        Number of features, and their names if X had such, all of them strings.

    Notes
    -----
    `fit_transform` ends with what `transform` does, so that both give the same: components are
    held, and the activations of every sample are found anew.

    Zeros in X need not be removed for ``beta_loss <= 0``: data counts as at least 1e-14 of the
    mean of the observed cells. Nothing determines the activations of a sample in which no cell is
    observed; they are zero. `transform` leaves out features for which all components are zero.

    With ``sklearn.config_context(array_api_dispatch=True)`` PyTorch tensors may be given, and
    tensors come back, on the same device.

    References
    ----------
    .. [1] C. Févotte and J. Idier, "Algorithms for nonnegative matrix factorization with the
       beta-divergence", Neural Computation 23(9), 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from spectramend import MaskedNMF
    >>> X = np.outer([1.0, 2.0, 4.0, 3.0], [1.0, 2.0, 3.0])
    >>> X[2, 1] = np.nan
    >>> model = MaskedNMF(n_components=1, random_state=0)
    >>> activations = model.fit_transform(X)
    >>> model.inverse_transform(activations)[2, 1].round(3).item()
    8.0
    """

    def __init__(
        self,
        n_components: int | Literal["auto"] | None = "auto",
        *,
        init: Init = None,
        beta_loss: float | str = "frobenius",
        tol: float = 1e-4,
        max_iter: int = 2000,
        random_state: int | np.random.RandomState | None = None,
        alpha_W: float = 0.0,
        alpha_H: float | Literal["same"] = "same",
        l1_ratio: float = 0.0,
        n_threads: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.init = init
        self.beta_loss = beta_loss
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.alpha_W = alpha_W
        self.alpha_H = alpha_H
        self.l1_ratio = l1_ratio
        self.n_threads = n_threads

    def fit(
        self,
        X: ArrayLike,
        y: object = None,
        *,
        weights: ArrayLike | None = None,
        W: ArrayLike | None = None,
        H: ArrayLike | None = None,
    ) -> MaskedNMF:
        """Learn the components.

        Parameters
        ----------
        X : array_like [shape=(n_samples, n_features), >= 0 or NaN]
            Data.
        y : object
            Not used; scikit-learn's convention.
        weights : array_like [shape=(n_samples, n_features), bool or >= 0], optional
            Weight of each cell; a cell of weight 0 is missing. 1 if None.
        W, H : array_like [shapes=(n_samples, n_components), (n_components, n_features)], optional
            Where to start, >= 0, for ``init="custom"``.

        Returns
        -------
        MaskedNMF
            Itself.

        Raises
        ------
        ParameterError
            If a value cannot work, shapes do not fit together, or no cell is observed.
        """
        self._learn(X, weights, W, H)
        return self

    def fit_transform(
        self,
        X: ArrayLike,
        y: object = None,
        *,
        weights: ArrayLike | None = None,
        W: ArrayLike | None = None,
        H: ArrayLike | None = None,
    ) -> Any:
        """Learn the components, and give the activations of the data; parameters as of `fit`.

        Returns
        -------
        ndarray [shape=(n_samples, n_components), >= 0]
            Activations of the components.
        """
        return self._learn(X, weights, W, H)

    def transform(self, X: ArrayLike, *, weights: ArrayLike | None = None) -> Any:
        """Find the activations of data, with the components as they are; parameters as of `fit`.

        Returns
        -------
        ndarray [shape=(n_samples, n_components), >= 0]
            Activations of the components.
        """
        check_is_fitted(self)
        V, M = self._checked(X, weights, reset=False)
        return self._activations(V, M).T

    def inverse_transform(self, X: ArrayLike) -> Any:
        """Give the model of data, missing cells included.

        Parameters
        ----------
        X : array_like [shape=(n_samples, n_components)]
            Activations.

        Returns
        -------
        ndarray [shape=(n_samples, n_features)]
            ``X @ components_``.
        """
        check_is_fitted(self)
        if np.ma.is_masked(X):
            X = plain("X", X)  # refuses it
        activations = check_array(X, dtype=_dtypes(X))
        estimator_input.check_same_kind(activations, self.components_)
        if activations.shape[1] != self.n_components_:
            raise MismatchError(
                f"X has {activations.shape[1]} columns: give {self.n_components_}, "
                "one for each component."
            )
        return activations @ self.components_

    def score(self, X: ArrayLike, y: object = None, *, weights: ArrayLike | None = None) -> float:
        """Evaluate how well the components predict each cell of data from others of its sample.

        The observed cells of every sample are divided into five folds; each fold is hidden in turn
        and predicted from the other four. Thus more components do not always score better, and
        `sklearn.model_selection.GridSearchCV` can choose their number, the penalties, or `max_iter`
        (but not `beta_loss`, since the divergence itself is averaged). Parameters are as of `fit`;
        the data is best held out from it, and some sample needs two observed cells.

        Returns
        -------
        float
            Minus the weighted mean, over the observed cells, of the divergence from the prediction.
        """
        check_is_fitted(self)
        V, M = self._checked(X, weights, reset=False)
        xp = namespace(V)
        M = self._modelled(V, M)
        M = xp.ones_like(V) if M is None else M
        M = xp.where(xp.sum(M > 0, axis=0) >= 2, M, 0)  # one cell has no others
        if not xp.any(M > 0):
            raise ParameterError("No sample of X has two observed cells: give more of them.")
        # Counting observed cells, not features: any two neighbours are in different folds.
        fold = as_array(xp, np.cumsum(as_numpy(M) > 0, axis=0) % FOLDS, like=V)
        loss = 0.0
        for number in range(FOLDS):
            held_out = xp.where(fold == number, M, 0)
            if xp.any(held_out > 0):
                H = self._activations(V, xp.where(fold == number, 0, M))
                loss += self._divergence(V, held_out, H)
        return -loss / float(xp.sum(M, dtype=xp.float64))

    @property
    def _n_features_out(self) -> int:
        """Number of columns that `transform` gives; scikit-learn asks for it."""
        return int(self.components_.shape[0])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.positive_only = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _learn(
        self, X: ArrayLike, weights: ArrayLike | None, W: ArrayLike | None, H: ArrayLike | None
    ) -> Array:
        """Set the attributes, and give the activations [shape=(n_samples, n_components)]."""
        V, M = self._checked(X, weights, reset=True)
        xp = namespace(V)
        start = estimator_input.start_of(V, self.n_components, self.init, W, H)
        if M is not None and not xp.any(M > 0):
            raise ParameterError("X has no observed cell: nothing can be learned from it.")
        result = nmf.fit(
            V,
            start.n_components,
            weights=M,
            init=start.init,
            W=start.W,
            H=start.H,
            rng=self._generator(),
            **self._options(V),
        )
        components = result.W.T
        if M is not None:
            components = xp.where(xp.any(M > 0, axis=1), components, 0)
        self.components_ = components
        self.n_components_ = start.n_components
        self.n_iter_ = result.n_iter
        activations = self._activations(V, M, result.status)
        self.reconstruction_err_ = math.sqrt(2 * max(self._divergence(V, M, activations), 0))
        return activations.T

    def _checked(
        self, X: ArrayLike, weights: ArrayLike | None, *, reset: bool
    ) -> tuple[Array, Array | None]:
        """Give data and weights, None if all are 1 [shapes=(n_features, n_samples)]."""
        X = estimator_input.nan_where_masked(X)
        values = validate_data(self, X, dtype=_dtypes(X), ensure_all_finite=False, reset=reset)
        if not reset:
            estimator_input.check_same_kind(values, self.components_)
        return estimator_input.data_and_weights(values, weights)

    @property
    def _beta(self) -> float:
        """The parameter of the divergence."""
        return estimator_input.beta_of(self.beta_loss)

    def _options(self, V: Array) -> SolveOptions:
        """Give the options that `nmf.fit` and `nmf.encode` share."""
        penalty = estimator_input.penalties_of(V, self.alpha_W, self.alpha_H, self.l1_ratio)
        return {
            "beta": self._beta,
            "penalty": penalty,
            "max_iter": self.max_iter,
            "tol": self.tol,
            "threads": self.n_threads,
        }

    def _generator(self) -> np.random.Generator:
        """Convert `random_state` to a generator."""
        seed: Any = self.random_state
        if isinstance(seed, int | np.integer):
            return np.random.default_rng(int(seed))
        state = check_random_state(seed)
        return np.random.default_rng(state.randint(2**32, size=4, dtype=np.uint32))

    def _activations(self, V: Array, M: Array | None, status_of_fit: str = "converged") -> Array:
        """Find the activations [shape=(K, N)] of data under the components."""
        W, M = self.components_.T, self._modelled(V, M)
        start, options = estimator_input.equal_shares(V, M, W, self._beta), self._options(V)
        # Without extrapolation, which amplifies rounding: that depends on the number of samples,
        # and the activations of a sample must not depend on the others.
        result = nmf.encode(V, W, weights=M, H=start, extrapolate=False, **options)
        xp = namespace(V)
        if not xp.all(xp.isfinite(result.H)):  # which the guard of extrapolation prevents
            result = nmf.encode(V, W, weights=M, H=start, **options)
        for status in (status_of_fit, result.status):
            if (status == "max_iter" and self.tol > 0) or status == "nonfinite":
                warnings.warn(
                    f"MaskedNMF ended with {status!r} after max_iter={self.max_iter}: raise "
                    "max_iter or tol.",
                    ConvergenceWarning,
                    stacklevel=4,
                )
                break
        return result.H  # of a sample in which nothing is observed, the start: 0

    def _modelled(self, V: Array, M: Array | None) -> Array | None:
        """Set the weights of features to 0 for which all components are zero."""
        xp = namespace(V)
        modelled = xp.any(self.components_ > 0, axis=0)
        if xp.all(modelled):
            return M
        return xp.where(modelled[:, None], xp.ones_like(V) if M is None else M, 0)

    def _divergence(self, V: Array, M: Array | None, H: Array) -> float:
        """Sum the weighted divergence of the model with these activations from the data."""
        W = self.components_.T
        return float(nmf.encode(V, W, weights=M, H=H, beta=self._beta, max_iter=0).trace[-1])


def _dtypes(X: ArrayLike | Array) -> list[Any]:
    """Give the dtypes that are kept; others become the first."""
    is_kept = get_config()["array_api_dispatch"] and is_foreign(X)
    xp = namespace(X) if is_kept else np
    return [xp.float64, xp.float32]
