"""Hub revisions, resolved once: where config.yaml pins none, later runs use the commit of the first download."""

import json
from pathlib import Path

from infohorizon.atomic import write_text


def pinned(table: str | Path, source: str) -> str | None:
    """The commit that `table` (a stage's output) was first made from, if its source is still the same."""
    try:
        record = json.loads(_file(table).read_text())
    except (OSError, ValueError):
        return None
    return record["commit"] if record.get("source") == source else None


def pin(table: str | Path, source: str, commit: str) -> None:
    """Remember a commit beside `table`; delete the file to move on to a newer one."""
    write_text(_file(table), json.dumps({"source": source, "commit": commit}) + "\n")


def _file(table: str | Path) -> Path:
    # No declared output: Snakemake deletes those before a job runs again.
    return Path(f"{table}.lock")
