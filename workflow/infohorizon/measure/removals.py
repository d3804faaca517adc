"""One horizon, several removals: what is left of the answer when all visual information is taken away from a layer on.

Four ways (engine/removal.py): delete, zero and mean take it from the visual tokens; `text` is their counterpart, which
leaves the visual tokens and takes the text between the image and the last prompt token. `knockout` of all visual tokens
is `delete`. One unpruned pass of the question with its label appended serves all of them: the label's tokens are read
from it, and answers are decoded from before them.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from infohorizon.engine import Trace, resume, unforced
from infohorizon.measure.questioner import Asked, Questioner, begun

Name = Literal["delete", "zero", "mean", "text"]


class Cell(NamedTuple):
    """From the input of `layer` on, `removal` takes away all of its kind."""

    removal: Name
    layer: int


class _Full(NamedTuple):
    """The unpruned run.

    ids: tokens of the label; label: (ids,) their log-probabilities, float64; first: (1, vocabulary) log-probabilities
    of the first answer token.
    """

    ids: list[int]
    label: Tensor
    first: Tensor


def run_removals(questioner: Questioner, asked: Asked, cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """What is left in every cell, in the order given; rows of one removal share decoder calls.

    Returns: rows with the columns of the removals table, without question_id and score.
    """
    model = questioner.model
    ids = model.label_ids(asked.label, asked.question)
    trace = begun(model, questioner.batch, asked, ids[:-1])
    questioner.batch.one(len(trace.prompt.embeddings), trace.final)
    log_p = model.language_model.log_probabilities(trace.final()[None], ids)[0].double().cpu()
    full = _Full(ids, log_p, model.language_model.logits(trace.final()[:1]).log_softmax(dim=-1))

    rows: list[dict[str, Any]] = [{} for _ in cells]
    members: dict[Name, list[int]] = defaultdict(list)
    for index in sorted(range(len(cells)), key=lambda index: cells[index].layer):
        members[cells[index].removal].append(index)

    def run(removal: Name, indices: Sequence[int], part: slice) -> None:
        picked = indices[part]
        found = _rows(questioner, asked, trace, full, removal, [cells[i].layer for i in picked])
        for i, row in zip(picked, found, strict=True):
            rows[i] = row

    for removal, indices in members.items():
        questioner.batch.slices(len(indices), _tokens(trace, removal), partial(run, removal, indices))
    return rows


def _tokens(trace: Trace, removal: Name) -> int:
    """How many tokens a row recomputes."""
    prompt = trace.prompt
    if removal == "text":
        return prompt.read
    return prompt.suffix + (prompt.count if removal in ("zero", "mean") else 0)


def _rows(
    questioner: Questioner, asked: Asked, trace: Trace, full: _Full, removal: Name, layers: list[int]
) -> list[dict[str, Any]]:
    """The rows of one removal at some layers, ascending."""
    language_model, prompt = questioner.model.language_model, trace.prompt
    kept = torch.arange(prompt.count if removal == "text" else 0).expand(len(layers), -1)
    branches = resume(trace, layers, kept, removal=removal)
    log_p = language_model.log_probabilities(branches.final, full.ids).double().cpu()
    first = language_model.logits(branches.final[:, 0]).log_softmax(dim=-1)
    divergence = (first.exp() * (first - full.first)).sum(dim=-1).double().cpu()
    answers = questioner.answers(unforced(branches, prompt.forced), asked)
    return [
        {
            "removal": removal,
            "layer": layer,
            "probability": float(log_p[row, 0].exp()),
            "answer_probability": float(log_p[row].sum().exp()),
            "full_probability": float(full.label[0].exp()),
            "full_answer_probability": float(full.label.sum().exp()),
            "divergence": float(divergence[row]),
            "answer": answers[row]["answer"],
        }
        for row, layer in enumerate(layers)
    ]
