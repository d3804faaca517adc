"""Writes the pins: every package that the requirements need, with the version that the running environment has.

    make pins        in a new environment with the newest versions; then `make check test test-slow`, and commit

constraints.txt holds what library and pipeline need, constraints-dev.txt what tests and checks need beside it. The
conda files name the same versions one by one, since Snakemake copies nothing but the conda file itself.
"""

import re
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

ENVS = Path(__file__).resolve().parent
OWN_PINS = ("nvidia-", "cuda-", "triton")  # torch names their exact versions itself
# File → what it is for, and pip's options.
CONDA = {
    "cpu.yaml": (
        "the rules that run no model: torch without CUDA.",
        ["--extra-index-url https://download.pytorch.org/whl/cpu"],
    ),
    "gpu.yaml": (
        "the rules that run a model: torch from PyPI, which brings CUDA.\n"
        "# For an older driver add one of torch's own indexes, as in cpu.yaml (…/whl/cu126).",
        [],
    ),
}


def main() -> None:
    run = pins(["requirements.txt", "requirements-pipeline.txt"])
    everything = pins(["requirements.txt", "requirements-pipeline.txt", "requirements-dev.txt"])
    write("constraints.txt", run.values())
    write("constraints-dev.txt", (pin for name, pin in everything.items() if name not in run))
    for file in CONDA:
        (ENVS / file).write_text(conda(file))


def pins(files: Iterable[str]) -> dict[str, str]:
    """Normalised name → `name==version` of everything that these requirement files need, sorted by name."""
    found: dict[str, str] = {}
    todo = [requirement for file in files for requirement in requirements(file)]
    while todo:
        name = normal(todo.pop().name)
        if name in found or name.startswith(OWN_PINS):
            continue
        package = distribution(name)
        found[name] = f"{package.name}=={package.version.split('+')[0]}"
        needed = map(Requirement, package.requires or [])
        todo += [other for other in needed if other.marker is None or other.marker.evaluate({"extra": ""})]
    return dict(sorted(found.items()))


def requirements(file: str) -> list[Requirement]:
    """The requirements of a file in this folder, which may have comments."""
    lines = (line.partition("#")[0].strip() for line in (ENVS / file).read_text().splitlines())
    return [Requirement(line) for line in lines if line]


def normal(name: str) -> str:
    """A package's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def write(file: str, lines: Iterable[str]) -> None:
    (ENVS / file).write_text("\n".join(lines) + "\n")


def conda(file: str) -> str:
    """Text of a conda file with the pins of constraints.txt."""
    purpose, options = CONDA[file]
    lines = [*options, *(ENVS / "constraints.txt").read_text().split()]
    listed = "".join(f"      - {line}\n" for line in lines)
    head = f"# Written by `make pins`: the environment of {purpose}\n"
    return f"{head}channels: [conda-forge, nodefaults]\ndependencies:\n  - python =3.11\n  - pip\n  - pip:\n{listed}"


if __name__ == "__main__":
    main()
