"""How far the arithmetic of a 16-bit model moves its answers, by layer, in the benchmark's points.

Apart from floor.py so that token information does not depend on how answers are asked for.
"""

from collections.abc import Callable, Sequence
from typing import Any

from infohorizon.measure.questioner import Asked, Questioner
from infohorizon.measure.removals import Cell, run_removals


def answer_floor(
    questioners: tuple[Questioner, Questioner],
    asked: Sequence[Asked],
    layers: Sequence[int],
    score: Callable[[str, str], float],
) -> dict[str, Any]:
    """How far arithmetic moves answers, in the benchmark's points.

    Args:
        questioners: of the model and of its float32 copy, whose answers are replies.
        layers: at which all visual tokens leave, ascending.
        score: (question_id, answer) → score.

    Returns: `changed`, the share of questions whose answers differ when no visual token is left from a layer on, and
        `score`, the mean absolute difference of their scores: lists by layer; `full_changed` and `full_score` of the
        unpruned answers.
    """
    changed, moved = [], []
    for question in asked:
        one, other = (_answers(questioner, question, layers) for questioner in questioners)
        pairs = list(zip(one, other, strict=True))
        changed.append([a != b for a, b in pairs])
        moved.append([abs(score(question.question_id, a) - score(question.question_id, b)) for a, b in pairs])
    shares, scores = ([sum(column) / len(asked) for column in zip(*rows, strict=True)] for rows in (changed, moved))
    return {"changed": shares[1:], "score": scores[1:], "full_changed": shares[0], "full_score": scores[0]}


def _answers(questioner: Questioner, question: Asked, layers: Sequence[int]) -> list[str]:
    """The unpruned answer, then that without visual tokens from each layer on."""
    full = questioner.answer(questioner.trace(question), question)
    rows = run_removals(questioner, question, [Cell("delete", layer) for layer in layers])
    return [row["answer"] for row in questioner.read([full, *rows])]
