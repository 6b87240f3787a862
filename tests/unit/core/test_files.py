"""Outputs appear whole or not at all, and what cannot work is refused before any work is done."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from spectramend.core.files import (
    atomic_file,
    atomic_folder,
    check_folder,
    check_input,
    check_output,
)
from spectramend.errors import FileError

TOO_LONG = "x" * 300


def forbid(flag: int) -> Callable[..., bool]:
    """Give an `os.access` that denies `flag`, as root would never see it."""
    return lambda _path, mode: not mode & flag


def no_space(*_: Any, **__: Any) -> NoReturn:
    """Fail as a full disk does."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def stop_half_way(file: Path, failure: type[BaseException]) -> NoReturn:
    """Fail in the midst of writing."""
    file.write_text("half")
    raise failure


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def umask() -> Iterator[int]:
    mask = 0o027
    before = os.umask(mask)
    yield mask
    os.umask(before)


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """Make the folder of an earlier experiment."""
    folder = tmp_path / "result"
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps({"experiment": "thiemann2015"}))
    (folder / "old.wav").write_text("old")
    return folder


# Inputs


def test_an_input_with_something_in_it_passes_as_a_path(tmp_path: Path) -> None:
    file = tmp_path / "in.wav"
    file.write_bytes(b"x")
    assert check_input(str(file)) == file


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.wav", "no such file"),
        ("absent/in.wav", "no such file"),
        (TOO_LONG, "no such file"),
        ("folder", "is a directory; name a file"),
        ("empty.wav", "is empty"),
    ],
)
def test_an_input_that_cannot_be_read_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.wav").touch()
    with pytest.raises(FileError, match=f"{name}: {message}"):
        check_input(tmp_path / name)


def test_an_input_without_read_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in.wav").write_bytes(b"x")
    monkeypatch.setattr(os, "access", forbid(os.R_OK))
    with pytest.raises(FileError, match=r"in\.wav: cannot be read; check its permissions"):
        check_input(tmp_path / "in.wav")


# Outputs


def test_a_new_output_passes_and_is_not_made(tmp_path: Path) -> None:
    assert check_output(str(tmp_path / "out.wav")) == tmp_path / "out.wav"
    assert names(tmp_path) == []


def test_an_existing_output_is_refused_unless_it_may_be_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "out.wav"
    file.write_text("old")
    with pytest.raises(FileError, match=r"out\.wav: exists; choose another name, or replace"):
        check_output(file)
    assert check_output(file, overwrite=True) == file
    assert file.read_text() == "old"


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("folder", "is a directory; name a file to write"),
        ("pipe", "is a device or a pipe"),
        ("absent/out.wav", "the folder .*absent does not exist; create it first"),
        ("file/out.wav", "the folder .*file does not exist"),
    ],
)
def test_an_output_that_cannot_be_is_refused(
    tmp_path: Path, name: str, message: str, overwrite: bool
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError, match=message):
        check_output(tmp_path / name, overwrite=overwrite)


def test_an_output_in_a_folder_without_write_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", forbid(os.W_OK))
    with pytest.raises(FileError, match="is not writable; choose another"):
        check_output(tmp_path / "out.wav")


