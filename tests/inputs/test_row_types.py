"""Columns are typed: whatever a file holds becomes the label that stands there, or one sentence with row and column."""

import datetime
import gzip
import json
import string

import pytest
from datasets import ClassLabel, Dataset, Features, Image, List, Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infohorizon.benchmarks.load import load
from infohorizon.errors import UserError
from inputs.conftest import png


def lines(*rows: str) -> str:
    """JSON lines with an image and a question before each row's own members."""
    return "\n".join(f'{{"image": "i.png", "question": "Q", {row}}}' for row in rows)


def label(benchmark) -> str:
    return benchmark.questions["label"][0].as_py()


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ('"answer": "cat"', "cat"),
        ('"answers": ["cat", "cat", "dog"]', "cat"),
        ('"answer": "2019-01-01"', "2019-01-01"),
        ('"answer": "2019-01-01T10:00:00Z"', "2019-01-01T10:00:00Z"),
        ('"answer": "007"', "007"),
        ('"answer": 7', "7"),
        ('"answer": 1E5', "1E5"),
        ('"answer": 3.10', "3.10"),
        ('"answer": 123456789012345678901234567890', "123456789012345678901234567890"),
        ('"answer": "  cat\\n"', "cat"),
        ('"answer": "NaN"', "NaN"),
        ('"answer": "{x} 😀 قطة"', "{x} 😀 قطة"),
        ('"answers": null, "answer": "cat"', "cat"),
        ('"answers": ["", "cat"]', "cat"),
    ],
)
def test_labels_of_json_lines(members, expected, bring):
    assert label(bring(lines(members))) == expected


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ('"answers": "cat"', "column 'answers' holds the text 'cat' where a list of texts is expected"),
        ('"answer": ["cat"]', "column 'answer' holds a list where one text is expected"),
        ('"answers": [{"answer": "cat"}]', "column 'answers' holds, at place 0 of the list, a dictionary where text"),
        ('"answers": ["cat", null]', "column 'answers' holds, at place 1 of the list, null where text"),
        ('"answers": ["cat", ["dog"]]', "at place 1 of the list, a list where text is expected"),
        ('"answers": []', "column 'answers' holds no answer"),
        ('"answers": ["", " "]', "column 'answers' holds no answer"),
        ('"answer": true', "column 'answer' holds a truth value where text is expected: save it as text"),
        ('"answer": {"text": "cat"}', "column 'answer' holds a dictionary"),
        ('"answer": null', "there is neither `answers` nor `answer`"),
        ('"answer": NaN', "there is neither `answers` nor `answer`"),
        ('"answer": " "', "column 'answer' is empty"),
        ('"answer": "x", "question_id": true', "column 'question_id' holds a truth value"),
        ('"answer": "x", "question": ""', "column 'question' is empty"),
        ('"answer": "x", "question": null', "column 'question' holds null"),
    ],
)
def test_sentences_of_json_lines(members, sentence, bring):
    good = '"answer": "cat"'
    with pytest.raises(UserError) as caught:
        bring(lines(good, members))
    assert str(caught.value).startswith("Benchmark 'mine': row 1: ") and sentence in str(caught.value)


def test_lists_and_texts_mixed_in_one_file(bring):
    with pytest.raises(
        UserError, match=r"row 1: column 'answers' holds the text 'cat'.*; row 2: column 'answers' holds"
    ):
        bring(lines('"answers": ["cat"]', '"answers": "cat"', '"answers": "dog"', '"answers": ["dog"]'))


def test_of_many_offenders_ten_are_named(bring):
    with pytest.raises(UserError, match=r"^Benchmark 'mine': row 0: .*; row 9: .*; and 5 more\.$"):
        bring(lines(*['"answer": false'] * 15))


