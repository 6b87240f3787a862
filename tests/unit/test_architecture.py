"""The direction of imports, the names of modules and their size, read from the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import spectramend

ROOT = Path(spectramend.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

# A module imports from lines above its own, from its own package, and packages to its left.
LAYERS = [
    ["_version", "errors", "__init__"],
    ["core", "display"],
    ["nmf"],
    ["audio", "labels", "detection", "evaluation", "reconstruction", "gaps"],
    ["inpainting", "spectral_repair"],
    ["restoration"],
    ["reports"],
    ["experiments"],
    ["cli"],
    ["__main__"],
]
FRONT_ENDS = {"reports", "experiments", "cli", "__main__"}
MAX_LINES = 350  # docstrings aside

# What takes long to load, ours to need or not: only what is used may load it.
HEAVY = {
    "array_api_compat",
    "bokeh",
    "dask",
    "distributed",
    "librosa",
    "matplotlib",
    "numba",
    "pandas",
    "pesq",
    "pyloudnorm",
    "pystoi",
    "rich",
    "safetensors",
    "scipy",
    "sklearn",
    "soundfile",
    "soxr",
    "tensorflow",
    "threadpoolctl",
    "torch",
    "torchaudio",
    "torchnmf",
}


def part(module: str) -> str:
    """Name the module or package right under the root to which a module belongs."""
    return module.split(".")[1] if "." in module else "__init__"


def name_of(file: Path) -> str:
    """Give the dotted name of a module."""
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk all that runs: functions too, but not what only a type checker reads."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if is_type_checking(child):
            assert isinstance(child, ast.If)
            for other in child.orelse:
                yield from nodes(other)
        else:
            yield from nodes(child)


def imports(source: str) -> set[str]:
    """Find the modules and names of this package that a source imports."""
    found = set()
    for node in nodes(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == "spectramend"}


def below(name: str) -> set[str]:
    """Name the modules and packages that come before one in the order of imports."""
    order = [other for names in LAYERS for other in names]
    return set(order[: order.index(name)])


def public_functions(source: str) -> set[str]:
    """Name the public functions that a module defines."""
    body = ast.parse(source).body
    return {n.name for n in body if isinstance(n, ast.FunctionDef) and n.name[0] != "_"}


def lines_of_code(source: str) -> int:
    """Count lines, docstrings aside."""
    count = len(source.splitlines())
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            docstring = node.body[0]
            assert docstring.end_lineno is not None
            count -= docstring.end_lineno - docstring.lineno + 1
    return count


def loaded_by(statement: str) -> set[str]:
    """Name the modules that a fresh interpreter has after a statement."""
    program = f"import sys; {statement}; print(*sys.modules, file=sys.stderr)"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(result.stderr.split())


# How the source is read


def test_imports_are_found_in_functions_and_not_for_type_checkers() -> None:
    source = (
        "import numpy, spectramend.a.b as c\n"
        "from spectramend import d, e\n"
        "from spectramendous import x\n"
        "if TYPE_CHECKING:\n    from spectramend.f import g\n"
        "else:\n    from spectramend.h import i\n"
        "class A:\n    def b():\n        from spectramend.j import k\n"
    )
    assert imports(source) == {"spectramend." + n for n in ("a.b", "d", "e", "h.i", "j.k")}
    assert [part("spectramend." + n) for n in ("a.b", "d", "h.i")] == ["a", "d", "h"]


def test_docstrings_do_not_count_as_lines() -> None:
    assert lines_of_code('"""A.\n\nB."""\n\ndef f():\n    """C."""\n    x = """\n"""\n') == 4


# What it has to be


def test_every_package_has_its_place_in_the_order() -> None:
    parts = [part(name_of(file)) for file in MODULES]
    order = [name for names in LAYERS for name in names]
    assert set(parts) == set(order)
    assert len(order) == len(set(order))
    assert len(LAYERS) <= 11


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_imports_point_down(file: Path) -> None:
    own = part(name_of(file))
    assert {part(name) for name in imports(file.read_text("utf-8"))} <= {own, *below(own)}


def test_no_module_shares_its_name_with_a_public_function() -> None:
    functions: set[str] = set()
    for file in MODULES:
        if part(name_of(file)) not in FRONT_ENDS:
            functions |= public_functions(file.read_text("utf-8"))
    assert {"inpaint", "repair", "evaluate", "fit", "read"} <= functions
    modules = {file.stem for file in MODULES} | {file.parent.name for file in MODULES}
    assert modules & functions == set()
    for name in modules & set(spectramend.__all__):
        assert isinstance(getattr(spectramend, name), ModuleType)


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_modules_are_short(file: Path) -> None:
    assert lines_of_code(file.read_text("utf-8")) <= MAX_LINES


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not (HEAVY | {"numpy", "click"}) & loaded_by("import spectramend")
    assert "numpy" in loaded_by("import spectramend; spectramend.STFT")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["repair", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    loaded = loaded_by(f"from spectramend.cli import cli; cli.main({arguments}, standalone_mode=0)")
    assert "click" in loaded
    assert not (HEAVY | {"numpy"}) & loaded


def test_factorizing_arrays_of_numpy_loads_no_other_library() -> None:
    loaded = loaded_by("import numpy; from spectramend.nmf import fit; fit(numpy.ones((3, 4)), 1)")
    assert "numpy" in loaded
    assert not (HEAVY - {"scipy", "threadpoolctl"}) & loaded


def test_every_public_name_is_there() -> None:
    for name in spectramend.__all__:
        assert getattr(spectramend, name) is not None
    assert set(spectramend.__all__) <= set(dir(spectramend))
    assert spectramend.STFT.__module__ == "spectramend.core.stft"
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        spectramend.no_such_name  # noqa: B018
