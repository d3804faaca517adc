"""One folder of studies per session, shared with the tests of faults."""

from faults.fixtures import base

__all__ = ["base"]
