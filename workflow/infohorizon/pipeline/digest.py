"""What makes a job run again: the code that computes its numbers, and the content of the files it reads.

Snakemake notices neither an edit in a module that a script imports nor that a file is new but its content is not. Both
digests are `params` of the rules.
"""

import ast
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from infohorizon.atomic import write_text
from infohorizon.seeding import digest_of

LIBRARY = Path(__file__).resolve().parents[1]
SCRIPTS = LIBRARY.parent / "scripts"
# Modules that change no number: tables as files, glue, checks, what the package re-exports. The registries name every
# strategy, benchmark and model, while a job names its own.
NEUTRAL = (
    "__init__.py",
    "errors.py",
    "schema.py",
    "transient.py",
    "tables/",
    "pipeline/",
    "strategies/registry.py",
    "strategies/schedule.py",
    "benchmarks/registry.py",
    "models/registry.py",
    "models/hub.py",
    "models/known_ids.py",
    "models/own_forward.py",
    "models/precision.py",
    "models/preflight.py",
)
# Glue that decides what is asked, and with which settings: it was taken out of several scripts.
DECISIVE = ("pipeline/asking.py", "pipeline/downsampled.py", "pipeline/scheduled.py")
FACTS = {"paper", "published", "licence", "golden", "differs", "needs", "training_free"}  # a strategy's, for the docs
SPOKEN = {"debug", "info", "warning", "error", "exception", "critical"}  # methods of a logger


def code(script: str | None, *modules: str) -> str:
    """Digest of workflow/scripts/<script>.py, `modules` (such as "strategies.dart", or a path) and all they import.

    Only modules of this library are followed, and only syntax that can change a number counts: no comments, docstrings,
    messages of errors, or log lines.
    """
    files = {SCRIPTS / f"{script}.py"} if script else set()
    files |= {Path(module) if module.endswith(".py") else _file(f"infohorizon.{module}") for module in modules}
    todo = list(files)
    while todo:
        new = _imports(todo.pop()) - files
        files |= new
        todo += new
    return digest_of(sorted([_name(file), _shape_of(file)] for file in files if not _neutral(file)))


def content(paths: Iterable[str | Path]) -> str:
    """Digest of files' names and bytes; file times decide nothing but whether a file has to be read again."""
    known, digests = _known(), []
    before = len(known)
    for path in map(Path, paths):
        state = path.stat()
        key = f"{path.resolve()}\0{state.st_size}\0{state.st_mtime_ns}\0{state.st_ino}"
        if key not in known:
            with path.open("rb") as stream:
                known[key] = hashlib.file_digest(stream, "sha256").hexdigest()
        digests.append([path.name, known[key]])
    if len(known) > before:
        _remember(known)
    return digest_of(sorted(digests))


class _Numbers(ast.NodeTransformer):
    """Leaves of a syntax tree what can change a number."""

    def undocumented(self, node: ast.AST) -> ast.AST:
        if _docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.body = [part for part in node.body if not _fact(part)] or [ast.Pass()]
        return self.undocumented(node)

    visit_Module = visit_FunctionDef = visit_AsyncFunctionDef = undocumented

    def visit_Raise(self, node: ast.Raise) -> ast.Raise:
        return ast.Raise(exc=node.exc.func if isinstance(node.exc, ast.Call) else node.exc, cause=None)

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        function = node.value.func if isinstance(node.value, ast.Call) else None
        logged = isinstance(function, ast.Attribute) and function.attr in SPOKEN
        return ast.Pass() if logged else self.generic_visit(node)


def _fact(node: ast.AST) -> bool:
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    return isinstance(target, ast.Name) and target.id in FACTS


def _docstring(node: ast.AST) -> bool:
    first = node.body[0] if node.body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)


def _shape(value: Any) -> Any:
    """A syntax tree as nested lists: node types and fields that hold something, the same in every Python version."""
    if isinstance(value, ast.AST):
        fields = [[name, _shape(field)] for name, field in ast.iter_fields(value) if field not in (None, [])]
        return [type(value).__name__, *fields]
    if isinstance(value, list):
        return [_shape(item) for item in value]
    return value if isinstance(value, str) else repr(value)


@cache
def _shape_of(file: Path) -> str:
    return digest_of(_shape(_Numbers().visit(_parsed(file))))


@cache
def _imports(file: Path) -> frozenset[Path]:
    found: set[Path | None] = set()
    for node in ast.walk(_parsed(file)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        found |= {_file(name) for name in names if name.split(".")[0] == "infohorizon"}
    return frozenset(path for path in found if path is not None)


def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _file(module: str) -> Path | None:
    """The file of a module of this library; None for a name inside a module."""
    path = LIBRARY.joinpath(*module.split(".")[1:])
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _name(file: Path) -> str:
    inside = file.is_relative_to(LIBRARY.parent)
    return file.relative_to(LIBRARY.parent).as_posix() if inside else file.name


def _neutral(file: Path) -> bool:
    if not file.is_relative_to(LIBRARY):
        return False
    name = file.relative_to(LIBRARY).as_posix()
    return name.startswith(NEUTRAL) and name not in DECISIVE


def _cache_file() -> Path:
    folder = os.environ.get("XDG_CACHE_HOME") or Path(os.environ.get("HOME", tempfile.gettempdir())) / ".cache"
    return Path(folder) / "infohorizon" / "digests.json"


def _known() -> dict[str, str]:
    """Digests of files read before; weights of many gigabytes are not read at every start."""
    try:
        return json.loads(_cache_file().read_text())
    except (OSError, ValueError):
        return {}


def _remember(known: dict[str, str]) -> None:
    with suppress(OSError):  # without the cache, files are read again next time
        write_text(_cache_file(), json.dumps(known))
