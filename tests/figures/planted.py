"""Rows of the synthetic study's horizon and comparison tables, around a planted horizon."""

from typing import Any

DEPTH, IMAGES = 8, 10
KEEPS = [16.0, 0.125]


def horizon_row(model: str, benchmark: str, criterion: str, layer: int, **other: Any) -> dict[str, Any]:
    """A row of the horizon table; the interval is the layer itself unless `low` and `high` say otherwise."""
    row = {"model": model, "benchmark": benchmark, "criterion": criterion, "strategy": "", "keep": None}
    row |= {"factor": 1.0, "threshold": 0.1, "layer": layer, "low": layer, "high": layer, "depth": DEPTH}
    return row | {"questions": 2 * IMAGES, "images": IMAGES} | other


def horizon_rows(model: str, benchmark: str, layer: int, strategies: list) -> list[dict[str, Any]]:
    rows = []
    for factor, shift in ((0.5, 1), (1.0, 0), (2.0, -1)):
        at = layer + shift
        for criterion in ("information", "answer-information", "label-free", "redundancy"):
            interval = {"low": at, "high": at, "factor": factor, "threshold": 0.1 * factor}
            rows.append(horizon_row(model, benchmark, criterion, at, **interval))
        for criterion in ("no-advantage", "random-parity"):
            for strategy in strategies:
                if strategy not in ("random", "drop-all"):
                    for keep in (None, *KEEPS):
                        cell = {"strategy": strategy, "keep": keep, "factor": factor, "threshold": 0.02 * factor}
                        reach = {"low": at - 1, "high": min(at + 1, DEPTH - 1)}
                        rows.append(horizon_row(model, benchmark, criterion, at, **cell, **reach))
    return rows


def comparison_rows(
    model: str, benchmark: str, horizon: int, strategies: list, schedules: dict
) -> list[dict[str, Any]]:
    def row(kind: str, name: str, baseline: str, layer: int | None, keep: float | None, gain: float) -> dict[str, Any]:
        cell = {"model": model, "benchmark": benchmark, "kind": kind, "name": name, "baseline": baseline}
        cell |= {"layer": layer, "keep": keep, "tokens": keep, "baseline_tokens": keep, "score": 0.5 + gain}
        cell |= {"baseline_score": 0.5, "difference": gain, "low": gain - 0.04, "high": gain + 0.04, "images": IMAGES}
        return cell | {"p_value": 0.001, "p_holm": 0.004 if gain > 0.04 else 1.0, "questions": 2 * IMAGES}

    rows = [
        row("strategy", name, "random", layer, keep, 0.2 if layer < horizon else 0.0)
        for name in strategies
        if name not in ("random", "drop-all")
        for keep in KEEPS
        for layer in range(1, DEPTH)
    ]
    return rows + [row("schedule", name, "full", None, None, -0.05) for name in schedules]
