"""What every script of workflow/scripts shares: log file, progress, one-sentence errors, table metadata.

A script defines `main(job)` and runs it only when Snakemake executes the script, so that it can be imported. Everything
it needs reaches it through `job.input`, `job.output`, `job.params` and `job.wildcards` (Snakemake's own objects).
"""

import importlib.metadata
import logging
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from infohorizon.errors import PassingError, UserError

PACKAGES = ("torch", "transformers", "datasets", "tokenizers", "numpy", "scipy", "polars", "pyarrow", "pillow")
RECORDED = ("settings", "cells", "scoring", "protocol")
T = TypeVar("T")
log = logging.getLogger("infohorizon")


class Job:
    """The running job: Snakemake's input, output, params, wildcards, threads; metadata; progress."""

    def __init__(self, snakemake: Any) -> None:
        self.input = snakemake.input
        self.output = snakemake.output
        self.params = snakemake.params
        self.config = snakemake.config
        self.wildcards = snakemake.wildcards
        self.threads = snakemake.threads
        self.rule = snakemake.rule

    def metadata(self, **sources: Any) -> dict[str, Any]:
        """Metadata of the tables this job writes: those of its params that are RECORDED, and their code.

        Args:
            sources: what the rows come from, e.g. model={"source": …, "revision": …}.
        """
        return {
            "stage": self.rule,
            "configuration": {name: _plain(value) for name, value in self.params.items() if name in RECORDED},
            "code": _plain(self.params.get("code", "")),
            "packages": versions(),
            **sources,
        }

    def progress(self, items: Iterable[T], total: int, unit: str, every: float = 10.0) -> Iterator[T]:
        """Iterate with a tqdm bar on a terminal, and with a plain line in the log every `every` seconds."""
        start = last = time.monotonic()
        for done, item in enumerate(tqdm(items, total=total, unit=unit, disable=not sys.stderr.isatty()), start=1):
            yield item
            now = time.monotonic()
            if now - last >= every or done == total:
                log.info("%d/%d %ss, %.1f %ss/s", done, total, unit, done / (now - start), unit)
                last = now


def versions() -> dict[str, str]:
    """Versions of the packages that can change a number."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def run(main: Callable[[Job], None], snakemake: Any) -> None:
    """Run `main`; a UserError ends the job with its one sentence on stderr and in the log.

    The profile for clusters tries failed jobs again, for lost nodes and for want of memory or time, and has Snakemake
    count the attempts in a resource of that name. What an attempt found that another cannot put right is kept beside
    the log: the next attempts say it at once instead of loading a model to find it again.
    """
    file = str(snakemake.log[0]) if snakemake.log else os.devnull
    os.makedirs(os.path.dirname(file), exist_ok=True)
    handlers = [logging.FileHandler(file, mode="w")]
    logging.basicConfig(level=logging.INFO, handlers=handlers, format="%(asctime)s %(message)s", force=True)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # a log that a full disk does not take must not bury the sentence below
    final = Path(f"{file}.final")
    attempt = getattr(getattr(snakemake, "resources", None), "attempt", 1)
    if attempt > 1 and final.exists():
        sentence = final.read_text(encoding="utf-8")
        log.error("%s (found by an earlier attempt)", sentence)
        sys.exit(f"{snakemake.rule}: {sentence}")
    final.unlink(missing_ok=True)
    start = time.monotonic()
    try:
        main(job := Job(snakemake))
        _forget_parts(job)
        log.info("computed in %.2f s", time.monotonic() - start)  # bench/overhead.py reads this
        # Snakemake's own benchmark looks every 30 seconds. Kilobytes on Linux.
        log.info("took %.2f GB of memory", 1024e-9 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    except UserError as error:
        log.error("%s", error)
        cause = error.__cause__
        while cause is not None:  # the causes help developers; the sentence is for everybody
            log.error("  because of %s: %s", type(cause).__name__, cause)
            cause = cause.__cause__
        if snakemake.log and not isinstance(error, PassingError):
            with suppress(OSError):
                final.write_text(str(error), encoding="utf-8")
        sys.exit(f"{snakemake.rule}: {error}")
    except Exception:
        log.exception("unexpected error")
        raise


def _forget_parts(job: Job) -> None:
    """Remove a table's parts that are left from a larger `shards`, so that reading the whole folder counts no question
    twice. Their rows are in `.cells`."""
    for first in map(Path, job.output):
        if first.name == "part-0.arrow":
            for part in first.parent.glob("part-*.arrow"):
                number = part.stem.removeprefix("part-")
                if number.isdigit() and int(number) >= job.config["shards"]:
                    part.unlink(missing_ok=True)


def _plain(value: Any) -> Any:
    """Snakemake's params containers → plain dicts and lists for JSON."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple) or type(value).__name__ == "Namedlist":
        return [_plain(item) for item in value]
    return value
