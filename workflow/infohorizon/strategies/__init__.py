"""Pruning strategies, one file each: a view of the visual tokens → the indices that stay."""

from infohorizon.strategies.registry import (
    ORACLE,
    REGISTRY,
    Entry,
    builtin,
    check,
    create,
    entry,
    first_layer,
    is_informed,
    is_oracle,
    matched_by,
    modules_of,
    names,
    read_of,
    source_of,
)

__all__ = [
    "ORACLE",
    "REGISTRY",
    "Entry",
    "builtin",
    "check",
    "create",
    "entry",
    "first_layer",
    "is_informed",
    "is_oracle",
    "matched_by",
    "modules_of",
    "names",
    "read_of",
    "source_of",
]
