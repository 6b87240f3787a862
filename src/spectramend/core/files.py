"""Input and output files: checks before any work, and atomic writes."""

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

# Files, with a key of their JSON, by which a folder of results of ours is recognised.
_RESULT_FILES = {"metrics.json": "experiment", "report.json": "spectramend"}
_REPLACE = "choose another name, or replace it with --overwrite (overwrite=True)"


@dataclass(frozen=True)
class Source:
    """Origin of training material: file name, SHA-256 of the file, and duration in seconds."""

    name: str
    sha256: str
    seconds: float


def check_output(path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Refuse an output file that cannot be written, before any work is done; return its path."""
    target = Path(path)
    folder = _link_target(target).parent
    # Path would raise for a name that is too long or a folder that may not be searched.
    if os.path.isdir(target):
        raise FileError(f"{target}: is a directory; name a file to write.")
    if os.path.exists(target) and not os.path.isfile(target):
        raise FileError(f"{target}: is a device or a pipe; name a file to write.")
    if os.path.exists(target) and not overwrite:
        raise FileError(f"{target}: exists; {_REPLACE}.")
    if os.path.exists(target) and not _is_writable(target):
        raise FileError(f"{target}: is read-only; choose another name or make it writable.")
    if not os.path.isdir(folder):
        raise FileError(f"{target}: the folder {folder} does not exist; create it first.")
    if not os.access(folder, os.W_OK):
        raise FileError(f"{target}: the folder {folder} is not writable; choose another.")
    return target


def check_input(path: str | os.PathLike[str]) -> Path:
    """Refuse an input file that is absent, a directory, empty or unreadable; return its path."""
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
def atomic_file(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """Write a file atomically: give an empty temporary file that replaces `path` at the end.

    It has the suffix of `path`; where that is a link, the file that it leads to is replaced. The
    content is on the disk before it gets the name, so that a power cut leaves the old file or the
    new one. Permissions of a replaced file stay. An exception removes the temporary file.
    """
    target = check_output(path, overwrite=overwrite)
    file = _link_target(target)
    temporary: Path | None = None
    try:
        # Only a part of the name, which may be as long as names can be.
        handle, name = tempfile.mkstemp(
            prefix=f".{file.stem[:20]}-", suffix=file.suffix, dir=file.parent
        )
        temporary = Path(name)
        os.close(handle)
        yield temporary
        temporary.chmod(_permissions(file))
        _flush_to_disk(temporary)
        temporary.replace(file)
    except OSError as error:
        raise FileError(f"{target}: cannot be written: {error.strerror or error}.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def check_folder(path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Refuse an output folder that cannot be made, before any work is done; return its path.

    It may exist if it is empty or, with `overwrite`, holds the results of an experiment
    (``metrics.json``) or a repair (``report.json``): other files are never replaced.
    """
    target = Path(path)
    parent = target.absolute().parent
    if target.exists() and not target.is_dir():
        raise FileError(f"{target}: is a file; name a folder.")
    if target.is_dir() and any(target.iterdir()):
        if not _holds_result(target):
            raise FileError(f"{target}: holds other files; choose another folder.")
        if not overwrite:
            raise FileError(f"{target}: exists; {_REPLACE}.")
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise FileError(f"{target}: the folder {parent} is absent or not writable.")
    return target


@contextmanager
def atomic_folder(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """Write a folder atomically: give an empty temporary one that replaces `path` at the end."""
    target = check_folder(path, overwrite=overwrite)
    temporary: Path | None = None
    try:
        parent = target.absolute().parent
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name[:20]}-", dir=parent))
        content = temporary / "new"
        content.mkdir()
        yield content
        _replace_folder(content, target, temporary / "old")
    except OSError as error:
        raise FileError(f"{target}: cannot be written: {error.strerror or error}.") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _link_target(path: Path) -> Path:
    """Follow a link, which then stays one; give other paths as they are."""
    return Path(os.path.realpath(path)) if os.path.islink(path) else path


def _is_writable(path: Path) -> bool:
    """Whether a file may be written; one without write permission is read-only even to root."""
    return bool(path.stat().st_mode & 0o222) and os.access(path, os.W_OK)


def _permissions(path: Path) -> int:
    """Give the permissions of a file, or those of a new one, which mkstemp does not give."""
    if path.exists():
        return stat.S_IMODE(path.stat().st_mode)
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


def _flush_to_disk(path: Path) -> None:
    """Wait until the content of a file is on the disk."""
    with path.open("r+b") as stream:
        os.fsync(stream.fileno())


def _replace_folder(content: Path, target: Path, old: Path) -> None:
    """Rename `content` to `target`, and what was there to `old`; undo that on failure."""
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
    """Whether a folder was written by an experiment or a repair."""
    for name, key in _RESULT_FILES.items():
        try:
            content = json.loads((folder / name).read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(content, dict) and key in content:
            return True
    return False
