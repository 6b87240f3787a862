"""Public docstrings name exactly the parameters that there are, in their order."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from numpydoc.docscrape import FunctionDoc

import spectramend
import spectramend.audio
import spectramend.nmf
from spectramend.restoration.jobs import Job
from spectramend.restoration.recording_files import Excerpt, FileRepair


def public_objects() -> Iterator[tuple[str, Any]]:
    """Functions, classes and methods of all modules, where they are defined."""
    for info in pkgutil.walk_packages(spectramend.__path__, "spectramend."):
        if ".cli" in info.name or info.name.endswith("__main__"):
            continue
        module = importlib.import_module(info.name)
        for name, thing in vars(module).items():
            here = getattr(thing, "__module__", None) == info.name
            protocol = getattr(thing, "_is_protocol", False)  # nothing makes one
            if name.startswith("_") or not here or not callable(thing) or protocol:
                continue
            if not inspect.isclass(thing):
                yield f"{info.name}.{name}", thing
                continue
            if not issubclass(thing, Exception | tuple | dict):
                yield f"{info.name}.{name}", thing
            for method in vars(thing).values():
                function = getattr(method, "__func__", method)
                if inspect.isfunction(function) and not function.__name__.startswith("_"):
                    yield f"{info.name}.{name}.{function.__name__}", function


OBJECTS = dict(public_objects())
# Of `spectramend.audio`, and of what public functions return, this is for users, too.
AUDIO = [
    "FileInfo",
    "Patch",
    "PatchReport",
    "inspect",
    "read",
    "read_part",
    "write",
    "write_patched",
]
EXPORTED = [
    *(
        getattr(module, name)
        for module in (spectramend, spectramend.nmf)
        for name in module.__all__
        if name not in ("__version__", "Hidden") and callable(getattr(module, name))
    ),
    *(getattr(spectramend.audio, name) for name in AUDIO),
    *(Job, Excerpt, FileRepair),
]


@pytest.mark.parametrize("name", OBJECTS)
def test_documented_parameters_are_those_of_the_signature(name: str) -> None:
    thing = OBJECTS[name]
    documented = [
        word.strip().lstrip("*")
        for parameter in FunctionDoc(thing)["Parameters"]
        for word in parameter.name.split(",")
    ]
    signature = [p for p in inspect.signature(thing).parameters if p not in ("self", "cls")]
    # What modules share among themselves may have one line; what is exported may not.
    if documented or thing in EXPORTED:
        assert documented == signature


def test_every_public_name_has_a_docstring() -> None:
    assert len(OBJECTS) > 40
    assert all((thing.__doc__ or "").strip() for thing in EXPORTED)
