"""Measure the structure of the package: ``python tools/structure.py`` prints a table.

Files in the package root, layers in the order of imports, import cycles, functions with many
parameters, long bodies, long files, lines, and module-level numbers without a comment. The limits
are held by ``tests/unit/test_architecture.py``.
"""

from __future__ import annotations

import argparse
import ast
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1] / "src" / "spectramend"

Function = ast.FunctionDef | ast.AsyncFunctionDef

# What a comment beside a number has to hold: a unit, or where the number comes from.
UNIT = re.compile(
    r"\b(s|ms|minutes?|seconds?|Hz|kHz|octaves?|semitones?|dB|LUFS|samples?|frames?|bins?|cells?|"
    r"bits?|bytes?|[KM]i?B|pixels?|inches|orders?|atoms?|components?|iterations?|updates?|rounds?|"
    r"steps?|channels?|gaps?|columns?|points?|lines?|characters?|regions?|recordings?|items?|taps|"
    r"nodes?|levels?|elements?|values?|periods?|packets?|repeats?|lags?|percent|shares?|parts?|"
    r"ratios?|relative|factors?|times|weights?|exponents?|probabilit(y|ies)|odds|degrees?|radians?|"
    r"powers?|variances?|status|codes?|threads?|trials?|excerpts?|candidates?|draws?|counts?|"
    r"spectra|parameters?)\b|%|±|\*\*",
    re.IGNORECASE,
)
ORIGIN = re.compile(r"`[^`]+`|\b(19|20)\d\d\b|\beq\b|\bRFC \d|\bas in\b", re.IGNORECASE)


@dataclass(frozen=True)
class Module:
    """A source file of the package.

    Parameters
    ----------
    name : str
        Dotted name.
    path : Path
        The file.
    tree : ast.Module
        Its syntax tree.
    """

    name: str
    path: Path
    tree: ast.Module = field(repr=False)

    @property
    def package(self) -> str:
        """The module or package right under the root to which it belongs."""
        return self.name.split(".")[1] if "." in self.name else "__init__"

    @property
    def n_lines(self) -> int:
        """Lines of the file."""
        return len(self.path.read_text("utf-8").splitlines())


def modules(root: Path = ROOT) -> list[Module]:
    """Parse all modules of a package."""
    found = []
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found.append(Module(name, path, ast.parse(path.read_text("utf-8"))))
    return found


