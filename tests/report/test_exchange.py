"""Exports: per-sample logs as lmms-eval's own, and kept sets."""

import json

import polars as pl
import pytest

from infohorizon import benchmarks, tables
from infohorizon.analysis.metric_table import runs
from infohorizon.errors import UserError
from infohorizon.report.exchange import KINDS, kept_sets, samples
from infohorizon.tables import files


def questions(rows):
    columns = dict.fromkeys(tables.TABLES["benchmark"].columns, "")
    lists = {"options": [], "ocr_tokens": []}
    return pl.DataFrame(tables.from_rows("benchmark", [{**columns, **lists, **row} for row in rows]))


MME = [
    {"question_id": f"{kind}/1.jpg#{index}", "image_id": "i", "question": f"q{index}?", "label": label}
    | {"answers": [label], "category": kind}
    for index, (kind, label) in enumerate([("color", "Yes"), ("color", "No"), ("code_reasoning", "Yes")])
]


def written(folder, stage, rows, shards=1):
    """Paths of a table's parts; columns that the rows lack are null."""
    null, paths = dict.fromkeys(tables.TABLES[stage].columns), []
    for shard in range(shards):
        paths.append(str(folder / f"{stage}-{shard}-of-{shards}.arrow"))
        tables.write(paths[-1], stage, [null | row for row in rows[shard::shards]], {})
    return paths


def texts(asked, task, paths, stage):
    """The files' names, in the order in which they are made, and their lines."""
    turns = {row["question_id"]: f"{row['question']} short" for row in asked.iter_rows(named=True)}
    return list(samples(asked, turns, task, paths, stage))


def logs(folder, asked, task, rows, stage):
    found = dict(texts(asked, task, written(folder, stage, rows), stage))
    return {name: [json.loads(line) for line in lines.splitlines()] for name, lines in found.items()}


def test_a_line_has_the_fields_of_lmms_eval(tmp_path):
    asked, task = questions(MME), benchmarks.create("mme")
    said = {"full": ["yes", "no", "NO"], "blind": ["no", "no", "“ja”\n"]}
    rows = [
        {"question_id": row["question_id"], "condition": condition, "answer": answer}
        | {"score": task.score(answer, row["answers"])}
        for condition, answers in said.items()
        for row, answer in zip(MME, answers, strict=True)
    ]
    found = logs(tmp_path, asked, task, rows[::-1], "answers")
    assert list(found) == ["blind", "full"]
    assert [line["doc_id"] for line in found["full"]] == [0, 1, 2]
    first = found["full"][0]
    assert {key: first[key] for key in ("input", "target", "resps", "filtered_resps")} == {
        "input": "q0? short",
        "target": "Yes",
        "resps": [["yes"]],
        "filtered_resps": ["yes"],
    }
    assert first["mme_perception_score"] == {"question_id": "color/1.jpg", "category": "color", "score": 1.0}
    assert found["full"][2]["mme_cognition_score"]["score"] == 0.0
    assert found["blind"][2]["resps"] == [["“ja”\n"]]
    hashes = {line["doc_hash"] for line in found["full"]}
    assert len(hashes) == 3 and hashes == {line["doc_hash"] for line in found["blind"]}


@pytest.mark.parametrize(
    ("task", "row", "answer", "metric"),
    [
        ("textvqa", {"answers": ["cat"] * 9 + ["dog"]}, "cat", {"exact_match": 1.0}),
        ("docvqa", {"answers": ["cat"]}, "cat", {"anls": 1.0}),
        ("chartqa", {"answers": ["5"]}, "6", {"relaxed_overall": 0.0}),
        (
            "pope",
            {"question_id": "random/7", "answers": ["yes"]},
            "Yes, it is.",
            {
                f"pope_{name}": {"question_id": "7", "score": 1.0, "prediction": "yes", "ground_truth": "yes"}
                for name in ("accuracy", "precision", "recall", "f1_score", "yes_ratio")
            },
        ),
        (
            "ocrbench",
            {"answers": ["CAT"], "category": "Digit String Recognition"},
            "A cat ",
            {
                "ocrbench_accuracy": {
                    "question_type": "Digit String Recognition",
                    "score": 1.0,
                    "prediction": "a cat",
                    "ground_truth": ["CAT"],
                }
            },
        ),
    ],
)
def test_metrics_are_named_as_there(task, row, answer, metric, tmp_path):
    asked, rules = questions([{"question_id": "q", **row}]), benchmarks.create(task)
    score = rules.score(answer, asked["answers"][0].to_list(), asked["category"][0])
    said = {"question_id": asked["question_id"][0], "condition": "full", "answer": answer, "score": score}
    (line,) = logs(tmp_path, asked, rules, [said], "answers")["full"]
    known = {"doc_id", "question_id", "input", "target", "resps", "filtered_resps", "doc_hash"}
    assert {key: value for key, value in line.items() if key not in known} == metric


