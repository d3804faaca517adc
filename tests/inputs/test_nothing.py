"""Nothing equals nothing: an empty answer never scores, and an answer that normalises to nothing is itself."""

import pytest

from infohorizon import benchmarks

EMPTY = ("", " ", "\n")


@pytest.mark.parametrize(
    ("task", "options", "references"),
    [
        ("vqa", {}, ["A"]),
        ("vqa", {}, ["the"]),
        ("vqa", {}, ["?"]),
        ("vqa", {"scoring": "soft"}, ["A"] * 10),
        ("vqa", {"scoring": "soft"}, ["", "", "", "cat"]),
        ("vqa", {"scoring": "anls"}, ["A"]),
        ("vqa", {"scoring": "relaxed"}, ["A"]),
        ("textvqa", {}, ["the"] * 10),
        ("gqa", {}, ["?"]),
        ("chartqa", {}, ["?"]),
        ("docvqa", {}, ["?"]),
        ("ocrbench", {}, ["?"]),
        ("mme", {}, ["Yes"]),
        ("scienceqa", {}, ["A"]),
        ("mmbench", {}, ["A", "A. cat", "B. dog"]),
    ],
)
@pytest.mark.parametrize("answer", EMPTY)
def test_an_empty_answer_scores_nothing(answer, task, options, references):
    assert benchmarks.create(task, options).score(answer, references) == 0


@pytest.mark.parametrize(
    ("answer", "reference", "score"),
    [("A", "A", 1), ("a", "A", 1), ("the", "A", 0), ("B", "A", 0), ("?", "?", 1), ("A", "the", 0), ("A cat", "cat", 1)],
)
def test_option_letters_and_articles_are_themselves(answer, reference, score):
    assert benchmarks.create("vqa").score(answer, [reference]) == score
    assert benchmarks.create("vqa", {"scoring": "soft"}).score(answer, [reference] * 10) == score