@pytest.mark.parametrize("mode", [0o444, 0o400])
def test_a_read_only_output_is_refused_even_to_root(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "out.wav"
    file.write_text("old")
    file.chmod(mode)
    with pytest.raises(FileError, match=r"out\.wav: exists"):
        check_output(file)
    with pytest.raises(FileError, match=r"out\.wav: is read-only; choose another name or make it"):
        check_output(file, overwrite=True)
    file.chmod(0o200)
    assert check_output(file, overwrite=True) == file


def test_the_folder_of_an_output_is_that_to_which_a_link_leads(tmp_path: Path) -> None:
    (tmp_path / "link.wav").symlink_to("absent/out.wav")
    with pytest.raises(FileError, match=r"link\.wav: the folder .*absent does not exist"):
        check_output(tmp_path / "link.wav")


# Whole files


def test_a_file_appears_only_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "out.wav"
    with atomic_file(target) as temporary:
        assert (temporary.parent, temporary.suffix) == (tmp_path, ".wav")
        assert temporary.read_bytes() == b""
        temporary.write_text("new")
        assert not target.exists()
    assert names(tmp_path) == ["out.wav"]
    assert target.read_text() == "new"


def test_a_file_gets_the_permissions_of_any_new_file(tmp_path: Path, umask: int) -> None:
    with atomic_file(tmp_path / "out.wav"):
        pass
    assert (tmp_path / "out.wav").stat().st_mode & 0o777 == 0o666 & ~umask
    assert os.umask(umask) == umask


@pytest.mark.usefixtures("umask")
def test_a_replaced_file_hands_down_its_permissions(tmp_path: Path) -> None:
    target = tmp_path / "out.wav"
    target.touch()
    target.chmod(0o604)
    with atomic_file(target, overwrite=True):
        pass
    assert target.stat().st_mode & 0o777 == 0o604


@pytest.mark.parametrize("exists", [False, True])
def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path, exists: bool) -> None:
    (tmp_path / "deep").mkdir()
    if exists:
        (tmp_path / "deep" / "out.flac").write_text("old")
    link = tmp_path / "link.wav"
    link.symlink_to("deep/out.flac")
    with atomic_file(link, overwrite=True) as temporary:
        assert (temporary.parent, temporary.suffix) == (tmp_path / "deep", ".flac")
        temporary.write_text("new")
    assert link.is_symlink()
    assert link.read_text() == "new"
    assert names(tmp_path) + names(tmp_path / "deep") == ["deep", "link.wav", "out.flac"]


def test_a_file_is_on_the_disk_before_it_takes_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[int, bool]] = []
    target = tmp_path / "out.wav"

    def fsync(handle: int) -> None:
        done.append((os.fstat(handle).st_size, target.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    with atomic_file(target) as temporary:
        temporary.write_text("new")
    assert done == [(3, False)]


def test_a_file_whose_name_is_as_long_as_can_be_is_written(tmp_path: Path) -> None:
    target = tmp_path / ("é" * 125 + ".wav")
    with atomic_file(target) as temporary:
        temporary.write_text("new")
    assert names(tmp_path) == [target.name]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    target = tmp_path / "out.wav"
    target.write_text("old")
    with pytest.raises(failure), atomic_file(target, overwrite=True) as temporary:
        stop_half_way(temporary, failure)
    assert names(tmp_path) == ["out.wav"]
    assert target.read_text() == "old"


def test_an_existing_file_is_refused_before_the_block_begins(tmp_path: Path) -> None:
    (tmp_path / "out.wav").write_text("old")
    with pytest.raises(FileError, match="exists"), atomic_file(tmp_path / "out.wav"):
        pytest.fail("the block ran")
    assert names(tmp_path) == ["out.wav"]


def test_a_file_is_replaced_where_it_may_be(tmp_path: Path) -> None:
    (tmp_path / "out.wav").write_text("old")
    with atomic_file(tmp_path / "out.wav", overwrite=True) as temporary:
        temporary.write_text("new")
    assert (tmp_path / "out.wav").read_text() == "new"


@pytest.mark.parametrize(
    ("owner", "function"), [(tempfile, "mkstemp"), (Path, "write_text"), (Path, "replace")]
)
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, function: str
) -> None:
    target = tmp_path / "out.wav"
    target.write_bytes(b"old")
    monkeypatch.setattr(owner, function, no_space)
    with (
        pytest.raises(FileError, match=r"out\.wav: cannot be written: No space left on device\.$"),
        atomic_file(target, overwrite=True) as temporary,
    ):
        temporary.write_text("new")
    assert names(tmp_path) == ["out.wav"]
    assert target.read_bytes() == b"old"


def test_a_name_that_is_too_long_cannot_be_written(tmp_path: Path) -> None:
    with (
        pytest.raises(FileError, match="cannot be written: File name too long"),
        atomic_file(tmp_path / TOO_LONG),
    ):
        pass
    assert names(tmp_path) == []


# Whole folders


@pytest.mark.parametrize("exists", [False, True])
def test_a_folder_appears_only_when_the_block_ends(tmp_path: Path, exists: bool) -> None:
    target = tmp_path / "out"
    if exists:
        target.mkdir()
    with atomic_folder(target) as temporary:
        assert names(temporary) == []
        (temporary / "new.wav").write_text("new")
        assert target.exists() == exists
    assert names(tmp_path) == ["out"]
    assert (target / "new.wav").read_text() == "new"


def test_a_folder_gets_the_permissions_of_any_new_folder(tmp_path: Path, umask: int) -> None:
    with atomic_folder(tmp_path / "out"):
        pass
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o777 & ~umask


def test_an_earlier_result_is_refused_unless_it_may_be_overwritten(result: Path) -> None:
    with pytest.raises(FileError, match="result: exists; choose another name, or replace"):
        check_folder(result)
    assert check_folder(str(result), overwrite=True) == result


def test_an_earlier_result_is_replaced_whole(result: Path) -> None:
    with atomic_folder(result, overwrite=True) as temporary:
        (temporary / "new.wav").write_text("new")
        assert "old.wav" in names(result)
    assert names(result) == ["new.wav"]
    assert names(result.parent) == ["result"]


@pytest.mark.parametrize(
    "content",
    [
        None,
        "not JSON",
        "{}",
        '["experiment"]',
        '"experiment"',
        "1",
        '{"a": "experiment"}',
        "\udcff",
    ],
)
def test_a_folder_that_holds_other_files_is_never_replaced(
    tmp_path: Path, content: str | None
) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "thesis.tex").write_text("years of work")
    if content is not None:
        (target / "metrics.json").write_text(content, "utf-8", errors="surrogateescape")
    with (
        pytest.raises(FileError, match="out: holds other files; choose another folder"),
        atomic_folder(target, overwrite=True),
    ):
        pytest.fail("the block ran")
    assert (target / "thesis.tex").read_text() == "years of work"
    assert names(tmp_path) == ["out"]