def test_every_run_has_a_file_of_its_own(tmp_path):
    asked, task = questions(MME), benchmarks.create("mme")
    cells = [("random", 1, 0.5, 0), ("random", 1, 0.5, 1), ("random", 2, 64.0, 0), ("drop-all", 1, 0.0, 0)]
    rows = [
        {"question_id": row["question_id"], "strategy": s, "layer": l, "keep": k, "repeat": r}
        | {"answer": "no", "score": 0.0, "tokens": 3}
        for s, l, k, r in cells
        for row in MME
    ]
    found = logs(tmp_path, asked, task, rows, "sweep")
    assert set(found) == {
        "random_layer-1_keep-0.5",
        "random_layer-1_keep-0.5_repeat-1",
        "random_layer-2_keep-64",
        "drop-all_layer-1_keep-0",
    }
    assert all(len(lines) == 3 for lines in found.values())
    smaller = [{"question_id": row["question_id"], "keep": 0.5, "tokens": 9, "answer": "", "score": 0.0} for row in MME]
    assert set(logs(tmp_path, asked, task, smaller, "downsample")) == {"downsample_keep-0.5"}


@pytest.mark.parametrize("stage", ["sweep", "schedules"])
def test_a_table_is_read_without_its_kept_sets_one_strategy_or_schedule_at_a_time(stage, tmp_path, monkeypatch):
    asked, task, kind = questions(MME), benchmarks.create("mme"), KINDS[stage]
    rows = [
        {"question_id": row["question_id"], kind: name, "layer": layer, "keep": 0.5, "repeat": repeat}
        | {"kept": [1] if stage == "sweep" else [[1]], "answer": f"{name} {layer} {repeat}", "score": 0.0}
        for row in [*MME[::-1], MME[0] | {"question_id": "of another study"}]
        for name, layer, repeat in [("random", 2, 1), ("random", 2, 0), ("dart", 1, 0), ("dart", 0, 0)]
        if stage == "sweep" or layer > 0
    ]
    columns, groups, read = [], [], files.read_arrow

    def reading(path, name, wanted=None):
        columns.append(wanted)
        return read(path, name, wanted)

    def running(table, kind):
        groups.append(table[kind].unique().to_list())
        return runs(table, kind)

    monkeypatch.setattr(files, "read_arrow", reading)
    monkeypatch.setattr("infohorizon.report.exchange.runs", running)
    whole, shared = (texts(asked, task, written(tmp_path, stage, rows, shards), stage) for shards in (1, 3))
    assert whole == shared
    assert groups == [["dart"], ["random"]] * 2
    assert all(wanted and "kept" not in wanted for wanted in columns)
    layers = ("_layer-0_keep-0.5", "_layer-1_keep-0.5", "_layer-2_keep-0.5")
    swept = [f"dart{layers[0]}", f"dart{layers[1]}", f"random{layers[2]}", f"random{layers[2]}_repeat-1"]
    assert [name for name, _ in whole] == (swept if stage == "sweep" else ["dart", "random", "random_repeat-1"])
    for _, lines in whole:
        found = [json.loads(line) for line in lines.splitlines()]
        assert [line["doc_id"] for line in found] == [0, 1, 2]
        assert [line["question_id"] for line in found] == asked["question_id"].to_list()
    assert json.loads(whole[-1][1].splitlines()[1])["resps"] == [["random 2 1"]]


def test_kept_sets_of_all_parts_and_a_sweep_without_them(tmp_path):
    def row(kept, tokens, question="q"):
        cell = {"question_id": question, "strategy": "fastv", "layer": 1, "keep": 2.0, "repeat": 0}
        return {**cell, "kept": kept, "tokens": tokens, "answer": "", "score": 0.0, "label_probability": 0.0}

    def path(shard, *rows):
        file = tmp_path / f"part-{shard}.arrow"
        tables.write(file, "sweep", rows, {})
        return str(file)

    parts = [path(0, row([1, 4], 2)), path(1, row(None, 0, "r"))]
    assert kept_sets(parts).select("question_id", "kept").rows() == [("q", [1, 4]), ("r", [])]
    with pytest.raises(UserError, match=r"stored no kept sets: set sweep\.store_kept to true"):
        kept_sets([path(2, row(None, 2))])
