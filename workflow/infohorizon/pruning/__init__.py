"""Pruning in transformers' own generate: a schedule's visual tokens leave sequence and cache layer by layer."""

from infohorizon.pruning.context import Pruned, prune
from infohorizon.pruning.report import Report
from infohorizon.strategies.schedule import Schedule, Stage

__all__ = ["Pruned", "Report", "Schedule", "Stage", "prune"]
