"""The order of imports, and what the structure of the package may not exceed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import spectramend
import structure
from structure import Module, cycles, import_graph, imported_names, measure, modules

MODULES = modules()
FOUND = measure()

# A package imports from the lines above its own, and from packages to its left.
LAYERS = [
    ["_version", "errors", "__init__"],
    ["core", "display"],
    ["nmf"],
    ["audio", "labels", "hum", "detection", "evaluation", "reconstruction", "gaps", "declipping"],
    ["inpainting", "spectral_repair"],
    ["restoration"],
    ["reports"],
    ["experiments"],
    ["cli", "__main__"],
]
FRONT_ENDS = {"reports", "experiments", "cli", "__main__"}

# More than 8 parameters, as the libraries have them whose users call these.
MANY_PARAMETERS = {"spectramend.nmf.solve.fit", "spectramend.nmf.estimator.MaskedNMF.__init__"}

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


def package_of(name: str) -> str:
    """Name the module or package right under the root to which a name belongs."""
    return name.split(".")[1] if "." in name else "__init__"


def above(package: str) -> set[str]:
    """Name the packages that come before one in the order of imports."""
    order = [other for names in LAYERS for other in names]
    return set(order[: order.index(package)])


def loaded_by(statement: str) -> set[str]:
    """Name the modules that a fresh interpreter has after a statement."""
    program = f"import sys; {statement}; print(*sys.modules, file=sys.stderr)"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(result.stderr.split())


# How the source is read


def package_with(tmp_path: Path, **sources: str) -> Path:
    """Write a package and return its folder."""
    root = tmp_path / "spectramend"
    root.mkdir()
    for name, source in sources.items():
        (root / f"{name}.py").write_text(source, "utf-8")
    return root


def test_imports_in_functions_and_for_type_checkers_count(tmp_path: Path) -> None:
    source = (
        "import numpy, spectramend.a.b as c\n"
        "from spectramend import d, e\n"
        "from spectramendous import x\n"
        "if TYPE_CHECKING:\n    from spectramend.f import g\n"
        "class A:\n    def b():\n        from spectramend.j import k\n"
    )
    (module,) = modules(package_with(tmp_path, m=source))
    names = {"spectramend." + n for n in ("a.b", "d", "e", "f.g", "j.k")}
    assert imported_names(module.tree) == names
    assert [package_of("spectramend." + n) for n in ("a.b", "d")] == ["a", "d"]


def test_a_cycle_is_found(tmp_path: Path) -> None:
    root = package_with(
        tmp_path,
        a="from spectramend.b import x",
        b="def f():\n    import spectramend.c",
        c="if TYPE_CHECKING:\n    from spectramend.a import y",
        d="from spectramend.a import z",
    )
    assert cycles(import_graph(modules(root))) == [{f"spectramend.{name}" for name in "abc"}]


def test_what_is_too_much_is_counted(tmp_path: Path) -> None:
    many = ", ".join(f"a{i}" for i in range(8))
    long = "\n".join(["        x = 1"] * 45)
    methods = f"    def least(self):\n{long}\n    def most(self):\n{long}\n        x\n"
    root = package_with(
        tmp_path,
        p=f"def eight({many}):\n    pass\ndef nine({many}, *, b):\n    pass\n",
        q=f"class C:\n{methods}",
        r="A = 3\nB = 3  # samples\n# Févotte & Idier 2011\nC = (1.5, 2)\nD = 1\nE = f(4)\n",
        s="\n" * 401,
    )
    found = measure(root)
    assert found.many_parameters == {"spectramend.p.nine": 9}
    assert found.long_bodies == {"spectramend.q.C.most": 46}
    assert found.bare_numbers == ["spectramend.r.A", "spectramend.r.E"]
    assert found.long_files == {"spectramend.s": 401}


# What it has to be


def test_every_package_has_its_place_in_the_order() -> None:
    order = [name for names in LAYERS for name in names]
    assert {module.package for module in MODULES} == set(order)
    assert len(order) == len(set(order))
    assert len(LAYERS) <= 11


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_imports_point_up(module: Module) -> None:
    if module.package != "__init__":
        used = {package_of(name) for name in imported_names(module.tree)}
        assert used <= {module.package, *above(module.package)}


def test_the_structure_exceeds_nothing() -> None:
    assert len(FOUND.root_files) <= 5
    assert FOUND.import_cycles == []
    assert set(FOUND.many_parameters) == MANY_PARAMETERS
    assert FOUND.long_bodies == {}
    assert FOUND.long_files == {}
    assert FOUND.bare_numbers == []
    assert FOUND.n_lines <= 33000


def test_unit_tests_mirror_the_packages() -> None:
    folder = Path(__file__).parent
    packages = {m.package for m in MODULES if m.path.parent != structure.ROOT}
    folders = {path.name for path in folder.iterdir() if any(path.glob("test_*.py"))}
    assert folders == packages - {"cli"}  # tests/cli runs its commands
    names = [path.name for path in folder.parent.rglob("test_*.py")]
    assert len(names) == len(set(names))


def test_package_faces_only_gather_names() -> None:
    for module in MODULES:
        if module.path.name == "__init__.py" and module.path.parent != structure.ROOT:
            kinds = {type(node).__name__ for node in module.tree.body}
            assert kinds <= {"Expr", "Import", "ImportFrom", "Assign"}, module.name


def test_no_module_shares_its_name_with_a_public_function() -> None:
    functions = {
        name
        for module in MODULES
        if module.package not in FRONT_ENDS
        for name, _ in structure.functions(module.tree)
        if not name.startswith("_") and "." not in name
    }
    assert {"inpaint", "repair", "evaluate", "fit", "read"} <= functions
    stems = {module.path.stem for module in MODULES} | {m.path.parent.name for m in MODULES}
    assert stems & functions == set()
    for name in stems & set(spectramend.__all__):
        assert isinstance(getattr(spectramend, name), ModuleType)


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
