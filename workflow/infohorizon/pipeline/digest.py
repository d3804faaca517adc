"""The code a stage runs, as one digest: its script and every module of this library that it imports."""

import ast
import hashlib
from functools import cache
from pathlib import Path

LIBRARY = Path(__file__).resolve().parents[1]
SCRIPTS = LIBRARY.parent / "scripts"
# What they name is passed to `code` as a module, so that a new line in them reruns nothing.
REGISTRIES = ("strategies/registry.py", "benchmarks/registry.py")


def code(script: str, *modules: str) -> str:
    """Digest of workflow/scripts/<script>.py, `modules` (such as "strategies.dart") and all they import from here.

    Snakemake notices changed scripts but not changed modules: as a `params` value this makes one edit rerun the
    stages that run the edited code, and no others.
    """
    files = {SCRIPTS / f"{script}.py"} | {_file(f"infohorizon.{module}") for module in modules}
    todo = list(files)
    while todo:
        new = _imports(todo.pop()) - files
        files |= new
        todo += new
    files -= {LIBRARY / registry for registry in REGISTRIES}
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(str(file.relative_to(LIBRARY.parent)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@cache
def _imports(file: Path) -> frozenset[Path]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        found |= {_file(name) for name in names if name.split(".")[0] == "infohorizon"}
    return frozenset(path for path in found if path is not None)


def _file(module: str) -> Path | None:
    """The file of a module of this library; None for a name inside a module."""
    path = LIBRARY.joinpath(*module.split(".")[1:])
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None
