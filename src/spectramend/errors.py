"""Exceptions. Each message is one line: what is wrong, which value, and the remedy.

All derive from `SpectramendError`; the command line prints it as one line and exits with status 1.
"""

from __future__ import annotations


class SpectramendError(Exception):
    """Base class of all errors that Spectramend raises."""


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
    """Shapes or settings differ, of a mask, a dictionary and a recording, say."""


class FileError(SpectramendError):
    """A file cannot be read or written, or has another format."""


class AudioError(FileError):
    """A recording cannot be used: unreadable, empty, not audio, or not finite."""


class MissingExtraError(SpectramendError, ImportError):
    """An optional package is needed and not installed."""
