"""The results of a finished study as Markdown, for README.md and docs/results.md: every number from its tables."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from infohorizon import tables
from infohorizon.analysis.criteria import AGAINST_RANDOM, VANISHING
from infohorizon.report import rows, verdicts


def short(folder: Path) -> str:
    """How well each model answers, what was found of it on each benchmark, and which claims of the paper hold."""
    return "\n".join([*_own_scores(folder), "", *_sentences(folder), "", *_claims(folder)]) + "\n"


def whole(folder: Path) -> str:
    """The same with scores, horizons under every criterion and removal, and choices judged on other images."""
    horizon = tables.read(folder / "horizon.arrow", "horizon")
    comparison = tables.read(folder / "comparison.arrow", "comparison")
    metrics = tables.read(folder / "metrics.arrow", "metrics")
    smaller = rows.downsampled(metrics)
    lower = {"The image at lower resolution": _table(rows.DOWNSAMPLED, smaller)} if smaller else {}
    scores = ["model", "benchmark", "metric", "category", "unit", "questions", "unpruned", "blind", "protocol"]
    chosen = ["model", "benchmark", "choice", "against", "keep", "tokens", "score", "random’s"]
    sections = {
        "In short": _sentences(folder),
        "The paper’s claims": _claims(folder),
        "Scores": _table(scores, rows.metrics(metrics)),
        **lower,
        "Horizons": _table(*rows.by_criterion(horizon, VANISHING)),
        "One horizon, several removals": _table(*rows.by_removal(horizon)),
        "Strategies against random": _table(*rows.by_criterion(horizon, AGAINST_RANDOM)),
        "The best choice, in sample and cross-validated": _table(
            [*chosen, "difference", "p", "p (Holm)", "questions"], rows.comparisons(comparison, "selected")
        ),
    }
    return "\n".join(f"## {title}\n\n" + "\n".join(lines) + "\n" for title, lines in sections.items())


def _own_scores(folder: Path) -> list[str]:
    """Each benchmark's own metric as a whole, unpruned and without the image."""
    own = tables.read(folder / "metrics.arrow", "metrics").filter(pl.col("own"), category="")
    cells = [[*row[:3], *row[4:8]] for row in rows.metrics(own)]
    return _table(["model", "benchmark", "metric", "unit", "questions", "unpruned", "without the image"], cells)


def _sentences(folder: Path) -> list[str]:
    return [f"- {text}" for text in verdicts.sentences(tables.read(folder / "horizon.arrow", "horizon"))]


def _claims(folder: Path) -> list[str]:
    found = verdicts.verdicts(tables.read(folder / "findings.arrow", "findings"))
    return _table(
        ["claim of the paper", "in this study", "cases"],
        [[verdict.title, verdict.decision, verdict.counts.partition(";")[0].rstrip(".")] for verdict in found],
    )


def _table(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in cells)]
    return [f"| {' | '.join(line)} |" for line in lines]