CSV = "image,question,answer\r\ni.png,Q,{}\r\n"


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (CSV.format("007"), "q.csv", "007"),
        (CSV.format("1E5"), "q.csv", "1E5"),
        (CSV.format('"a, ""b"""'), "q.csv", 'a, "b"'),
        (CSV.format("nan"), "q.csv", "nan"),
        (CSV.format("True"), "q.csv", "True"),
        ("image\tquestion\tanswer\ni.png\tQ\t1.50\n", "q.tsv", "1.50"),
        ("\ufeff" + CSV.format("007"), "q.csv", "007"),
        ("\ufeff" + lines('"answer": "cat"'), "q.jsonl", "cat"),
        (lines('"answer": "cat"').replace("\n", "\r\n"), "q.jsonl", "cat"),
        ("[" + lines('"answer": 1.0') + "]", "q.json", "1.0"),
        (gzip.compress(lines('"answer": "cat"').encode(), mtime=0), "q.jsonl.gz", "cat"),
        ("file_name,question,answer\ni.png,Q,007\n", "metadata.csv", "007"),
        ('{"file_name": "i.png", "question": "Q", "answer": 1e2}', "metadata.jsonl", "1e2"),
        ('{"image": {"path": "i.png", "bytes": null}, "question": "Q", "answer": "x"}', "q.jsonl", "x"),
        (lines('"answer": "cat"'), "test-00000-of-00001.jsonl", "cat"),
    ],
)
def test_formats(content, name, expected, bring, tmp_path):
    assert label(bring(content, name)) == expected
    if not name.startswith("metadata"):
        by_file = load("mine", {"source": str(tmp_path / "own" / name), "task": "vqa"})
        assert label(by_file) == expected


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        (lines('"answer": "cat"')[:-5], "q.jsonl", r"q\.jsonl, line 1 is not valid JSON: Unterminated string"),
        (lines('"answer": "cat",'), "q.jsonl", r"q\.jsonl, line 1 is not valid JSON: "),
        ("[" + lines('"answer": 1') + ",]", "q.json", r"q\.json is not valid JSON: .*line 1 column"),
        (lines('"answer": "cat"').encode("utf-16"), "q.jsonl", r"q\.jsonl is not UTF-8 \(byte 0\): save it as UTF-8"),
        (b"\x1f\x8bnothing", "q.jsonl.gz", r"q\.jsonl\.gz cannot be read"),
        ('"cat"\n', "q.jsonl", "row 0 is not an object"),
        ("image,question,answer\ni.png,Q,a,b\n", "q.csv", r"q\.csv, line 2 has 4 cells, but the header has 3"),
        ("image,image,answer\ni.png,Q,a\n", "q.csv", "column 'image' occurs twice"),
        (CSV.format('"a'), "q.csv", r"q\.csv, line 2 is not valid CSV"),
        ("", "q.jsonl", "holds no rows"),
        (CSV.format(""), "q.csv", "row 0: there is neither `answers` nor `answer`"),
        ('{"image": "i.png", "query": "Q", "label": "x"}', "q.jsonl", "column 'question' is missing; .*Rename a col"),
    ],
)
def test_files_that_cannot_be_parsed(content, name, sentence, bring):
    with pytest.raises(UserError, match=f"^Benchmark 'mine': .*{sentence}") as caught:
        bring(content, name)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_data_change_nothing(bring, tmp_path):
    expected = bring(lines('"answer": "cat"'))
    own = tmp_path / "own"
    for name in ("notes.txt", "more.txt", ".DS_Store", "{x}.png", ".git.jsonl", "README.md"):
        (own / name).write_text("x")
    (own / "broken.png").symlink_to(own / "nowhere.png")
    assert bring(lines('"answer": "cat"')) == expected


def test_the_only_split_is_taken(bring):
    assert bring(lines('"answer": "x"'), split=None).questions.num_rows == 1
    with pytest.raises(UserError, match=r"there is no split 'test'; .* has q"):
        bring(lines('"answer": "x"'), split="test")


# --- typed files

IMAGE = {"bytes": png(), "path": None}


def saved(tmp_path, feature, *values, column="answer"):
    features = Features({"image": Image(), "question": Value("string"), column: feature})
    rows = {"image": [IMAGE] * len(values), "question": ["Q"] * len(values), column: list(values)}
    Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "own.parquet")
    return load("mine", {"source": str(tmp_path / "own.parquet"), "task": "vqa"})


@pytest.mark.parametrize(
    ("feature", "value", "expected"),
    [
        (ClassLabel(names=["cat", "dog"]), 1, "dog"),
        (Value("int64"), 7, "7"),
        (Value("string"), "007", "007"),
        (Value("large_string"), " x ", "x"),
    ],
)
def test_labels_of_typed_files(feature, value, expected, tmp_path):
    assert label(saved(tmp_path, feature, value)) == expected


def test_a_list_of_class_labels_becomes_names(tmp_path):
    names = List(ClassLabel(names=["cat", "dog"]))
    assert label(saved(tmp_path, names, [1, 1, 0], column="answers")) == "dog"


@pytest.mark.parametrize(
    ("feature", "value", "sentence"),
    [
        (Value("float64"), 5.0, "row 1: column 'answer' holds a decimal number where text is expected: save it as"),
        (Value("bool"), True, "row 1: column 'answer' holds a truth value"),
        (Value("timestamp[s]"), datetime.datetime(2019, 1, 1), "row 1: column 'answer' holds a date"),
        (Value("date32"), datetime.date(2019, 1, 1), "row 1: column 'answer' holds a date"),
        (Value("binary"), b"cat", "row 1: column 'answer' holds bytes"),
        (ClassLabel(names=["cat", "dog"]), None, "row 1: there is neither"),
    ],
)
def test_sentences_of_typed_files(feature, value, sentence, tmp_path):
    with pytest.raises(UserError, match=f"{sentence}"):
        saved(tmp_path, feature, None, value)


# --- the tasks' own columns

MMBENCH = '"index": 1, "hint": "nan", "A": "cat", "B": "dog", "C": "nan", "D": null, "category": "c"'


