"""What the page's explorer shows: a bounded sample of questions with heat maps, images and answers, as JSON."""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from infohorizon import tables
from infohorizon.figures.examples import Example, spaced
from infohorizon.figures.heatmaps import seen
from infohorizon.figures.sweep import amount

COUNTS = (24, 16, 12, 8, 4, 2, 1)
LIMIT = 3_500_000  # characters of JSON
LONGEST = 300  # characters of an answer


def explorer(examples: Sequence[Sequence[Example]], answers: pl.DataFrame, sweep: Sequence[str]) -> dict[str, Any]:
    """The explorer's data: as many examples of every (model, benchmark) as fit into LIMIT.

    Args:
        examples: a list per (model, benchmark).
        answers: `observations.answers`.
        sweep: paths of the sweep's tables, read for the sampled questions alone.
    """
    examples = [group for group in examples if group]
    pruned = {(group[0].model, group[0].benchmark): _pruned(group, sweep) for group in examples}
    shown = [[_shown(one, answers, pruned[one.model, one.benchmark]) for one in group] for group in examples]
    for count in COUNTS:
        chosen = [group[index] for group in shown for index in spaced(len(group), count)]
        images = list(dict.fromkeys(one["image"] for one in chosen))
        places = {image: place for place, image in enumerate(images)}
        content = {"images": images, "examples": [{**one, "image": places[one["image"]]} for one in chosen]}
        if len(embedded(content)) <= LIMIT:
            break
    return content


def embedded(content: Mapping[str, Any]) -> str:
    """JSON that cannot end its script element, whatever the questions contain."""
    text = json.dumps(content, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _shown(example: Example, answers: pl.DataFrame, pruned: pl.DataFrame) -> dict[str, Any]:
    """One example; information as whole thousandths, layer by layer, 0 where none was measured."""
    name = {"model": example.model, "benchmark": example.benchmark, "question_id": example.question_id}
    levels = {row["condition"]: _answer(row) for row in answers.filter(**name).iter_rows(named=True)}
    return {
        "model": example.model,
        "benchmark": example.benchmark,
        "id": example.question_id,
        "question": example.question,
        "label": example.label,
        "image": _data_uri(example),
        "grid": list(example.grid),
        "window": example.window,
        "layers": list(example.layers),
        "information": np.rint(1000 * np.nan_to_num(example.information)).astype(int).tolist(),
        "full": levels.get("full"),
        "blind": levels.get("blind"),
        "pruned": _by_layer(pruned.filter(question_id=example.question_id)) if pruned.height else {},
    }


def _pruned(examples: Sequence[Example], sweep: Sequence[str]) -> pl.DataFrame:
    """The sweep's answers to the examples' questions."""
    columns = ["question_id", "strategy", "layer", "keep", "repeat", "answer", "score"]
    chosen = [example.question_id for example in examples]
    parts = tables.matching(sweep, "sweep", model=examples[0].model, benchmark=examples[0].benchmark)
    frames = [tables.read(part, "sweep", columns).filter(pl.col("question_id").is_in(chosen)) for part in parts]
    return pl.concat(frames).sort("keep", "strategy", "layer", "repeat") if frames else pl.DataFrame()


def _by_layer(rows: pl.DataFrame) -> dict[str, dict[str, list[Any]]]:
    """strategy and keep → layer → [answer, score] of every repeat."""
    found: dict[str, dict[str, list[Any]]] = {}
    for row in rows.iter_rows(named=True):
        name = row["strategy"] if row["keep"] == 0 else f"{row['strategy']}, keep {amount(row['keep'])}"
        found.setdefault(name, {}).setdefault(str(row["layer"]), []).append(_answer(row))
    return found


def _answer(row: Mapping[str, Any]) -> list[Any]:
    answer = row["answer"]
    return [answer if len(answer) <= LONGEST else answer[:LONGEST] + "…", round(row["score"], 4)]


def _data_uri(example: Example) -> str:
    """The image as the model saw it; small ones stay lossless."""
    image = seen(example, limit=336)
    buffer, kind = io.BytesIO(), "png" if max(image.size) <= 128 else "jpeg"
    image.save(buffer, kind, **({"optimize": True} if kind == "png" else {"quality": 80}))
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
