"""Dictionaries of spectra: trained on clean recordings, saved with their provenance."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend._version import __version__
from spectramend.core.files import Source, check_input, whole_file
from spectramend.core.stft import STFT
from spectramend.errors import FileError, MismatchError, ParameterError
from spectramend.nmf import fit
from spectramend.nmf.solve import RngLike

Quantity: TypeAlias = Literal["power", "magnitude"]

FORMAT = "spectramend-dictionary-1"
EXEMPLAR_FLOOR_DB = 100.0  # under the loudest frame: pauses are part of a recording, too
MAX_EXEMPLARS = 2000  # some 30 s of speech at a hop of 16 ms; of more material every n-th frame


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
        Frames of the training material in their order, for models that need more than a sum of
        atoms.
    follows : ndarray [shape=(frames,), bool], optional
        Whether an exemplar was heard right after the one before it.

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
        if self.quantity not in ("power", "magnitude"):
            raise ParameterError(f"quantity={self.quantity!r}: give 'power' or 'magnitude'.")
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
            # One order in memory, or what is loaded would round differently from what was trained.
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
        quantity: Quantity = "power",
        floor_db: float = 40.0,
        max_iter: int = 35,
        settle: int = 15,
        extrapolate: bool = True,
        sources: Sequence[Source] = (),
        rng: RngLike = None,
    ) -> Dictionary:
        """Train a dictionary on clean recordings, much as the 2015 notebook did.

        Frames that are mostly noise are dropped, atoms start from random frames, and activations
        settle before the atoms begin to move.

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
        quantity : {"power", "magnitude"}
            What the atoms hold. The notebook has magnitudes; power is what makes ``beta = 0``
            maximum likelihood.
        floor_db : float
            Frames are dropped whose magnitudes sum to so many decibels less than those of the
            loudest frame.
        max_iter : int
            Iterations.
        settle : int
            Iterations at the start in which the atoms stay as they are.
        extrapolate : bool
            Whether to extrapolate the steps, see `spectramend.nmf.fit`. The notebook did not, and
            did 50 iterations, 21 of them of the activations alone.
        sources : sequence of Source
            Provenance to keep with the atoms.
        rng : int, Generator or None
            Source of the random start.

        Returns
        -------
        Dictionary
            The trained dictionary.

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
        generator = np.random.default_rng(rng)
        if quantity not in ("power", "magnitude"):
            raise ParameterError(f"quantity={quantity!r}: give 'power' or 'magnitude'.")
        if not len(signals):
            raise ParameterError("signals is empty: give at least one recording.")
        spoken = [_frames(np.asarray(x), transform, number) for number, x in enumerate(signals, 1)]
        exemplars, follows = (
            _exemplars(spoken) if quantity == "power" and beta == 0 else (None, None)
        )
        magnitude = np.concatenate(
            [channel for recording in spoken for channel in recording], axis=1
        )
        loudness = magnitude.sum(axis=0)
        magnitude = magnitude[:, loudness > loudness.max() * 10 ** (-floor_db / 20)]
        V = (magnitude**2 if quantity == "power" else magnitude).astype(np.float32)
        K = -(-transform.n_bins // 5) if n_components is None else n_components
        N = V.shape[1]
        if not 1 <= K <= N:
            raise ParameterError(
                f"n_components={K}: the recordings have {N} frames above the floor; give 1 to {N}, "
                f"or more material."
            )
        W = V[:, generator.permutation(N)[:K]]
        H = np.abs(generator.standard_normal((K, N)))
        nmf = fit(
            V,
            beta=beta,
            step="heuristic",
            W=W,
            H=H,
            settle=settle,
            extrapolate=extrapolate,
            max_iter=max_iter,
            tol=0,
            check_every=max_iter,
        )
        return cls(
            nmf.W,
            sr,
            transform,
            beta,
            quantity,
            tuple(sources),
            exemplars=exemplars,
            follows=follows,
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
        with whole_file(path, overwrite=overwrite) as temporary:
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
    dictionary: Dictionary | Sequence[Dictionary] | None, name: str = "dictionary"
) -> tuple[Dictionary, ...]:
    """Take one dictionary, several, or none, as a tuple of dictionaries of one kind.

    Raises
    ------
    ParameterError
        If something else is among them, or an empty sequence is given.
    MismatchError
        If they differ in beta or quantity.
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
    if len(kinds) > 1:
        raise MismatchError(
            f"{name} has {len(several)} dictionaries of {len(kinds)} kinds (beta, quantity): give "
            f"those of one kind."
        )
    return several


def _frames(x: NDArray[Any], stft: STFT, number: int) -> NDArray[Any]:
    """Magnitudes of the channels of recording `number` [shape=(channels, F, frames)]."""
    if x.shape[-1:] < (stft.n_fft,):
        raise ParameterError(
            f"recording {number} has {x.shape[-1] if x.ndim else 0} samples, shorter than a frame "
            f"of {stft.n_fft}: give longer ones or a smaller n_fft."
        )
    if not np.isfinite(x).all():
        raise ParameterError(f"recording {number} has NaN or infinite samples: repair it first.")
    if not x.any():
        raise ParameterError(f"recording {number} is digital silence: nothing to learn from.")
    magnitude = np.abs(stft.forward(x))
    return magnitude.reshape(-1, *magnitude.shape[-2:])


def _exemplars(spoken: list[NDArray[Any]]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Choose exemplars [shape=(F, frames)], and say which follow the one before [shape=(frames,)].

    Quiet frames count, too: pauses have a spectrum.
    """
    channels = [channel for recording in spoken for channel in recording]
    V = np.concatenate(channels, axis=1) ** 2
    origin = np.repeat(np.arange(len(channels)), [channel.shape[1] for channel in channels])
    energy = V.sum(axis=0)
    loud = np.flatnonzero(energy > energy.max() * 10 ** (-EXEMPLAR_FLOOR_DB / 10))
    stride = -(-loud.size // MAX_EXEMPLARS)
    chosen = loud[::stride]
    follows = np.zeros(chosen.size, bool)
    follows[1:] = (np.diff(chosen) == stride) & (np.diff(origin[chosen]) == 0)
    return V[:, chosen].astype(np.float32), follows
