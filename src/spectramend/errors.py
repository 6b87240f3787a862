"""What can go wrong, as exceptions whose message is one line: what, which value, and the remedy.

`SpectramendError` is the root, so a caller catches everything with one name and the command
line turns each into one line and exit status 1.
"""

from __future__ import annotations


class SpectramendError(Exception):
    """Anything that Spectramend refuses to do."""


class ParameterError(SpectramendError, ValueError):
    """A parameter has a value that cannot work."""


class OptionError(ParameterError):
    """An option is given that does not apply to what is to be done.

    `option` is its name, and `reason` says why it does not apply and what to do instead.
    """

    def __init__(self, option: str, value: object, reason: str) -> None:
        short = isinstance(value, str | bool | int | float)
        super().__init__(f"{option}={value!r}: {reason}" if short else f"{option}: {reason}")
        self.option, self.reason = option, reason


class MismatchError(ParameterError):
    """Two things that have to fit together do not: mask, dictionary, recording."""


class FileError(SpectramendError):
    """A file cannot be read, written, or is not what it should be."""


class AudioError(FileError):
    """A recording cannot be used: unreadable, empty, not audio, or not finite."""


class MissingExtraError(SpectramendError, ImportError):
    """An optional package is needed and not installed."""
