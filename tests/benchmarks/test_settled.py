"""Answers that end where they are settled: no continuation could change what any metric gives them."""

import itertools
import random

import pytest

from infohorizon import benchmarks
from infohorizon.benchmarks.registry import REGISTRY

RULES = [("pope", "pope"), ("pope", "lmms-eval"), ("mme", "mme"), ("mmbench", "letter"), ("ocrbench", "")]
RULES += [("scienceqa", scorer) for scorer in ("letter", "llava", "lmms-eval")]
REFERENCES = {
    "pope": [["yes"], ["no"]],
    "mme": [["Yes"], ["No"]],
    "mmbench": [["B", "A. cat", "B. dog", "C. yes"]],
    "scienceqa": [["B", "A. cat", "B. dog", "C. yes"]],
    "ocrbench": [["cat"], ["a b", "A"]],
}
PARTS = [
    "Yes",
    "yes",
    "no",
    "No",
    "not",
    "a",
    "A",
    "B",
    "C",
    "cat",
    "dog",
    "The",
    "answer is",
    "Answer is:",
    "(",
    "x",
    "ye",
    "n",
    "o",
    "s",
]
SIGNS = ["", " ", "  ", ".", ". ", ",", "\n", ") "]


def texts(seed: int, count: int):
    yield from ("xye", " .ye", "xn", "answer is B", "Y", "B.")
    draw = random.Random(seed)
    for _ in range(count):
        parts = draw.choices(PARTS, k=draw.randint(1, 5))
        if draw.random() < 0.2:
            parts += ["answer is ", draw.choice("ABx")]
        yield "".join(part + draw.choice(SIGNS) for part in parts)


def created(name: str, scorer: str):
    return benchmarks.create(name, {"scorer": scorer} if scorer else {})


def read(task, answer, answers):
    """What the metrics read of an answer: its score, and what POPE's yes rate counts."""
    category = "Handwritten Mathematical Expression Recognition" if task.name == "ocrbench" else ""
    said = task.said(answer) if task.name == "pope" else None
    return task.score(answer, answers), task.score(answer, answers, category), said


@pytest.mark.parametrize(("name", "scorer"), RULES)
def test_a_settled_answer_is_read_alike_however_it_continues(name, scorer):
    task, settled, open_ = created(name, scorer), 0, 0
    for answers in REFERENCES[name]:
        for text in texts(0, 3000):
            if not task.settled(text, answers):
                open_ += 1
                continue
            settled += 1
            for more in itertools.chain(["", ".", " ", "\n", "s", ". B", "A."], texts(settled, 12)):
                assert read(task, text + more, answers) == read(task, text, answers), (text, more)
    assert settled > 10 and open_ > 50


def test_all_other_answers_run_to_their_end():
    known = {name for name, _ in RULES}
    for name in REGISTRY:
        scorers = benchmarks.create(name, {}).scorers or ("",)
        for scorer in scorers:
            task = created(name, scorer)
            answers = REFERENCES.get(name, [["cat"]])[0]
            some = any(task.settled(text, answers) for text in texts(1, 500))
            assert some == ((name, scorer) in RULES), (name, scorer)
    assert known <= set(REGISTRY)
