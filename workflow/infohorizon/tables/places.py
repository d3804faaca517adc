"""What a table's path says of its rows: of which model, benchmark and shard they are."""

import re
from collections.abc import Iterable
from pathlib import Path

from infohorizon.errors import UserError
from infohorizon.tables.schemas import TABLES


def place(path: str | Path, name: str) -> dict[str, str]:
    """The wildcards of `TABLES[name].path` as a path ends in them, whatever the results folder.

    "runs/answers/mini/vqa/part-0.arrow" as an answers table is {"model": "mini", "benchmark": "vqa", "shard": "0"}.

    Raises:
        UserError: the path ends in another way.
    """
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(TABLES[name].path))
    found = re.search(f"(?:^|/){pattern}$", Path(path).as_posix())
    if found is None:
        raise UserError(
            f"{path} is not where a table '{name}' belongs: move it to a path that ends in {TABLES[name].path}."
        )
    return found.groupdict()


def matching(paths: Iterable[str], name: str, **wildcards: str) -> list[str]:
    """Those of the paths of table `name` whose place has these values, in the order given."""
    return [path for path in paths if wildcards.items() <= place(path, name).items()]
