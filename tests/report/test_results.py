"""The Markdown of README.md and docs/results.md says what the tables say."""

from figures.synthetic import BENCHMARKS, MODELS, Study
from infohorizon.pipeline import docs
from infohorizon.report import results


def test_short(study: Study) -> None:
    text = results.short(study.folder)
    sentences = [line for line in text.splitlines() if line.startswith("- ")]
    assert len(sentences) == len(MODELS) * len(BENCHMARKS)
    assert sentences[2] == (
        "- base on reading: the image is worth 0.50 of the label's probability, and at most 10% of that is left from "
        "layer 6 of 8 on; from layer 6 on dropping every visual token costs at most 0.1 of score; 2 of 2 strategies "
        "are shown to be no better than random from some layer on."
    )
    scores, _, claims_table = text.split("\n\n")
    assert len(scores.splitlines()) == 2 + len(sentences)
    assert "| base | knowledge | exact accuracy | % | 20 | 75.00 [" in scores
    claims = [line.split(" | ")[:2] for line in claims_table.splitlines()][2:]
    assert [decision for _, decision in claims] == ["holds"] * 3 + ["undecided"] * 3


def test_whole(study: Study) -> None:
    text = results.whole(study.folder)
    tables = [part for part in text.split("## ") if part]
    assert len(tables) == 8
    for part in tables[2:]:
        rows = [line for line in part.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in rows}) == 1, "every row has its heads' columns"
    lower = next(part for part in tables if part.startswith("The image at lower resolution"))
    assert lower.count("| 12.5 % | 8 | 20 |") == len(MODELS) * len(BENCHMARKS)
    scores = next(part for part in tables if part.startswith("Scores"))
    assert "| base | knowledge | exact accuracy | all | % | 20 | 75.00 [" in scores


def test_only_what_is_between_the_markers_changes() -> None:
    text = "before\n<!-- a -->\nold\n<!-- b -->\nafter\n"
    assert docs.between(text, ("<!-- a -->", "<!-- b -->"), "new\n") == text.replace("old", "new")
