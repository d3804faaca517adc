"""Prompts against literal strings, label rules, and metrics worked out by hand, task by task."""

import inspect
from dataclasses import asdict

import polars as pl
import pytest
from fixtures import WRITERS

from infohorizon import benchmarks
from infohorizon.analysis.metrics import published
from infohorizon.benchmarks.base import Task
from infohorizon.benchmarks.mmbench import chosen
from infohorizon.benchmarks.mme import yes_or_no
from infohorizon.benchmarks.pope import says_yes
from infohorizon.errors import UserError
from infohorizon.pipeline.digest import code


def frame(*rows):
    """(question_id, category, answers, answer, score) → what `published` takes."""
    columns = ("question_id", "category", "answers", "answer", "score")
    return pl.DataFrame([dict(zip(columns, row, strict=True)) for row in rows]).with_columns(image_id=pl.lit("i"))


def turn(name, row, form="lmms-eval", ocr_tokens=False, **options):
    """The user turn that a row of the data set becomes."""
    task = benchmarks.create(name, options)
    return task.prompt(asdict(task.read(row, 0)), form, ocr_tokens)


def whole(name, rows):
    """The task's metrics of the whole, by name."""
    return {
        metric: value for (metric, category), value in published(benchmarks.create(name), rows).items() if not category
    }


@pytest.mark.parametrize("name", WRITERS)
def test_registry_names_module_and_class(name):
    task = benchmarks.create(name)
    assert isinstance(task, Task)
    assert task.name == name == type(task).__module__.rpartition(".")[2]
    assert inspect.getmodule(type(task)).__doc__


def test_registry_refuses_what_it_does_not_know():
    with pytest.raises(UserError, match=r"no task 'texvqa': did you mean 'textvqa'\?"):
        benchmarks.create("texvqa")
    with pytest.raises(UserError, match="Task 'textvqa' has no option 'ocr'; its options: label"):
        benchmarks.create("textvqa", {"ocr": True})
    with pytest.raises(UserError, match="Task 'mme' has no option 'x'; its options: scorer"):
        benchmarks.create("mme", {"x": 1})
    assert set(WRITERS) < set(benchmarks.REGISTRY)


@pytest.mark.parametrize(
    ("name", "metric", "length"),
    [
        ("mme", "score", 16),
        ("textvqa", "accuracy", 16),
        ("scienceqa", "accuracy", 16),
        ("pope", "F1", 128),
        ("mmbench", "circular accuracy", 16),
        ("ocrbench", "points", 128),
        ("gqa", "accuracy", 16),
        ("docvqa", "ANLS", 32),
        ("chartqa", "relaxed accuracy", 16),
        ("vqa", "exact accuracy", 32),
    ],
)
def test_metric_and_generation_length(name, metric, length):
    task = benchmarks.create(name)
    assert (task.metrics[0].name, task.max_new_tokens) == (metric, length)


# --- MME


def test_mme_question():
    row = {
        "question_id": "code_reasoning/0020.png",
        "question": "The image shows a python code. Is the output of the code 'Hello'? Please answer yes or no.",
        "answer": "Yes",
        "category": "code_reasoning",
    }
    question = benchmarks.create("mme").read(row, 7)
    assert turn("mme", row) == (
        "The image shows a python code. Is the output of the code 'Hello'?"
        "\nAnswer the question using a single word or phrase."
    )
    assert (question.question_id, question.label) == ("code_reasoning/0020.png#7", "Yes")
    assert (question.answers, question.category) == (["Yes"], "code_reasoning")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Yes", "yes"),
        (" no. ", "no"),
        ("No, there is none", "no"),
        ("Yes, not bad", "yes"),
        ("not", "no"),  # "no" within the first four characters
        ("I say yes", "other"),
        ("The answer is no", "other"),
        ("", "other"),
    ],
)
def test_mme_reads_the_first_four_characters(answer, expected):
    assert yes_or_no(answer) == expected


def test_mme_other_is_never_right():
    assert [benchmarks.create("mme").score("perhaps", [truth]) for truth in ("Yes", "No")] == [0, 0]
    assert [benchmarks.create("mme").score("no.", [truth]) for truth in ("Yes", "No")] == [0, 1]


