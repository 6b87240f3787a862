"""Restored parts of a recording of any length, kept in a temporary file until they are written."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from spectramend.errors import FileError


@dataclass(frozen=True, eq=False)
class StoredPart:
    """New samples for a part of one channel, in a file."""

    channel: int  # from 0
    start: int
    stop: int
    stream: IO[bytes]
    offset: int  # bytes

    def samples_between(self, start: int, stop: int, x: NDArray[Any]) -> NDArray[np.float64]:
        """Read the new samples from start to stop [shape=(stop - start,)]."""
        self.stream.seek(self.offset + 8 * (start - self.start))
        return np.frombuffer(self.stream.read(8 * (stop - start)), np.float64)


class PartStore:
    """A temporary file in a folder, which nobody else sees; it is gone when the block ends."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)
        try:
            self._stream: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        except OSError as error:
            raise self._failed(error) from error
        self._size = 0

    def __enter__(self) -> PartStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stream.close()

    def add(self, channel: int, start: int, y: NDArray[np.float64]) -> StoredPart:
        """Keep the samples [shape=(n,)] from `start` on of a channel."""
        offset = self._size
        try:
            self._stream.seek(offset)
            self._stream.write(np.ascontiguousarray(y, np.float64).tobytes())
        except OSError as error:
            raise self._failed(error) from error
        self._size += 8 * y.size
        return StoredPart(channel, start, start + y.size, self._stream, offset)

    def _failed(self, error: OSError) -> FileError:
        return FileError(
            f"{self._folder}: restored samples cannot be kept there: {error.strerror or error}."
        )
