"""Cells of a made-up study: what a sweep and schedules are asked, and how often an answer is right."""

import numpy as np
import polars as pl

from infohorizon import strategies
from infohorizon.study.configuration import Config, schedules_of, stages_of
from infohorizon.study.cost import present_tokens
from infohorizon.units import layers_of, tokens_of

HORIZON, FULL, BLIND = 0.6, 0.8, 0.4  # as a share of the depth; shares of right answers


def swept(config: Config, depth: int, tokens: int) -> pl.DataFrame:
    """The sweep's cells, with the chance of a right answer, for images of so many tokens."""
    chosen, own = config["sweep"], config["strategies"]
    rows = []
    for number, name in enumerate(chosen["strategies"]):
        entry = strategies.entry(name, own)
        first = max(1, strategies.first_layer(name, own, depth))
        source = strategies.source_of(strategies.matched_by(name, own) or name, own)
        for layer in layers_of(chosen["layers"], depth, first):
            for keep in [0.0] if entry.keeps_none else chosen["keep"]:
                kept = tokens_of(keep, tokens) if keep else 0
                kept -= kept % 8 if source == "dart" else 0
                lost = max(0.0, 1 - layer / (HORIZON * depth)) * (1 - keep) * (0.5 + 0.5 / (1 + number))
                for repeat in range(chosen["repeats"] if entry.random else 1):
                    rows.append((name, layer, float(keep), repeat, kept, FULL - (FULL - BLIND) * lost))
    columns = ["strategy", "layer", "keep", "repeat", "tokens", "chance"]
    return pl.DataFrame(rows, columns, orient="row").with_columns(kept=pl.lit(None, pl.List(pl.Int32)))


def scheduled(config: Config, depth: int, tokens: int) -> pl.DataFrame:
    """The schedules' cells."""
    rows = []
    for name in schedules_of(config):
        stages = stages_of(config, name, depth)
        mean = float(np.mean(present_tokens(stages, tokens, depth)))
        random = any(strategies.entry(stage[1], config["strategies"]).random for stage in stages)
        rows += [(name, repeat, mean) for repeat in range(config["sweep"]["repeats"] if random else 1)]
    cells = pl.DataFrame(rows, ["schedule", "repeat", "mean_tokens"], orient="row")
    return cells.with_columns(chance=0.7, kept=pl.lit(None, pl.List(pl.List(pl.Int32))))