def test_a_folder_where_a_file_is_or_without_a_parent_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="file: is a file; name a folder"):
        check_folder(tmp_path / "file", overwrite=True)
    with pytest.raises(FileError, match="absent is absent or not writable"):
        check_folder(tmp_path / "absent" / "out")


def test_a_folder_in_a_folder_without_write_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", forbid(os.W_OK))
    with pytest.raises(FileError, match="is absent or not writable"):
        check_folder(tmp_path / "out")


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_the_old_folder_and_nothing_else(
    result: Path, failure: type[BaseException]
) -> None:
    with pytest.raises(failure), atomic_folder(result, overwrite=True) as temporary:
        stop_half_way(temporary / "half.wav", failure)
    assert names(result) == ["metrics.json", "old.wav"]
    assert names(result.parent) == ["result"]


@pytest.mark.parametrize("failing_rename", [1, 2])
def test_a_failed_rename_leaves_the_old_folder_and_nothing_else(
    result: Path, monkeypatch: pytest.MonkeyPatch, failing_rename: int
) -> None:
    rename, calls = Path.rename, []

    def failing(self: Path, target: Path) -> Path:
        calls.append(target)
        return no_space() if len(calls) == failing_rename else rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with (
        pytest.raises(FileError, match="result: cannot be written: No space left on device"),
        atomic_folder(result, overwrite=True),
    ):
        pass
    assert names(result) == ["metrics.json", "old.wav"]
    assert names(result.parent) == ["result"]


@pytest.mark.parametrize(
    ("owner", "function"), [(tempfile, "mkdtemp"), (Path, "mkdir"), (Path, "write_text")]
)
def test_a_full_disk_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, function: str
) -> None:
    monkeypatch.setattr(owner, function, no_space)
    with (
        pytest.raises(FileError, match="out: cannot be written: No space left on device"),
        atomic_folder(tmp_path / "out") as temporary,
    ):
        (temporary / "new.wav").write_text("new")
    assert names(tmp_path) == []