def test_mme_metrics():
    metrics = published(
        benchmarks.create("mme"),
        frame(
            ("color/1.png#0", "color", ["Yes"], "Yes", 1.0),  # both right: 100 + 100
            ("color/1.png#1", "color", ["No"], "No", 1.0),
            ("color/2.png#2", "color", ["Yes"], "Yes", 1.0),  # one right: 50 + 0
            ("color/2.png#3", "color", ["No"], "Yes", 0.0),
            ("1.png#4", "OCR", ["Yes"], "?", 0.0),  # none: 0
            ("1.png#5", "OCR", ["No"], "?", 0.0),
            ("1.png#6", "code_reasoning", ["Yes"], "Yes", 1.0),  # the same file name in another category
            ("1.png#7", "code_reasoning", ["No"], "No", 1.0),
        ),
    )
    assert metrics == {
        ("score", ""): 325.0,
        ("score", "perception"): 125.0,
        ("score", "cognition"): 200.0,
        ("score", "OCR"): 0.0,
        ("score", "code_reasoning"): 200.0,
        ("score", "color"): 125.0,
        ("accuracy", ""): 62.5,
    }
    assert next(iter(metrics)) == ("score", "")


# --- TextVQA

ROW = {
    "question_id": 34602,
    "image_id": "003a8ae2ef43b901",
    "question": "what is the Brand of this camera?",
    "answers": ["Dakota Digital"] * 3 + ["the dakota"] * 4 + ["Nous les gosses"] * 3,
    "ocr_tokens": ["DAKOTA", "DIGITAL", "Single-Use"],
}


def test_textvqa_question_with_and_without_ocr_tokens():
    assert turn("textvqa", ROW, ocr_tokens=True) == (
        "What is the brand of this camera?\nReference OCR token: DAKOTA, DIGITAL, Single-Use"
        "\nAnswer the question using a single word or phrase."
    )
    assert (
        turn("textvqa", ROW) == "What is the brand of this camera?\nAnswer the question using a single word or phrase."
    )
    assert "\nReference OCR token: \nAnswer" in turn("textvqa", {**ROW, "ocr_tokens": []}, ocr_tokens=True)
    question = benchmarks.create("textvqa").read(ROW, 0)
    assert (question.question_id, question.image_id) == ("34602", "003a8ae2ef43b901")


def test_textvqa_label_is_the_normalised_consensus_and_answers_stay_raw():
    question = benchmarks.create("textvqa").read(ROW, 0)
    assert question.label == "dakota"
    assert question.answers == ROW["answers"]
    assert benchmarks.create("textvqa").read({**ROW, "answers": ["?"] * 10}, 0).label == "?"
    assert benchmarks.create("textvqa").read({**ROW, "answers": ["a"] * 8 + ["b", "c"]}, 0).label == "a"
    assert benchmarks.create("textvqa", {"label": "capital"}).read(ROW, 0).label == "Dakota"
    with pytest.raises(UserError, match="option 'label' is 'raw'; set it to normal or capital"):
        benchmarks.create("textvqa", {"label": "raw"})


def test_textvqa_score():
    task = benchmarks.create("textvqa")
    assert task.score("Dakota.", ROW["answers"]) == pytest.approx(1.0)
    assert task.score("dakota digital", ROW["answers"]) == pytest.approx(0.9)
    assert task.score("nikon", ROW["answers"]) == 0


# --- multiple choice


def test_scienceqa_question():
    row = {
        "question": "Which property do these objects have in common?",
        "choices": ["hard", "soft", "salty"],
        "answer": 2,
        "hint": "Select the better answer.",
        "subject": "natural science",
    }
    question = benchmarks.create("scienceqa").read(row, 3)
    assert turn("scienceqa", row) == (
        "Context: Select the better answer.\nWhich property do these objects have in common?"
        "\nA. hard\nB. soft\nC. salty\nAnswer with the option's letter from the given choices directly."
    )
    assert (question.question_id, question.label, question.answers) == (
        "3",
        "C",
        ["C", "A. hard", "B. soft", "C. salty"],
    )
    assert turn("scienceqa", {**row, "hint": ""}).startswith("Which property")


def test_scienceqa_score():
    scores = [
        benchmarks.create("scienceqa").score(answer, ["C"])
        for answer in ("C", "c", "C. salty", "The answer is C.", "salty", "(C)", "The answer is C. The answer is B.")
    ]
    assert scores == [1, 1, 1, 1, 0, 0, 0]


