"""Dictionaries of spectra: trained on clean recordings, saved with their provenance."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend._version import __version__
from spectramend.core.files import Source, atomic_file, check_input
from spectramend.core.stft import STFT
from spectramend.errors import FileError, MismatchError, ParameterError
from spectramend.inpainting.dictionary_learning import (
    Quantity,
    Training,
    check_quantity,
    learn_spectra,
)
from spectramend.nmf.solve import RngLike

if TYPE_CHECKING:
    from typing_extensions import Unpack

FORMAT = "spectramend-dictionary-1"


class _TrainingOptions(TypedDict, total=False):
    """Further options of `Dictionary.train`."""

    quantity: Quantity
    floor_db: float
    max_iter: int
    settle: int
    extrapolate: bool


@dataclass(frozen=True, eq=False)
class Dictionary:
    """Spectra of a voice or an instrument, and how they were made.

    Parameters
    ----------
    W : ndarray [shape=(F, K), float32, >= 0]
        One atom a column, at the level of the training material.
    sr : int
        Sample rate in Hz.
    stft : STFT
        The transform.
    beta : float
        Divergence that the atoms were trained with.
    quantity : {"power", "magnitude"}
        What the atoms hold.
    sources : sequence of Source
        The recordings.
    version : str
        Version of Spectramend that made it.
    exemplars : ndarray [shape=(F, frames), float32, >= 0], optional
        Frames of the training material as power, in their order.
    follows : ndarray [shape=(frames,), bool], optional
        Whether an exemplar comes right after the exemplar before it in a recording.

    Raises
    ------
    ParameterError
        If `W` is not a nonnegative matrix, or another value cannot work.
    MismatchError
        If `W` has not the frequencies of `stft`.
    """

    W: NDArray[np.float32]
    sr: int
    stft: STFT
    beta: float = 0.0
    quantity: Quantity = "power"
    sources: tuple[Source, ...] = ()
    version: str = __version__
    exemplars: NDArray[np.float32] | None = None
    follows: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        W = np.ascontiguousarray(self.W, np.float32)
        if W.ndim != 2 or W.size == 0 or not (np.isfinite(W).all() and (W >= 0).all()):
            raise ParameterError(f"W has shape {W.shape}: give a finite matrix (F, K), >= 0.")
        if W.shape[0] != self.stft.n_bins:
            raise MismatchError(
                f"W has {W.shape[0]} frequencies, n_fft={self.stft.n_fft} gives {self.stft.n_bins}."
            )
        check_quantity(self.quantity)
        if not isinstance(self.sr, int | np.integer) or self.sr < 1:
            raise ParameterError(f"sr={self.sr!r}: give the sample rate in Hz, an integer.")
        if not isinstance(self.beta, int | float | np.number) or not np.isfinite(self.beta):
            raise ParameterError(f"beta={self.beta!r}: give a finite number.")
        object.__setattr__(self, "W", W)
        object.__setattr__(self, "sr", int(self.sr))
        object.__setattr__(self, "beta", float(self.beta))
        object.__setattr__(self, "sources", tuple(self.sources))
        if (self.exemplars is None) != (self.follows is None):
            raise ParameterError("exemplars and follows belong together: give both or neither.")
        if self.exemplars is not None and self.follows is not None:
            # The order in memory decides how products round: the same for loaded and trained ones.
            object.__setattr__(self, "exemplars", np.ascontiguousarray(self.exemplars, np.float32))
            object.__setattr__(self, "follows", np.ascontiguousarray(self.follows, bool))
            shapes = self.exemplars.shape, self.follows.shape
            if shapes != ((W.shape[0], shapes[0][-1]), (shapes[0][-1],)):
                raise MismatchError(
                    f"exemplars have shape {shapes[0]}, follows {shapes[1]}: give (F, frames) and "
                    f"(frames,)."
                )

    @property
    def n_components(self) -> int:
        """Number of atoms K."""
        return self.W.shape[1]

    @classmethod
    def train(
        cls,
        signals: Sequence[ArrayLike],
        *,
        sr: int,
        stft: STFT | None = None,
        n_components: int | None = None,
        beta: float = 0.0,
        sources: Sequence[Source] = (),
        rng: RngLike = None,
        **options: Unpack[_TrainingOptions],
    ) -> Dictionary:
        """Train a dictionary on clean recordings, much as the 2015 notebook did.

        Frames that are mostly noise are dropped, atoms start from random frames, and the first
        iterations update the activations alone.

        Parameters
        ----------
        signals : sequence of array_like [shape=(..., n)]
            Recordings; every channel counts.
        sr : int
            Their sample rate in Hz.
        stft : STFT, optional
            The transform; ``STFT()`` if None.
        n_components : int, optional
            Number of atoms K; a fifth of the frequencies, rounded up, if None.
        beta : float
            Divergence.
        sources : sequence of Source
            Provenance to keep with the atoms.
        rng : int, Generator or None
            Source of the random start.
        **options
            See below.

        Returns
        -------
        Dictionary
            The trained dictionary.

        Other Parameters
        ----------------
        quantity : {"power", "magnitude"}
            What the atoms hold: power, the default, which makes ``beta = 0`` maximum likelihood, or
            magnitudes, as in the notebook.
        floor_db : float
            Frames whose magnitudes sum to so many decibels less than those of the loudest are
            dropped; 40 by default.
        max_iter : int
            Iterations; 35 by default.
        settle : int
            Iterations at the start that update the activations alone; 15 by default.
        extrapolate : bool
            Whether to extrapolate the steps, see `spectramend.nmf.fit`; True by default. The
            notebook did not, and did 50 iterations, 21 of them of the activations alone.

        Raises
        ------
        ParameterError
            If there is no signal, one is silent, not finite or shorter than a frame, or fewer
            frames than atoms are left.

        Examples
        --------
        >>> rng = np.random.default_rng(0)
        >>> noise = rng.standard_normal(16000)
        >>> voice = Dictionary.train([noise], sr=16000, n_components=4, rng=rng)
        >>> voice.W.shape
        (513, 4)
        """
        transform = STFT() if stft is None else stft
        training = Training(n_components, beta, **options)
        found = learn_spectra(signals, transform, training, np.random.default_rng(rng))
        return cls(
            found.W,
            sr,
            transform,
            beta,
            training.quantity,
            tuple(sources),
            exemplars=found.exemplars,
            follows=found.follows,
        )

    def check_fits(self, *, stft: STFT, sr: int) -> None:
        """Refuse a recording that this dictionary does not fit.

        Parameters
        ----------
        stft : STFT
            Transform of the recording.
        sr : int
            Its sample rate in Hz.

        Raises
        ------
        MismatchError
            If a setting differs; the message says which, and both values.
        """
        if sr != self.sr:
            raise MismatchError(
                f"the dictionary was made at {self.sr} Hz, the recording has {sr} Hz: resample one "
                f"of them or train another dictionary."
            )
        for name in ("n_fft", "hop_length", "window", "center"):
            mine, other = getattr(self.stft, name), getattr(stft, name)
            if mine != other:
                raise MismatchError(
                    f"the dictionary was made with {name}={mine!r}, the recording's transform has "
                    f"{name}={other!r}: use the same."
                )

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write a safetensors file with the atoms and their provenance.

        Parameters
        ----------
        path : path-like
            The file.
        overwrite : bool
            Whether it may replace an existing file.

        Raises
        ------
        FileError
            If the file exists or cannot be written.
        """
        from safetensors.numpy import save

        metadata = {
            "format": FORMAT,
            "version": self.version,
            "sr": json.dumps(self.sr),
            "stft": json.dumps(asdict(self.stft)),
            "beta": json.dumps(self.beta),
            "quantity": self.quantity,
            "sources": json.dumps([asdict(source) for source in self.sources]),
        }
        tensors: dict[str, NDArray[Any]] = {"W": self.W}
        if self.exemplars is not None and self.follows is not None:
            tensors |= {"exemplars": self.exemplars, "follows": self.follows}
        content = save(
            {name: np.ascontiguousarray(values) for name, values in tensors.items()}, metadata
        )
        with atomic_file(path, overwrite=overwrite) as temporary:
            temporary.write_bytes(content)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Dictionary:
        """Read a dictionary.

        Parameters
        ----------
        path : path-like
            A file that `save` wrote.

        Returns
        -------
        Dictionary
            The dictionary.

        Raises
        ------
        FileError
            If the file cannot be read or is not a dictionary.
        """
        from safetensors import SafetensorError, safe_open

        source = check_input(path)
        try:
            with safe_open(source, framework="numpy") as stored:
                metadata = stored.metadata() or {}
                if metadata.get("format") != FORMAT:
                    raise FileError(f"{source}: not a dictionary of Spectramend.")
                return cls(
                    stored.get_tensor("W"),
                    json.loads(metadata["sr"]),
                    STFT(**json.loads(metadata["stft"])),
                    json.loads(metadata["beta"]),
                    metadata["quantity"],  # checked by the class
                    tuple(Source(**record) for record in json.loads(metadata["sources"])),
                    metadata["version"],
                    *(
                        stored.get_tensor(name) if name in stored.keys() else None  # noqa: SIM118
                        for name in ("exemplars", "follows")
                    ),
                )
        except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
            raise FileError(f"{source}: not a dictionary of Spectramend: {error}") from None


def as_dictionaries(
    dictionary: Dictionary | Sequence[Dictionary] | None,
    name: str = "dictionary",
    *,
    one_kind: bool = True,
) -> tuple[Dictionary, ...]:
    """Give one dictionary, several, or None as a tuple.

    Raises ParameterError for anything else and for an empty sequence, and MismatchError if
    dictionaries differ in beta or quantity, where they have to be of `one_kind`.
    """
    if dictionary is None:
        return ()
    several = tuple(dictionary) if isinstance(dictionary, Iterable) else (dictionary,)
    if not several:
        raise ParameterError(f"{name} is empty: give at least one dictionary.")
    for one in several:
        if not isinstance(one, Dictionary):
            raise ParameterError(f"{name} holds {one!r}: give dictionaries.")
    kinds = {(one.beta, one.quantity) for one in several}
    if one_kind and len(kinds) > 1:
        raise MismatchError(
            f"{name} has {len(several)} dictionaries of {len(kinds)} kinds (beta, quantity): give "
            f"those of one kind."
        )
    return several
