"""Pruning strategies, one file each: a view of the visual tokens → the indices that stay."""

from infohorizon.strategies.registry import (
    ORACLE,
    REGISTRY,
    Entry,
    check,
    create,
    entry,
    is_informed,
    is_oracle,
    matched_by,
    modules_of,
    names,
    source_of,
    table,
)

__all__ = [
    "ORACLE",
    "REGISTRY",
    "Entry",
    "check",
    "create",
    "entry",
    "is_informed",
    "is_oracle",
    "matched_by",
    "modules_of",
    "names",
    "source_of",
    "table",
]
