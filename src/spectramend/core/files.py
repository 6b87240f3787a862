"""Files: where one came from, and outputs that appear whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from spectramend.errors import FileError

# What tells a folder of results from one of somebody's own: a file, and a key in it.
RESULTS = {"metrics.json": "experiment", "report.json": "spectramend"}


@dataclass(frozen=True)
class Source:
    """Where training material came from: file name, SHA-256 of the file, and duration."""

    name: str
    sha256: str
    seconds: float


def check_output(path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Refuse an output that cannot be written, before any work is done for it.

    Parameters
    ----------
    path : path-like
        The file to be written.
    overwrite : bool
        Whether it may replace an existing file.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    FileError
        If the file exists, is read-only, a directory or a device, or its folder is absent or not
        writable.

    Examples
    --------
    >>> check_output("/")
    Traceback (most recent call last):
    spectramend.errors.FileError: /: is a directory; name a file to write.
    """
    target = Path(path)
    folder = _followed(target).parent
    # os.path answers where Path raises: a name that is too long, a folder that may not be searched.
    if os.path.isdir(target):
        raise FileError(f"{target}: is a directory; name a file to write.")
    if os.path.exists(target) and not os.path.isfile(target):
        raise FileError(f"{target}: is a device or a pipe; name a file to write.")
    if os.path.exists(target) and not overwrite:
        raise FileError(f"{target}: exists; choose another name or allow it to be overwritten.")
    if os.path.exists(target) and not _is_writable(target):
        raise FileError(f"{target}: is read-only; choose another name or make it writable.")
    if not os.path.isdir(folder):
        raise FileError(f"{target}: the folder {folder} does not exist; create it first.")
    if not os.access(folder, os.W_OK):
        raise FileError(f"{target}: the folder {folder} is not writable; choose another.")
    return target


def check_input(path: str | os.PathLike[str]) -> Path:
    """Refuse an input that is not a readable file with something in it.

    Parameters
    ----------
    path : path-like
        The file to be read.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    FileError
        If there is no such file, or it is a directory, empty or unreadable.
    """
    source = Path(path)
    if os.path.isdir(source):
        raise FileError(f"{source}: is a directory; name a file.")
    if not os.path.exists(source):
        raise FileError(f"{source}: no such file.")
    if not os.access(source, os.R_OK):
        raise FileError(f"{source}: cannot be read; check its permissions.")
    if source.is_file() and source.stat().st_size == 0:
        raise FileError(f"{source}: is empty.")
    return source


@contextmanager
def whole_file(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary path beside `path` that takes its place when the block ends well.

    Parameters
    ----------
    path : path-like
        The file to be written; where it is a link, the file that it leads to.
    overwrite : bool
        Whether it may replace an existing file.

    Yields
    ------
    Path
        An empty file with the same suffix, to be written.

    Raises
    ------
    FileError
        If the file may not or cannot be written; nothing is left behind.

    Notes
    -----
    A file that is replaced hands down its permissions. The new one is on the disk before it takes
    the name, so that not even a power cut leaves half of it.
    """
    target = check_output(path, overwrite=overwrite)
    file = _followed(target)
    temporary: Path | None = None
    try:
        # A part of the name, so that the temporary one is not too long where the name itself fits.
        handle, name = tempfile.mkstemp(
            prefix=f".{file.stem[:20]}-", suffix=file.suffix, dir=file.parent
        )
        temporary = Path(name)
        os.close(handle)
        yield temporary
        temporary.chmod(_mode(file))
        _to_disk(temporary)
        temporary.replace(file)
    except OSError as error:
        raise FileError(f"{target}: cannot be written: {error.strerror or error}.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def check_folder(path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Refuse an output folder that cannot be made, before any work is done for it.

    Parameters
    ----------
    path : path-like
        The folder to be made. One that exists is replaced only if it is empty, or if it may be
        overwritten and holds the ``metrics.json`` of an experiment or the ``report.json`` of a
        repair.
    overwrite : bool
        Whether it may replace an earlier result.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    FileError
        If it holds something else, is a file, or its parent is absent or not writable.
    """
    target = Path(path)
    parent = target.absolute().parent
    if target.exists() and not target.is_dir():
        raise FileError(f"{target}: is a file; name a folder.")
    if target.is_dir() and any(target.iterdir()):
        if not _holds_result(target):
            raise FileError(f"{target}: holds other files; choose another folder.")
        if not overwrite:
            raise FileError(f"{target}: exists; choose another name or allow it to be overwritten.")
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise FileError(f"{target}: the folder {parent} is absent or not writable.")
    return target


@contextmanager
def whole_folder(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary folder beside `path` that takes its place when the block ends well.

    Parameters
    ----------
    path : path-like
        The folder to be made, see `check_folder`.
    overwrite : bool
        Whether it may replace an earlier result.

    Yields
    ------
    Path
        An empty folder, to be filled.

    Raises
    ------
    FileError
        If the folder may not or cannot be written; nothing is left behind.
    """
    target = check_folder(path, overwrite=overwrite)
    temporary: Path | None = None
    try:
        parent = target.absolute().parent
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name[:20]}-", dir=parent))
        content = temporary / "new"
        content.mkdir()
        yield content
        _take_place(content, target, temporary / "old")
    except OSError as error:
        raise FileError(f"{target}: cannot be written: {error.strerror or error}.") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _followed(path: Path) -> Path:
    """Give the file that a link leads to, so that the link stays one."""
    return Path(os.path.realpath(path)) if os.path.islink(path) else path


def _is_writable(path: Path) -> bool:
    """Tell whether a file may be written; to root, too, one that nobody may write is read-only."""
    return bool(path.stat().st_mode & 0o222) and os.access(path, os.W_OK)


def _mode(path: Path) -> int:
    """Give the permissions of a file, or those that a new one would get: mkstemp's are private."""
    if path.exists():
        return stat.S_IMODE(path.stat().st_mode)
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


def _to_disk(path: Path) -> None:
    """Wait until a file is on the disk."""
    with path.open("r+b") as stream:
        os.fsync(stream.fileno())


def _take_place(content: Path, target: Path, old: Path) -> None:
    """Rename a folder to the target, whose earlier content goes to `old`, or back if that fails."""
    if not target.exists():
        content.rename(target)
        return
    target.rename(old)
    try:
        content.rename(target)
    except BaseException:
        old.rename(target)
        raise


def _holds_result(folder: Path) -> bool:
    """Tell whether a folder was written by an experiment or a repair."""
    for name, key in RESULTS.items():
        try:
            content = json.loads((folder / name).read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(content, dict) and key in content:
            return True
    return False
