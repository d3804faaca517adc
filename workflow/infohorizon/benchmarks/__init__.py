"""Benchmarks, one file each: rows of a data set → questions with labels; answers → scores."""

from infohorizon.benchmarks.registry import REGISTRY, create, module_of

__all__ = ["REGISTRY", "create", "module_of"]
