"""Impute hidden pixels of handwritten digits: NMF of a matrix that is not a spectrum.

Prints the root mean square error of the hidden pixels, whose values are from 0 to 16, where 30, 50
and 70 % of them are hidden. Nearest neighbours are unreliable where most pixels are hidden; NMF
learns the parts that digits consist of from all images together.

    pip install 'spectramend[sklearn]'
    python examples/impute_digits.py
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from spectramend import MaskedNMF


def impute_by_nmf(X):
    """Impute NaN by NMF."""
    model = MaskedNMF(n_components=32, alpha_W=0.1, max_iter=500, random_state=0)
    return model.inverse_transform(model.fit_transform(X))


METHODS = {
    "mean of the pixel": SimpleImputer(keep_empty_features=True).fit_transform,
    "nearest neighbours": KNNImputer(keep_empty_features=True).fit_transform,
    "regression": IterativeImputer(keep_empty_features=True, tol=0.2, random_state=0).fit_transform,
    "MaskedNMF": impute_by_nmf,
}


def rms_error(fill, X, part):
    """Hide a part of the pixels, impute them, and measure the error."""
    hidden = np.random.default_rng(0).random(X.shape) < part
    filled = fill(np.where(hidden, np.nan, X))
    return np.sqrt(np.mean((filled - X)[hidden] ** 2))


if __name__ == "__main__":
    X = load_digits().data[::2]
    parts = (0.3, 0.5, 0.7)
    print(f"{'hidden':20}" + "".join(f"{part:8.0%}" for part in parts))
    for name, fill in METHODS.items():
        print(f"{name:20}" + "".join(f"{rms_error(fill, X, part):8.2f}" for part in parts))