def imported_names(tree: ast.AST) -> set[str]:
    """Name what a tree imports from the package, in functions and for type checkers too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == ROOT.name}


def import_graph(of: list[Module]) -> dict[str, set[str]]:
    """Map each module to the modules that it imports; the lazy names of the root do not count."""
    names = {module.name for module in of}
    graph: dict[str, set[str]] = {}
    for module in of:
        wanted = set()
        for name in imported_names(module.tree):
            target = name if name in names else name.rpartition(".")[0]
            if target in names - {module.name, ROOT.name}:
                wanted.add(target)
        graph[module.name] = set() if module.name == ROOT.name else wanted
    return graph


def cycles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Find the strongly connected sets of more than one module (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            component = set()
            while True:
                member = stack.pop()
                component.add(member)
                if member == node:
                    break
            if len(component) > 1:
                found.append(component)

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Give all functions of a tree, methods and nested ones too, with their qualified names."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + child.name, child
            yield from functions(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.ClassDef):
            yield from functions(child, f"{prefix}{child.name}.")
        else:
            yield from functions(child, prefix)


def n_parameters(function: Function) -> int:
    """Count parameters, self and cls aside."""
    arguments = function.args
    named = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    stars = [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
    return len([name for name in named if name not in ("self", "cls")]) + len(stars)


def body_lines(function: Function) -> int:
    """Count the lines of a body, from its first statement to its last, docstring aside."""
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    if not body:
        return 0
    assert body[-1].end_lineno is not None
    return body[-1].end_lineno - body[0].lineno + 1


def _has_number(value: ast.expr) -> bool:
    """Whether an expression holds a number other than 0 and 1."""
    if isinstance(value, ast.JoinedStr | ast.Lambda | ast.Subscript):
        return False
    if isinstance(value, ast.Constant):
        number = isinstance(value.value, int | float) and not isinstance(value.value, bool)
        return number and value.value not in (0, 1)
    return any(_has_number(c) for c in ast.iter_child_nodes(value) if isinstance(c, ast.expr))


def uncommented_numbers(module: Module) -> list[str]:
    """Name the module-level numbers whose comment gives neither a unit nor an origin."""
    with tokenize.open(module.path) as stream:
        tokens = tokenize.generate_tokens(stream.readline)
        comments = {t.start[0]: t.string for t in tokens if t.type == tokenize.COMMENT}
    missing = []
    for node in module.tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        if not _has_number(node.value):
            continue
        assert node.end_lineno is not None
        lines = list(range(node.lineno, node.end_lineno + 1))
        above = node.lineno - 1
        while above in comments:
            lines.append(above)
            above -= 1
        text = " ".join(comments.get(line, "") for line in lines)
        if not (UNIT.search(text) or ORIGIN.search(text)):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            missing.append(f"{module.name}.{ast.unparse(target)}")
    return missing


@dataclass(frozen=True)
class Structure:
    """What was counted.

    Parameters
    ----------
    root_files : list of str
        Python files right under the package root.
    n_modules, n_lines : int
        Modules of the package and their lines.
    import_cycles : list of set of str
        Modules that import each other, imports for type checkers included.
    many_parameters : dict
        Functions with more than ``MAX_PARAMETERS`` parameters.
    long_bodies : dict
        Functions with bodies over ``MAX_BODY`` lines, docstrings aside.
    long_files : dict
        Files over ``MAX_FILE`` lines.
    bare_numbers : list of str
        Module-level numbers without unit or origin in their comment.
    """

    root_files: list[str]
    n_modules: int
    n_lines: int
    import_cycles: list[set[str]]
    many_parameters: dict[str, int]
    long_bodies: dict[str, int]
    long_files: dict[str, int]
    bare_numbers: list[str]


MAX_PARAMETERS = 8  # parameters of a function, self and cls aside
MAX_BODY = 45  # lines of a body, docstring aside
MAX_FILE = 400  # lines of a file


def measure(root: Path = ROOT) -> Structure:
    """Count all of it."""
    all_modules = modules(root)
    parameters, bodies, files = {}, {}, {}
    numbers: list[str] = []
    for module in all_modules:
        for name, function in functions(module.tree):
            if n_parameters(function) > MAX_PARAMETERS and module.package != "cli":
                parameters[f"{module.name}.{name}"] = n_parameters(function)
            if body_lines(function) > MAX_BODY:
                bodies[f"{module.name}.{name}"] = body_lines(function)
        if module.n_lines > MAX_FILE:
            files[module.name] = module.n_lines
        numbers += uncommented_numbers(module)
    return Structure(
        [path.name for path in sorted(root.glob("*.py"))],
        len(all_modules),
        sum(module.n_lines for module in all_modules),
        cycles(import_graph(all_modules)),
        parameters,
        bodies,
        files,
        numbers,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=ROOT, help="package to measure")
    parser.add_argument("--details", action="store_true", help="name what is counted")
    arguments = parser.parse_args()
    found = measure(arguments.root)
    rows = [
        ("files in the package root", found.root_files),
        ("import cycles", [" <-> ".join(sorted(cycle)) for cycle in found.import_cycles]),
        (f"functions with more than {MAX_PARAMETERS} parameters", found.many_parameters),
        (f"bodies over {MAX_BODY} lines", found.long_bodies),
        (f"files over {MAX_FILE} lines", found.long_files),
        ("module-level numbers without unit or origin", found.bare_numbers),
    ]
    print(f"{'modules':<50} {found.n_modules}")
    print(f"{'lines':<50} {found.n_lines}")
    for title, names in rows:
        print(f"{title:<50} {len(names)}")
        if arguments.details:
            values = names.items() if isinstance(names, dict) else ((name, "") for name in names)
            for name, value in values:
                print(f"    {name} {value}")


if __name__ == "__main__":
    main()
