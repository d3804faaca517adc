"""The undisturbed study, and copies of it to disturb."""

from faults.fixtures import base, reference, unfinished

__all__ = ["base", "reference", "unfinished"]
