"""A made-up study of any size on disk: every table that the analysis reads, with a planted horizon, in its real form.

Scores, answers and probabilities are random and depend on question, layer and keep, as where a horizon is known. Two
things are smaller than in a real study, since nothing here reads them: the vision tower's features, and prompts.

    python bench/made_up.py build/made-up --share 1/64
"""

import argparse
import zlib
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from full_size import grid_of
from made_up_cells import BLIND, FULL, HORIZON, scheduled, swept
from made_up_questions import picture, questions, scaled
from roofline import loads, study

from infohorizon import tables
from infohorizon.study.configuration import Config, schedules_of
from infohorizon.study.protocols import protocol_of
from infohorizon.study.sharding import select
from infohorizon.study.workload import Workload
from infohorizon.tables import TABLES
from infohorizon.units import layers_of, tokens_of

PICTURES = 8  # different ones, which images share


class Writer:
    """Writes the tables of one model on one benchmark, shard by shard."""

    def __init__(self, folder: Path, load: Workload, config: Config, share: float) -> None:
        self.folder, self.load, self.config, self.share = folder, load, config, share
        self.depth, self.horizon = load.shape.layers, HORIZON * load.shape.layers
        settings = config["benchmarks"][load.benchmark]
        protocol = protocol_of(config, load.model, load.benchmark)
        self.asked = questions(settings["task"], load.size)
        scoring = {"benchmark": {"task": settings["task"], "options": protocol["options"]}}
        source = config["models"][load.model]["source"]
        self.metadata = {
            "configuration": {"protocol": protocol, "scoring": scoring},
            "packages": {},
            "model": {"source": source, "revision": "made up", "layers": self.depth},
            "benchmark": {"source": settings["source"], "revision": "made up"},
        }

    def benchmark(self) -> None:
        """The benchmark's two tables, which all models share."""
        self.save("benchmark", self.asked)
        side = round(self.load.size.pixels**0.5)
        pictures = [picture(side, seed) for seed in range(PICTURES)]
        ids = self.asked["image_id"].unique(maintain_order=True)
        chosen = [pictures[index % PICTURES] for index in range(len(ids))]
        self.save("images", pl.DataFrame({"image_id": ids, "image": chosen, "width": side, "height": side}))

    def shard(self, shard: int) -> None:
        """One shard of every stage."""
        draws = np.random.default_rng([zlib.crc32(f"{self.load.model} {self.load.benchmark}".encode()), shard])
        self.draws, self.place = draws, {"model": self.load.model, "shard": shard}
        own = self.own("answers")
        rows, columns = grid_of(self.load.tokens)
        frame = [0.0, 0.0, *[self.load.size.pixels**0.5] * 2]
        numbers = ("features", "saliency", "early_saliency", "received", "middle_received", "keys")
        empty: dict[str, list[float]] = {name: [] for name in numbers}
        grid = {"grid_height": rows, "grid_width": columns, "frame": frame, "feature_width": 0, "key_width": 0}
        images = own.select(pl.col("image_id").unique(maintain_order=True))
        facts = pl.DataFrame({name: [value] for name, value in (grid | empty).items()})
        self.save("vision", images.join(facts, how="cross"))
        conditions = pl.DataFrame({"condition": ["full", "blind"], "chance": [FULL, BLIND], "divergence": [0.0, 0.7]})
        self.save("answers", self.answered(own, conditions).with_columns(other_spelling=pl.lit(False)))
        if keeps := self.config["answers"]["downsample"]:
            kept = {"keep": keeps, "tokens": [tokens_of(keep, self.load.tokens) for keep in keeps]}
            self.save(
                "downsample", self.answered(own, pl.DataFrame(kept).with_columns(chance=0.7, width=200, height=200))
            )
        self.information(self.own("information"), rows, columns)
        self.removals(self.own("removals"))
        layers = pl.DataFrame({"layer": layers_of(self.config["states"]["layers"], self.depth)})
        entropy = 0.9 - 0.3 * (pl.col("layer") >= self.horizon) + 0.01 * pl.col("noise")
        states = self.crossed(self.own("states"), layers).with_columns(entropy=entropy, query_entropy=pl.col("noise"))
        self.save("states", states)
        self.save("sweep", self.answered(self.own("sweep"), swept(self.config, self.depth, self.load.tokens)))
        if schedules_of(self.config):
            self.save(
                "schedules",
                self.answered(self.own("schedule_run"), scheduled(self.config, self.depth, self.load.tokens)),
            )

    def own(self, section: str) -> pl.DataFrame:
        """The shard's questions of a stage: id, image, a right and a wrong answer, and how hard it is."""
        limit = self.config[section].get("limit")
        limit = None if limit is None else max(1, round(limit * self.share))
        asked = select(self.asked, limit, self.place["shard"], self.config["shards"])
        wrong = pl.when(pl.col("label") == "No").then(pl.lit("Yes")).otherwise(pl.lit("No"))
        hard = pl.Series("hard", self.draws.random(asked.height))
        return asked.select("question_id", "image_id", right="label", wrong=wrong).with_columns(hard)

    def crossed(self, asked: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
        """Every question in every cell, with noise of single precision, as a model's numbers are."""
        rows = asked.join(cells, how="cross", maintain_order="left_right")
        return rows.with_columns(pl.Series("noise", self.draws.random(rows.height, dtype=np.float32).astype(float)))

    def answered(self, asked: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
        """Answers in cells with a column `chance`, that of a right answer."""
        right = 0.7 * pl.col("hard") + 0.3 * pl.col("noise") < pl.col("chance")
        rows = self.crossed(asked, cells).with_columns(score=right.cast(pl.Float64))
        return rows.with_columns(
            answer=pl.when(pl.col("score") == 1).then("right").otherwise("wrong"),
            label_probability=pl.col("chance") - 0.01 * pl.col("noise"),
            answer_probability=(pl.col("chance") - 0.01 * pl.col("noise")) / 2,
        )

    def left(self) -> pl.Expr:
        """Share of what the image is worth that is left from a layer on."""
        return (1 - pl.col("layer") / self.horizon).clip(0, 1)

    def information(self, asked: pl.DataFrame, rows: int, columns: int) -> None:
        settings = self.config["information"]
        across = -(-columns // settings["window"])
        layers = pl.DataFrame({"layer": layers_of(settings["layers"], self.depth)})
        windows = pl.DataFrame({"window": range(across * -(-rows // settings["window"]))})
        cells = self.crossed(asked, layers).rename({"noise": "of layer"}).with_columns(usable=self.left() * 0.4)
        value = pl.col("noise") * pl.col("usable") * (0.1 + (pl.col("window") % 9 == 4))
        text = 0.8 - pl.col("usable") - 0.01 * pl.col("of layer")
        frame = self.crossed(cells, windows).with_columns(text_probability=text, information=value)
        frame = frame.with_columns(
            probability=pl.col("text_probability") + value,
            text_answer_probability=pl.col("text_probability") / 2,
            answer_probability=pl.col("text_probability") / 2 + value / 3,
            answer_information=value / 3,
            text_divergence=pl.col("usable") + 0.002 * pl.col("of layer"),
        )
        self.save("information", frame)

    def removals(self, asked: pl.DataFrame) -> None:
        settings = self.config["removals"]
        cells = pl.DataFrame({"removal": settings["names"]}).join(
            pl.DataFrame({"layer": layers_of(settings["layers"], self.depth)}), how="cross"
        )
        frame = self.answered(asked, cells.with_columns(chance=FULL - (FULL - BLIND) * self.left()))
        lost = 0.4 * self.left() + 0.01 * pl.col("noise")
        self.save(
            "removals",
            frame.with_columns(
                probability=0.8 - lost,
                answer_probability=0.4 - lost / 2,
                full_probability=pl.lit(0.8),
                full_answer_probability=pl.lit(0.4),
                divergence=lost,
            ),
        )

    def save(self, name: str, rows: pl.DataFrame) -> None:
        place: Mapping[str, Any] = {"benchmark": self.load.benchmark, **getattr(self, "place", {})}
        path = self.folder / TABLES[name].path.format(**place)
        table = rows.select(list(TABLES[name].columns)).to_arrow().cast(TABLES[name].schema())
        tables.write(path, name, table, {"stage": name, "code": "made up", **self.metadata})


def write(folder: Path, config: Config, share: Fraction) -> int:
    """Write a share of a study's questions; returns how many they are."""
    total: dict[str, int] = {}
    for load in loads(config):
        writer = Writer(folder, replace(load, size=scaled(load.size, float(share))), config, float(share))
        if load.benchmark not in total:
            writer.benchmark()
            total[load.benchmark] = writer.asked.height
        for shard in range(config["shards"]):
            writer.shard(shard)
    return sum(total.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--study", default="studies/paper.yaml")
    parser.add_argument("--share", type=Fraction, default=Fraction(1, 64))
    chosen = parser.parse_args()
    print(write(chosen.folder, study(chosen.study), chosen.share), "questions")


if __name__ == "__main__":
    main()
