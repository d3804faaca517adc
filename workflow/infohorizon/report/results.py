"""The results of a finished study as Markdown, for README.md and docs/results.md: every number from its tables."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from infohorizon import tables
from infohorizon.analysis.criteria import AGAINST_RANDOM, VANISHING
from infohorizon.figures.sweep import amount
from infohorizon.report import rows, verdicts


def five(folder: Path) -> str:
    """Five results with their intervals: three benchmarks of the first model, the best choice before the horizon, and
    whether strategies are no better than random from some layer on."""
    horizon = tables.read(folder / "horizon.arrow", "horizon")
    first = horizon.filter(model=horizon["model"][0])
    found = ["**{}**: {}".format(*text.split(": ", 1)) for text in verdicts.sentences(first, _oracles(folder))[:3]]
    return "".join(f"{number}. {text}\n" for number, text in enumerate([*found, *_choice(folder), *_parity(folder)], 1))


def whole(folder: Path) -> str:
    """What was found, claims, scores, horizons by criterion and removal, and choices judged on other images."""
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


def _choice(folder: Path) -> list[str]:
    """The cross-validated choice of strategy and layer that gains most over random."""
    chosen = tables.read(folder / "comparison.arrow", "comparison").filter(
        pl.col("name").str.starts_with("best, cross-validated"), kind="selected"
    )
    if not chosen.height:
        return []
    row = chosen.sort("difference").row(-1, named=True)
    gain = f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
    return [
        f"Before the horizon the choice matters: on {row['benchmark']}, {row['model']} scores {row['score']:.3f} with "
        f"{row['name'].partition(': ')[2]} (chosen on other images) and {row['baseline_score']:.3f} with "
        f"{row['baseline']} (keep: {amount(row['keep'])}): {gain}, the largest such gain of the study."
    ]


def _parity(folder: Path) -> list[str]:
    """The verdict on the claim that strategies are no better than random from some depth on."""
    found = verdicts.verdicts(tables.read(folder / "findings.arrow", "findings"))[0]
    return [f"{found.title}: {found.decision}. {_counts(found)}."]


def _counts(verdict: verdicts.Verdict) -> str:
    """How many cases were decided how, without what follows."""
    return verdict.counts.partition(";")[0].rstrip(".")


def _sentences(folder: Path) -> list[str]:
    horizon = tables.read(folder / "horizon.arrow", "horizon")
    return [f"- {text}" for text in verdicts.sentences(horizon, _oracles(folder))]


def _oracles(folder: Path) -> list[str]:
    """The strategies that read the label, as the horizon table records them: the findings left out the same ones."""
    names: list[str] = tables.read_metadata(folder / "horizon.arrow")["configuration"]["settings"]["oracles"]
    return names


def _claims(folder: Path) -> list[str]:
    found = verdicts.verdicts(tables.read(folder / "findings.arrow", "findings"))
    return _table(
        ["claim", "in this study", "cases"],
        [[verdict.title, verdict.decision, _counts(verdict)] for verdict in found],
    )


def _table(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in cells)]
    return [f"| {' | '.join(line)} |" for line in lines]
