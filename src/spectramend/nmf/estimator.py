"""Masked NMF as a scikit-learn estimator: what is NaN is missing, and each cell may have a weight.

scikit-learn has samples in rows, ``X (n_samples, n_features) ≈ W @ H``; this is the transpose of
``V (F, N) ≈ W @ H`` elsewhere in this package. What scikit-learn calls W, the transformed data, is
``H.T`` here, and its H, `components_`, is ``W.T``.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from spectramend import nmf
from spectramend.errors import MismatchError, MissingExtraError, ParameterError
from spectramend.nmf._engine.arrays import Array, as_array, as_numpy, is_foreign, is_real, namespace

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

Init: TypeAlias = Literal["sample", "exemplars", "random", "custom"] | None

BETA_LOSSES = {"frobenius": 2.0, "kullback-leibler": 1.0, "itakura-saito": 0.0}
FOLDS = 5  # of the cells of a sample, for `MaskedNMF.score`


class MaskedNMF(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Nonnegative matrix factorization of data with missing cells.

    Finds nonnegative ``W (n_samples, n_components)`` and ``H (n_components, n_features)`` whose
    product is near X where X is observed. Cells that are NaN, or whose weight is 0, are missing: no
    value in them has any influence, and ``inverse_transform`` says what they should be.

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
        Where to start: from rows of X after a few iterations on part of it, from rows of X, from
        random factors, or from the W and H given to `fit` or `fit_transform`. None is ``"sample"``.
    beta_loss : float or {"frobenius", "kullback-leibler", "itakura-saito"}
        Which beta-divergence d; the names are those of 2, 1 and 0.
    tol : float, >= 0
        Stop when the objective falls, between two checks, by less than this part of its first
        value. 0 does `max_iter` iterations.
    max_iter : int, >= 0
        Iterations at most. A ``ConvergenceWarning`` says if they did not reach `tol`.
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
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray [shape=(n_features,), object]
        Names of the features, if X had such names, all of them strings.

    Notes
    -----
    `fit_transform` ends with what `transform` does, so that both give the same: components are
    held, and the activations of every sample are found anew.

    Zeros in X need not be taken out for ``beta_loss <= 0``: data counts as at least 1e-14 of the
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
        max_iter: int = 200,
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
        W : array_like [shape=(n_samples, n_components), >= 0], optional
            Where to start, for ``init="custom"``.
        H : array_like [shape=(n_components, n_features), >= 0], optional
            Where to start, for ``init="custom"``.

        Returns
        -------
        MaskedNMF
            Itself.

        Raises
        ------
        ParameterError
            If a value cannot work, or no cell is observed.
        MismatchError
            If shapes do not fit together.
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
        """Learn the components, and give the activations of the data.

        Parameters
        ----------
        X : array_like [shape=(n_samples, n_features), >= 0 or NaN]
            Data.
        y : object
            Not used; scikit-learn's convention.
        weights : array_like [shape=(n_samples, n_features), bool or >= 0], optional
            Weight of each cell; a cell of weight 0 is missing. 1 if None.
        W : array_like [shape=(n_samples, n_components), >= 0], optional
            Where to start, for ``init="custom"``.
        H : array_like [shape=(n_components, n_features), >= 0], optional
            Where to start, for ``init="custom"``.

        Returns
        -------
        ndarray [shape=(n_samples, n_components), >= 0]
            Activations of the components.

        Raises
        ------
        ParameterError
            If a value cannot work, or no cell is observed.
        MismatchError
            If shapes do not fit together.
        """
        return self._learn(X, weights, W, H)

    def transform(self, X: ArrayLike, *, weights: ArrayLike | None = None) -> Any:
        """Find the activations of data, with the components as they are.

        Parameters
        ----------
        X : array_like [shape=(n_samples, n_features), >= 0 or NaN]
            Data.
        weights : array_like [shape=(n_samples, n_features), bool or >= 0], optional
            Weight of each cell; a cell of weight 0 is missing. 1 if None.

        Returns
        -------
        ndarray [shape=(n_samples, n_components), >= 0]
            Activations of the components.

        Raises
        ------
        ParameterError
            If a value cannot work.
        MismatchError
            If shapes do not fit together.
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

        Raises
        ------
        ParameterError
            If X has another number of columns than there are components.
        """
        check_is_fitted(self)
        activations = check_array(X, dtype=_dtypes(X))
        self._check_kind(activations)
        if activations.shape[1] != self.n_components_:
            raise MismatchError(
                f"X has {activations.shape[1]} columns: give {self.n_components_}, "
                "one for each component."
            )
        return activations @ self.components_

    def score(self, X: ArrayLike, y: object = None, *, weights: ArrayLike | None = None) -> float:
        """Tell how well the components predict each cell of data from the others of its sample.

        The observed cells of every sample are dealt out to five folds; each fold is hidden in turn
        and predicted from the other four. Thus more components do not always score better, and
        `sklearn.model_selection.GridSearchCV` can choose their number, the penalties, or `max_iter`
        (but not `beta_loss`, since the divergence itself is what is averaged).

        Parameters
        ----------
        X : array_like [shape=(n_samples, n_features), >= 0 or NaN]
            Data, best such as was not seen by `fit`.
        y : object
            Not used; scikit-learn's convention.
        weights : array_like [shape=(n_samples, n_features), bool or >= 0], optional
            Weight of each cell; a cell of weight 0 is missing. 1 if None.

        Returns
        -------
        float
            Minus the weighted mean, over the observed cells, of the divergence from the prediction.

        Raises
        ------
        ParameterError
            If a value cannot work, or no sample has two observed cells.
        MismatchError
            If shapes do not fit together.
        """
        check_is_fitted(self)
        V, M = self._checked(X, weights, reset=False)
        xp = namespace(V)
        M = self._explicable(V, M)
        M = xp.ones_like(V) if M is None else M
        M = xp.where(xp.sum(M > 0, axis=0) >= 2, M, 0)  # one cell has no others
        if not xp.any(M > 0):
            raise ParameterError("No sample of X has two observed cells: give more of them.")
        # Counting observed cells, not features: any two neighbours fall into different folds.
        fold = as_array(xp, np.cumsum(as_numpy(M) > 0, axis=0) % FOLDS, like=V)
        loss = 0.0
        for number in range(FOLDS):
            apart = xp.where(fold == number, M, 0)
            if xp.any(apart > 0):
                H = self._activations(V, xp.where(fold == number, 0, M))
                loss += self._divergence(V, apart, H)
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
        self,
        X: ArrayLike,
        weights: ArrayLike | None,
        W: ArrayLike | None,
        H: ArrayLike | None,
    ) -> Array:
        """Set the attributes, and give the activations [shape=(n_samples, n_components)]."""
        V, M = self._checked(X, weights, reset=True)
        xp = namespace(V)
        n_components, start = self._start(V, W, H)
        if M is not None and not xp.any(M > 0):
            raise ParameterError("X has no observed cell: nothing can be learned from it.")
        result = nmf.fit(V, n_components, weights=M, rng=self._generator(), **start, **self._how(V))
        components = result.W.T
        if M is not None:
            components = xp.where(xp.any(M > 0, axis=1), components, 0)
        self.components_ = components
        self.n_components_ = n_components
        self.n_iter_ = result.n_iter
        activations = self._activations(V, M, result.status)
        self.reconstruction_err_ = math.sqrt(2 * max(self._divergence(V, M, activations), 0))
        return activations.T

    def _checked(
        self, X: ArrayLike, weights: ArrayLike | None, *, reset: bool
    ) -> tuple[Array, Array | None]:
        """Give data and weights, None if all weigh 1, in this package's order [shape=(F, N)].

        What stands in missing cells is replaced by 0.
        """
        values = validate_data(self, X, dtype=_dtypes(X), ensure_all_finite=False, reset=reset)
        xp = namespace(values)
        if not reset:
            self._check_kind(values)
        M = None
        missing = xp.isnan(values)
        if weights is not None:
            given = as_array(xp, weights, like=values)
            if given.shape != values.shape:
                raise MismatchError(
                    f"weights has shape {tuple(given.shape)}, X {tuple(values.shape)}: "
                    "make them equal."
                )
            if not (is_real(xp, given) and xp.all(given >= 0) and xp.all(given < math.inf)):
                raise ParameterError("weights has cells that are not numbers >= 0: make them so.")
            M = xp.where(missing, 0, given)
        elif xp.any(missing):
            M = ~missing
        if M is not None:
            values = xp.where(M > 0, values, 0)
        least, most = float(xp.min(values)), float(xp.max(values))
        if least < 0:
            raise ParameterError(
                f"Negative values in data, such as {least}: make them NaN if they are missing."
            )
        if most == math.inf:
            raise ParameterError("X has infinite cells: make them NaN if they are missing.")
        return values.T, None if M is None else M.T

    def _check_kind(self, values: Array) -> None:
        """Refuse arrays of another library, or on another device, than those of `fit`."""
        places = [
            (namespace(x), str(getattr(x, "device", "cpu"))) for x in (values, self.components_)
        ]
        if places[0] != places[1]:
            kinds = [f"{xp.__name__} on {device}" for xp, device in places]
            raise ParameterError(
                f"X is {kinds[0]}, but fit was given {kinds[1]}: give the same to both."
            )

    def _start(
        self, V: Array, W: ArrayLike | None, H: ArrayLike | None
    ) -> tuple[int, dict[str, Any]]:
        """Give the number of components, and where `nmf.fit` is to start."""
        n_features, n_samples = V.shape
        n_components: Any = self.n_components
        if self.init == "custom":
            if W is None or H is None:
                raise ParameterError("init='custom' without W and H: give both to fit.")
            xp = namespace(V)
            components, activations = as_array(xp, H, like=V), as_array(xp, W, like=V)
            if n_components == "auto":
                n_components = components.shape[0]
        elif not (W is None and H is None):
            raise ParameterError(f"W or H with init={self.init!r}: give init='custom' with them.")
        if n_components in (None, "auto"):
            n_components = n_features
        if not (isinstance(n_components, int | np.integer) and n_components >= 1):
            raise ParameterError(
                f"n_components={n_components!r}: give a whole number of at least 1, 'auto' or None."
            )
        K = int(n_components)
        if self.init == "custom":
            for name, given, wanted in (
                ("W", activations, (n_samples, K)),
                ("H", components, (K, n_features)),
            ):
                if given.shape != wanted:
                    raise MismatchError(
                        f"{name} has shape {tuple(given.shape)}: {wanted} is needed."
                    )
                if not (xp.all(given >= 0) and xp.all(given < math.inf)):
                    raise ParameterError(f"{name} has cells that are not numbers >= 0.")
            return K, {"W": components.T, "H": activations.T}
        return K, {"init": self.init or "sample"}

    def _how(self, V: Array) -> dict[str, Any]:
        """Give the options that `nmf.fit` and `nmf.encode` share."""
        n_features, n_samples = V.shape
        alpha_W: Any = self.alpha_W
        alpha_H: Any = alpha_W if self.alpha_H == "same" else self.alpha_H
        for name, value, most in (
            ("alpha_W", alpha_W, math.inf),
            ("alpha_H", alpha_H, math.inf),
            ("l1_ratio", self.l1_ratio, 1),
        ):
            if isinstance(value, str) or not 0 <= value <= most:
                raise ParameterError(f"{name}={value!r}: give a number from 0 to {most}.")
        l1, l2 = self.l1_ratio, 1 - self.l1_ratio
        return {
            "beta": self._beta,
            # scikit-learn's W are the activations, see above.
            "penalty": nmf.Penalties(
                l1_W=n_samples * alpha_H * l1,
                l1_H=n_features * alpha_W * l1,
                l2_W=n_samples * alpha_H * l2,
                l2_H=n_features * alpha_W * l2,
            ),
            "max_iter": self.max_iter,
            "tol": self.tol,
            "threads": self.n_threads,
        }

    @property
    def _beta(self) -> float:
        """Which divergence, as a number."""
        if not isinstance(self.beta_loss, str):
            return float(self.beta_loss)
        if self.beta_loss not in BETA_LOSSES:
            names = ", ".join(map(repr, BETA_LOSSES))
            raise ParameterError(f"beta_loss={self.beta_loss!r}: give a number, or one of {names}.")
        return BETA_LOSSES[self.beta_loss]

    def _generator(self) -> np.random.Generator:
        """Make of `random_state` what the rest of this package takes."""
        seed: Any = self.random_state
        if isinstance(seed, int | np.integer):
            return np.random.default_rng(int(seed))
        state = check_random_state(seed)
        return np.random.default_rng(state.randint(2**32, size=4, dtype=np.uint32))

    def _activations(self, V: Array, M: Array | None, status_of_fit: str = "converged") -> Array:
        """Find the activations [shape=(K, N)] of data under the components."""
        W, M = self.components_.T, self._explicable(V, M)
        # Plain steps: extrapolation makes so much of rounding, which depends on how many samples
        # there are, that a sample would not come out alike alone and among others.
        how = {**self._how(V), "weights": M, "H": _shares(V, M, W, self._beta)}
        result = nmf.encode(V, W, extrapolate=False, **how)
        xp = namespace(V)
        if not xp.all(xp.isfinite(result.H)):  # which the guard of extrapolation prevents
            result = nmf.encode(V, W, **how)
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

    def _explicable(self, V: Array, M: Array | None) -> Array | None:
        """Take weight from features for which all components are zero."""
        xp = namespace(V)
        explicable = xp.any(self.components_ > 0, axis=0)
        if xp.all(explicable):
            return M
        return xp.where(explicable[:, None], xp.ones_like(V) if M is None else M, 0)

    def _divergence(self, V: Array, M: Array | None, H: Array) -> float:
        """Sum the weighted divergence of the model with these activations from the data."""
        W = self.components_.T
        return float(nmf.encode(V, W, weights=M, H=H, beta=self._beta, max_iter=0).trace[-1])


def _dtypes(X: ArrayLike | Array) -> list[Any]:
    """Give the types of number that are kept; others become the first."""
    own = get_config()["array_api_dispatch"] and is_foreign(X)
    xp = namespace(X) if own else np
    return [xp.float64, xp.float32]


def _shares(V: Array, M: Array | None, W: Array, beta: float) -> Array:
    """Give all atoms an equal share of each sample, at the scale that is best [shape=(K, N)].

    Thus no sample depends on others. For ``U = sum_k w_k / mean(w_k)`` the divergence of ``s*U``
    has the derivative ``s**(beta-2) * sum(M * (s*U - V) * U**(beta-1))``, which vanishes once.
    """
    xp = namespace(V)
    atoms = xp.asarray(W, dtype=xp.float64)
    means = xp.mean(atoms, axis=0)
    used = means > xp.finfo(xp.float64).tiny
    shares = xp.where(used, 1 / xp.where(used, means, 1), 0)
    U = atoms @ shares
    U = xp.where(U > 0, U, 1)  # where it is 0, so is M
    num = U ** (beta - 1)
    num = num / xp.sum(num)
    num, den = (xp.asarray(x, dtype=V.dtype) for x in (num, num * U))
    if M is None:
        scale = num @ V / xp.sum(den)
    else:
        M = xp.asarray(M, dtype=V.dtype)
        seen = den @ M
        scale = num @ (M * V) / xp.where(seen > 0, seen, 1)
    return shares[:, None] * scale[None, :]
