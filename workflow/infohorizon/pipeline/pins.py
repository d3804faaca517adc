"""Hub revisions, resolved once: where config.yaml pins none, later runs use the commit of the first download."""

import json
import os
from pathlib import Path


def pinned(table: str | Path, source: str) -> str | None:
    """The commit that `table` (a stage's output) was first made from, if its source is still the same."""
    try:
        record = json.loads(_file(table).read_text())
    except (OSError, ValueError):
        return None
    return record["commit"] if record.get("source") == source else None


def pin(table: str | Path, source: str, commit: str) -> None:
    """Remember a commit beside `table`; delete the file to move on to a newer one."""
    file = _file(table)
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps({"source": source, "commit": commit}) + "\n")
    os.replace(temporary, file)


def _file(table: str | Path) -> Path:
    # No declared output: Snakemake deletes those before a job runs again.
    return Path(f"{table}.lock")