def test_mmbench_question():
    row = {
        "index": 1_000_241,
        "question": "Which one is right?",
        "hint": "nan",
        "answer": "B",
        "A": "a cat",
        "B": "a dog",
        "C": "nan",
        "D": None,
        "category": "object_localization",
    }
    question = benchmarks.create("mmbench").read(row, 0)
    assert turn("mmbench", row) == (
        "Which one is right? There are several options:\nA. a cat\nB. a dog\n"
        "\nAnswer with the option's letter from the given choices directly."
    )
    assert (question.question_id, question.label) == ("1000241", "B")
    assert question.answers == ["B", "A. a cat", "B. a dog"]
    assert turn("mmbench", {**row, "hint": "Look."}).startswith(
        "Look. Which one is right? There are several options:\nA. "
    )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("B", "B"),
        ("B. red", "B"),  # the letter is heard before the text
        ("It is green", "C"),
        ("Answer: B", "B"),
        ("Option B", "B"),
        ("B is correct", "B"),
        ("I choose B", "B"),
        ("The answer is B. Not C.", "B"),
        ("B or C", None),  # two letters
        ("B, which one sees when one looks", None),  # not among the last four words
        ("a dark red thing", None),  # contains two texts
        ("It is green, as one can see when one looks at it", None),  # more than twice as long as all options
        ("blue", None),
        ("D", None),  # there is no D
    ],
)
def test_mmbench_letter_then_text(answer, expected):
    options = ["A. red", "B. dark red", "C. green"]
    assert chosen(answer, options) == expected
    assert benchmarks.create("mmbench").score(answer, [expected or "A", *options]) == (expected is not None)


def test_mmbench_is_circular():
    rows = frame(
        ("241", "c", [], "", 1.0),
        ("1000241", "c", [], "", 1.0),
        ("242", "c", [], "", 1.0),
        ("1000242", "c", [], "", 0.0),  # one wrong copy
        ("2000242", "c", [], "", 1.0),
    )
    assert whole("mmbench", rows) == {"circular accuracy": 50, "accuracy": 80}


# --- POPE


def test_pope_question():
    row = {"question_id": "1", "question": "Is there a snowboard in the image?", "answer": "yes", "category": "popular"}
    question = benchmarks.create("pope").read(row, 0)
    assert turn("pope", row) == (
        "Is there a snowboard in the image?\nAnswer the question using a single word or phrase."
    )
    assert (question.question_id, question.label, question.answers) == ("popular/1", "Yes", ["yes"])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Yes", True),
        ("No, there is not.", False),
        ("There is not a dog", False),
        ("Yes. No dog though", True),  # only up to the first full stop
        ("nothing", True),  # a word, not a beginning
        ("", True),
    ],
)
def test_pope_rule(answer, expected):
    assert says_yes(answer) is expected


def test_pope_metrics():
    metrics = published(
        benchmarks.create("pope"),
        frame(
            ("random/1", "random", ["yes"], "Yes", 1.0),  # TP
            ("random/2", "random", ["no"], "Yes", 0.0),  # FP
            ("random/3", "random", ["yes"], "No", 0.0),  # FN
            ("random/4", "random", ["yes"], "Yes", 1.0),  # TP: F1 = 4/(4+1+1)
            ("popular/1", "popular", ["no"], "No", 1.0),  # nothing positive: 0
        ),
    )
    assert metrics["F1", "random"] == pytest.approx(200 / 3) and metrics["F1", "popular"] == 0
    assert metrics["F1", ""] == pytest.approx(100 / 3)
    assert metrics["accuracy", ""] == pytest.approx(75)  # mean of the categories' 50 and 100
    assert metrics["precision", "random"] == metrics["recall", "random"] == pytest.approx(200 / 3)
    always = frame(("a/1", "a", ["no"], "Yes", 0.0), ("a/2", "a", ["yes"], "Yes", 1.0))
    assert whole("pope", always)["yes rate"] == 100  # of the answers, not of the truths


# --- short answers


def test_ocrbench():
    row = {"question": " what is written in the image? ", "question_type": "Digit String Recognition"}
    question = benchmarks.create("ocrbench").read({**row, "answer": ["50", "fifty"]}, 12)
    assert turn("ocrbench", {**row, "answer": ["50"]}) == "what is written in the image?"
    assert (question.question_id, question.label, question.category) == ("12", "50", "Digit String Recognition")
    task = benchmarks.create("ocrbench")
    formulas = "Handwritten Mathematical Expression Recognition"
    assert task.score("x^{2}", ["x ^ { 2 }"], formulas) == 1
    assert task.score("x^{2}", ["x ^ { 2 }"], "Doc-oriented VQA") == 0
    rows = frame(("0", "B", [], "", 1.0), ("1", "A", [], "", 0.0), ("2", "A", [], "", 1.0), ("3", "A", [], "", 0.0))
    found = published(task, rows)
    assert (found["points", ""], found["points", "A"], found["points", "B"]) == (500, 250, 250)
    assert (found["accuracy", ""], found["accuracy", "A"]) == (50, pytest.approx(100 / 3))
    assert found == published(task, rows)  # no counter survives a call


