"""Pruning strategies, one file each: a view of the visual tokens → the indices that stay."""

from infohorizon.strategies.registry import (
    REGISTRY,
    Entry,
    check,
    create,
    entry,
    matched_by,
    modules_of,
    names,
    source_of,
    table,
)

__all__ = ["REGISTRY", "Entry", "check", "create", "entry", "matched_by", "modules_of", "names", "source_of", "table"]
