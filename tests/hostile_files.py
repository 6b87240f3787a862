"""Files that are not what they should be: an object that must not be unpickled, and the refusal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spectramend.errors import FileError


class Bomb:
    """An object that touches a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


def message_of(file: Path, load: Callable[[], object]) -> str:
    """Load a file that is refused, and give the one line that names it."""
    with pytest.raises(FileError) as caught:
        load()
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert len(message.splitlines()) == 1
    return message