def test_gqa():
    row = {"id": "201307251", "imageId": "n161313", "question": "Is it overcast?", "answer": "no"}
    question = benchmarks.create("gqa").read(row, 0)
    assert turn("gqa", row) == "Is it overcast?\nAnswer the question using a single word or phrase."
    assert (question.question_id, question.image_id) == ("201307251", "n161313")
    assert (question.label, question.answers) == ("No", ["no"])
    assert [benchmarks.create("gqa").score(answer, ["no"]) for answer in ("No.", "no", "no it is not")] == [1, 1, 0]


@pytest.mark.parametrize(
    ("task", "row"),
    [
        ("docvqa", {"questionId": "1", "question": "How much?", "answers": ["", "0.28"]}),
        ("ocrbench", {"question": "How much?", "question_type": "Digit", "answer": ["", "0.28"]}),
    ],
)
def test_a_blank_reference_is_no_label(task, row):
    assert benchmarks.create(task).read(row, 0).label == "0.28"


def test_docvqa():
    row = {"questionId": "49153", "question": "What is the ‘actual’ value?", "answers": ["0.28", "0.280"]}
    question = benchmarks.create("docvqa").read(row, 0)
    assert turn("docvqa", row) == "What is the ‘actual’ value?\nAnswer the question using a single word or phrase."
    assert (question.question_id, question.label, question.answers) == ("49153", "0.28", ["0.28", "0.280"])
    assert benchmarks.create("docvqa").score("0.29", row["answers"]) == pytest.approx(0.75)
    assert whole("docvqa", frame(("0", "", [], "", 0.75), ("1", "", [], "", 0.0))) == {"ANLS": 37.5}


def test_chartqa():
    row = {"type": "human_test", "question": "How many bars?", "answer": "12"}
    question = benchmarks.create("chartqa").read(row, 4)
    assert turn("chartqa", row) == "How many bars?\nAnswer the question with a single word."
    assert (question.question_id, question.label, question.category) == ("4", "12", "human_test")
    rows = frame(
        ("0", "human_test", [], "", 1.0), ("1", "augmented_test", [], "", 0.0), ("2", "human_test", [], "", 1.0)
    )
    found = published(benchmarks.create("chartqa"), rows)
    assert found["relaxed accuracy", ""] == pytest.approx(200 / 3)
    assert (found["relaxed accuracy", "human_test"], found["relaxed accuracy", "augmented_test"]) == (100, 0)
    assert found["mean of both splits", ""] == 50


def test_vqa_takes_answer_or_answers_and_a_scoring_rule():
    task = benchmarks.create("vqa")
    one = task.read({"question": "What is it?", "answer": 3}, 5)
    assert (
        turn("vqa", {"question": "What is it?", "answer": "3"})
        == "What is it?\nAnswer the question using a single word or phrase."
    )
    assert (one.question_id, one.image_id, one.label, one.answers) == ("5", None, "3", ["3"])
    row = {"question": "Q", "answers": ["Paris", "the Rome", "rome"], "question_id": 0, "image_id": 0, "category": "x"}
    many = benchmarks.create("vqa", {"suffix": " Short."}).read(row, 5)
    assert (turn("vqa", row, suffix=" Short."), many.label) == ("Q Short.", "the Rome")
    assert (many.question_id, many.image_id, many.category) == ("0", "0", "x")
    assert task.score("Paris.", row["answers"]) == 1
    assert benchmarks.create("vqa", {"scoring": "anls"}).score("pari", row["answers"]) == pytest.approx(0.8)
    with pytest.raises(UserError, match="option 'scoring' is 'gpt'; set it to one of exact, soft, anls, relaxed"):
        benchmarks.create("vqa", {"scoring": "gpt"})


def test_every_task_has_a_module_whose_code_counts():
    """Two tasks may share a module; every rule that scores or builds a benchmark asks for its digest."""
    digests = {name: code(None, benchmarks.module_of(name)) for name in benchmarks.REGISTRY}
    assert digests["places"] == digests["reading"] != digests["pope"]