@pytest.mark.parametrize(
    ("task", "members", "expected"),
    [
        ("mme", '"question_id": 5, "category": "count", "answer": "Yes"', "Yes"),
        ("mmbench", f'{MMBENCH}, "answer": "B"', "B"),
        ("chartqa", '"type": "human", "answer": 3', "3"),
        ("chartqa", '"type": "human", "answer": "12.5%"', "12.5%"),
        ("docvqa", '"questionId": 1, "answers": ["June 11"]', "June 11"),
        ("ocrbench", '"question_type": "t", "answer": ["STOP"]', "STOP"),
        ("scienceqa", '"choices": ["a", "b"], "answer": 1, "hint": null, "subject": "s"', "B"),
        ("pope", '"question_id": 1, "category": "random", "answer": "no"', "No"),
    ],
)
def test_labels_of_each_task(task, members, expected, bring):
    assert label(bring(lines(members), task=task)) == expected


@pytest.mark.parametrize(
    ("task", "members", "sentence"),
    [
        ("mme", '"question_id": 5, "category": "count", "answer": "maybe"', "column 'answer' holds 'maybe', but every"),
        ("mme", '"question_id": 5, "category": "count", "answer": ["Yes"]', "column 'answer' holds a list"),
        ("mme", '"question_id": 5, "category": "count", "answer": null', "column 'answer' holds null"),
        ("mme", '"question_id": 5, "category": "count", "answer": 1', "column 'answer' holds '1', but every answer"),
        ("pope", '"question_id": 5, "category": "random", "answer": "sure"', "column 'answer' holds 'sure'"),
        ("mmbench", f'{MMBENCH}, "answer": "nan"', "column 'answer' is 'nan', which is not the letter of an option"),
        ("mmbench", f'{MMBENCH}, "answer": "C"', "column 'answer' is 'C', which is not the letter of an option"),
        ("mmbench", f'{MMBENCH}, "answer": null', "column 'answer' holds null"),
        ("mmbench", f'{MMBENCH}, "index": "x", "answer": "A"', "column 'index' holds 'x' where a whole number"),
        ("chartqa", '"type": "human", "answer": ["3"]', "column 'answer' holds a list"),
        ("chartqa", '"type": "human", "answer": null', "column 'answer' holds null"),
        ("docvqa", '"questionId": 1, "answers": "June 11"', "column 'answers' holds the text 'June 11' where a list"),
        ("ocrbench", '"question_type": "t", "answer": "STOP"', "column 'answer' holds the text 'STOP' where a list"),
        ("scienceqa", '"choices": ["a"], "answer": -1, "hint": "", "subject": "s"', "column 'answer' is -1, but the 1"),
        ("scienceqa", '"choices": ["a"], "answer": 1, "hint": "", "subject": "s"', "column 'answer' is 1, but the 1"),
        (
            "scienceqa",
            '"choices": ["a"], "answer": "A", "hint": "", "subject": "s"',
            "column 'answer' holds 'A' where a",
        ),
    ],
)
def test_sentences_of_each_task(task, members, sentence, bring):
    with pytest.raises(UserError) as caught:
        bring(lines(members), task=task)
    assert str(caught.value).startswith("Benchmark 'mine': row 0: ") and sentence in str(caught.value)


def test_whole_numbers_join_the_images_of_gqa(tmp_path):
    folder = tmp_path / "gqa"
    (folder / "q").mkdir(parents=True)
    (folder / "p").mkdir()
    Dataset.from_dict({"id": [1], "imageId": [5], "question": ["Q"], "answer": ["no"]}).to_parquet(
        folder / "q/t.parquet"
    )
    pictures = Features({"id": Value("int64"), "image": Image()})
    Dataset.from_dict({"id": [5], "image": [IMAGE]}, features=pictures).to_parquet(folder / "p/t.parquet")
    configs = [{"config_name": name, "data_files": f"{name}/*.parquet"} for name in "qp"]
    (folder / "README.md").write_text(f"---\n{json.dumps({'configs': configs})}\n---\n")
    settings = {"source": str(folder), "task": "gqa", "config": "q", "options": {"images_config": "p"}}
    assert load("mine", settings).questions["image_id"].to_pylist() == ["5"]


# --- anything at all

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(string.printable, max_size=8)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("x"), inner), max_leaves=6
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(column=st.sampled_from(["answer", "answers"]), value=VALUES)
def test_any_json_value_is_its_own_text_or_a_sentence(column, value, bring):
    try:
        benchmark = bring(lines(f'"{column}": {json.dumps(value)}'))
    except UserError as error:
        assert str(error).startswith("Benchmark 'mine': row 0: ") and "0x" not in str(error)
        return
    given = [value] if column == "answer" else value
    assert all(isinstance(part, str | int | float) and not isinstance(part, bool) for part in given)
    spelled = [(part if isinstance(part, str) else json.dumps(part)).strip() for part in given]
    assert benchmark.questions["answers"][0].as_py() == spelled
    assert label(benchmark) in spelled
