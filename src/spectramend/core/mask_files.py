"""Files of masks: ``.npz`` holds a mask whole, ``.npy`` and ``.png`` only which cells to keep."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.core.files import atomic_file
from spectramend.core.stft import STFT
from spectramend.errors import FileError, MismatchError

M = TypeVar("M")

WHITE = 0.5  # of full scale; a brighter pixel is a cell to keep (engineering choice: the middle)


def write_npz(path: str | os.PathLike[str], fields: Mapping[str, Any], *, overwrite: bool) -> None:
    """Write the fields of a mask as an ``.npz`` file."""
    with atomic_file(path, overwrite=overwrite) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **fields)


def transform_fields(stft: STFT) -> dict[str, ArrayLike]:
    """Give the fields of an ``.npz`` file that `read_npz` makes a transform of."""
    window = stft.window if isinstance(stft.window, str) else json.dumps(stft.window)
    return {
        "n_fft": stft.n_fft,
        "hop_length": stft.hop_length,
        "window": window,
        "center": stft.center,
    }


def read_npz(source: Path, make: Callable[..., M]) -> M:
    """Make a mask of the fields of an ``.npz`` file; refuse any other file with a `FileError`."""
    try:
        # np.load does not close a broken file that it opened itself.
        with source.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            fields = {name: stored[name] for name in stored.files}
        return make(
            fields["observed"],
            str(fields["damage"]),
            ratio=float(fields["ratio"]) if "ratio" in fields else None,
            floor=float(fields.get("floor", 0.0)),
            bound=fields.get("bound"),
            stft=_transform(fields),
            sr=int(fields["sr"]),
        )
    except KeyError as error:
        raise FileError(f"{source}: not a mask file: it has no {error.args[0]!r}.") from None
    except Exception as error:  # zipfile and zlib alone raise a dozen kinds
        raise FileError(f"{source}: not a mask file: {_one_line(error)}") from None


def read_cells(source: Path, make: Callable[[NDArray[Any]], M]) -> M:
    """Make a mask of a ``.npy`` array or a ``.png`` picture, whose lowest row is row 0."""
    try:
        if source.suffix.lower() == ".npy":
            with source.open("rb") as file:
                return make(np.load(file, allow_pickle=False))
        from matplotlib.image import imread

        picture = np.asarray(imread(source))[::-1]
        return make((picture if picture.ndim == 2 else picture[..., :3].mean(axis=2)) > WHITE)
    except MismatchError:
        raise
    except Exception as error:  # a broken file makes the readers raise nearly anything
        raise FileError(f"{source}: not a mask: {_one_line(error)}") from None


def _transform(fields: Mapping[str, NDArray[Any]]) -> STFT:
    """Read the transform of an ``.npz`` file."""
    window = str(fields["window"])
    return STFT(
        int(fields["n_fft"]),
        int(fields["hop_length"]),
        tuple(json.loads(window)) if window.startswith("[") else window,
        bool(fields["center"]),
    )


def _one_line(error: Exception) -> str:
    """Give the message of an exception without line breaks, or its name if it has none."""
    return " ".join(str(error).split()) or type(error).__name__
