"""The page's tables against the Arrow tables, cell by cell: every row once, and every number the table's."""

import polars as pl
import pytest
from page_cells import NUMBER, Rows, TablesOfPage, horizon, keep, read, rows_of, same, significant
from test_report import files_of, page_of

from figures.synthetic import Study


@pytest.fixture(scope="module")
def shown(study: Study, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rows]:
    text = page_of(study, files_of(study, tmp_path_factory.mktemp("cells")))
    return TablesOfPage(text).tables


def test_all_horizons(study: Study, shown: dict[str, Rows]) -> None:
    rows, expected = rows_of(shown, "All horizons"), read(study.horizon)
    assert len(rows) == len(expected) > 0
    for row, own in zip(rows, expected, strict=True):
        for name in ("model", "benchmark", "criterion", "category", "removal", "strategy"):
            assert row[name] == own[name]
        assert significant(row["threshold"], own["threshold"], 3) and same(row["questions"], own["questions"])
        assert keep(row["keep"], own["keep"] if own["strategy"] else None)
        assert horizon(row["horizon"], own)


@pytest.mark.parametrize(
    ("caption", "criteria"),
    [
        ("Horizons at the configured", "information answer-information label-free label-free-ratio label-free-trimmed "
         "redundancy metric"),
        ("Layers from which on a strategy is no better", "no-advantage random-parity"),
    ],
)  # fmt: skip
def test_horizons_by_criterion(study: Study, shown: dict[str, Rows], caption: str, criteria: str) -> None:
    expected = [
        own
        for own in read(study.horizon)
        if own["criterion"] in criteria.split()
        and (own["factor"], own["keep"], own["category"], own["removal"]) == (1.0, None, "", "")
    ]
    rows, found = rows_of(shown, caption), 0
    for own in expected:
        (row,) = [
            row
            for row in rows
            if (row["model"], row["benchmark"], row.get("strategy", "")) == tuple(
                own[name] for name in ("model", "benchmark", "strategy")
            )
        ]  # fmt: skip
        (head,) = [head for head in row if head.startswith(f"{own['criterion']} (")]
        assert significant(NUMBER.findall(head)[-1], own["threshold"], 3) and horizon(row[head], own)
        found += 1
    filled = sum(cell != "–" for row in rows for head, cell in row.items() if "(≤" in head)
    assert found == len(expected) == filled > 0


@pytest.mark.parametrize(
    ("caption", "kind"),
    [("Schedules", "schedule"), ("The best strategy and layer", "selected"), ("Strategies", "strategy")],
)
def test_comparisons(study: Study, shown: dict[str, Rows], caption: str, kind: str) -> None:
    expected = [own for own in read(study.comparison) if own["kind"] == kind]
    rows = rows_of(shown, caption)
    assert len(rows) == len(expected) > 0
    for row, own in zip(rows, expected, strict=True):
        assert all(row[name] == own[name] for name in ("model", "benchmark", "name", "baseline"))
        assert kind != "strategy" or same(row["layer"], own["layer"])
        assert kind == "schedule" or keep(row["keep"], own["keep"])
        other = [own["baseline_tokens"]] if own["equal_tokens"] is False else []
        tokens = NUMBER.findall(row["tokens"])
        assert all(significant(*pair, 4) for pair in zip(tokens, [own["tokens"], *other], strict=True))
        assert same(row["score"], own["score"]) and same(row["baseline’s score"], own["baseline_score"])
        assert same(row["difference [interval]"], own["difference"], own["low"], own["high"])
        assert same(row["questions"], own["questions"])
        for head, name in (("p", "p_value"), ("p (Holm)", "p_holm")):
            assert own[name] < 0.001 if row[head] == "< 0.001" else same(row[head], own[name])


def test_metrics(study: Study, shown: dict[str, Rows]) -> None:
    expected = {}
    for own in read(study.metrics):
        if own["benchmark"] is not None and (own["own"] or not own["category"]):
            key = (
                own["model"],
                own["benchmark"],
                own["metric"],
                own["category"] or "all",
                own["unit"],
                own["protocol"],
            )
            expected.setdefault(own["condition"], {})[key] = own
    rows = rows_of(shown, "The benchmarks’ own metrics")
    assert len(rows) == len(expected["full"]) > 0
    for row in rows:
        key = tuple(row[name] for name in ("model", "benchmark", "metric", "category", "unit", "protocol"))
        for head, condition in (("unpruned", "full"), ("blind", "blind")):
            own = expected[condition][key]
            assert same(row[head], own["value"], own["low"], own["high"])
        assert same(row["questions"], expected["full"][key]["questions"])


def test_relative_scores(study: Study, shown: dict[str, Rows]) -> None:
    expected = [own for own in read(study.metrics) if own["benchmark"] is None]
    rows = rows_of(shown, "Mean over the benchmarks")
    assert len(rows) == len(expected) > 0
    for row, own in zip(rows, expected, strict=True):
        assert row["model"] == own["model"]
        assert row["strategy, schedule or condition"] == (own["name"] or own["condition"])
        assert same(row["relative score"], own["value"], own["low"], own["high"])
        assert own["layer"] is None or same(row["layer"], own["layer"])
        assert keep(row["keep"], own["keep"])


def test_every_strategy_over_layers(study: Study, shown: dict[str, Rows]) -> None:
    expected = [
        own
        for own in read(study.metrics)
        if own["benchmark"] is not None and own["own"] and not own["category"]
        and own["condition"] == "strategy" and own["layer"] is None and own["keep"]
    ]  # fmt: skip
    rows = rows_of(shown, "Every strategy by the mean")
    assert len(rows) == len(expected) > 0
    for row, own in zip(rows, expected, strict=True):
        assert (row["model"], row["benchmark"], row["strategy"]) == (own["model"], own["benchmark"], own["name"])
        assert keep(row["keep"], own["keep"]) and same(row["unpruned"], own["full"])
        assert same(row["metric, mean over layers"], own["value"], own["low"], own["high"])
        difference = (own[f"baseline_difference{end}"] for end in ("", "_low", "_high"))
        assert same(row["difference to random"], *difference)


def test_cases_of_the_claims(study: Study, shown: dict[str, Rows]) -> None:
    """The first criterion at the configured threshold decides; `Under other criteria` has the rest."""
    cases = [row for caption, rows in shown.items() if caption.startswith("Cases of") for row in rows]
    found = {
        (own["title"], own["evidence"], own["decision"]) for own in read(study.findings) if own["model"] is not None
    }
    assert cases and all((row["case"], row["evidence"], row["decision"]) in found for row in cases)
    decided = pl.read_ipc(study.findings).filter(pl.col("model").is_not_null(), factor=1.0)
    firsts = decided.group_by("claim", maintain_order=True).agg(pl.col("criterion").first())
    assert len(cases) == decided.join(firsts, on=["claim", "criterion"]).height
