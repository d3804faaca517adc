"""What the page says of time, device and commit."""

import os
from datetime import UTC, datetime
from pathlib import Path

from infohorizon.report import runs

END = datetime(2026, 3, 1, 12, 30, tzinfo=UTC).timestamp()


def timing(file: Path, seconds: str, end: float = END) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t-\t10.0\n")
    os.utime(file, (end, end))


def log(file: Path, line: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"2026-03-01 12:00:00,123 7 of 7 cells to compute\n2026-03-01 12:00:01,123 {line}\n")


def test_time_and_device_of_the_jobs(tmp_path: Path) -> None:
    timing(tmp_path / "timings/sweep/mini/reading/0.tsv", "3600.0")
    timing(tmp_path / "timings/draw_sweep.tsv", "1800.5", END + 7200)
    timing(tmp_path / "timings/answers/mini/reading/0.tsv", "NA")
    for other in ("build_report", "train_tower", "try_schedules/mini/reading/held-out/0", "sweep/gone/reading/0"):
        timing(tmp_path / f"timings/{other}.tsv", "9999.0", END - 99999)
    log(tmp_path / "logs/sweep/mini/reading/0.log", "mini on node-7, cuda:0 (NVIDIA H100, PCIe), bfloat16")
    log(tmp_path / "logs/answers/mini/reading/0.log", "mini on node-8, cpu, float32")
    log(tmp_path / "logs/answers/other/reading/0.log", "other on node-8, cpu, float32")
    log(tmp_path / "logs/answers/mini/gone/0.log", "mini on node-9, cuda:1, float16")
    log(tmp_path / "logs/draw_sweep.log", "drawn on paper, twice")
    assert runs.facts(tmp_path, ["mini"], {"reading": "reading"}, "v0.1.0-3-gabc") == [
        ("When", "2026-03-01 11:30 to 14:30 UTC"),
        ("Computing time", "1.5 hours in 2 jobs"),
        ("Device", "mini: cpu, float32 and cuda:0 (NVIDIA H100, PCIe), bfloat16"),
        ("Commit of the workflow", "v0.1.0-3-gabc"),
    ]


def test_jobs_of_other_models_and_benchmarks_do_not_count(tmp_path: Path) -> None:
    own = ("sweep/mini/scenes/0", "fetch_model/mini", "build_benchmark/scenes", "render_benchmark/perception")
    others = (
        *("sweep/mini/gone/0", "sweep/gone/scenes/0", "sweep/scenes/mini/0"),
        *("fetch_model/gone", "merge_adapter/gone", "build_benchmark/gone", "render_benchmark/reading"),
    )
    for name in own:
        timing(tmp_path / f"timings/{name}.tsv", "900.0")
    for name in others:
        timing(tmp_path / f"timings/{name}.tsv", "9999.0", END - 99999)
    assert runs.facts(tmp_path, ["mini"], {"scenes": "perception"}) == [
        ("When", "2026-03-01 12:15 to 12:30 UTC"),
        ("Computing time", "1.0 hours in 4 jobs"),
    ]


def test_a_study_over_midnight(tmp_path: Path) -> None:
    timing(tmp_path / "timings/a.tsv", f"{13 * 3600}")
    timing(tmp_path / "timings/b.tsv", "60")
    assert runs.facts(tmp_path, [], {})[0] == ("When", "2026-02-28 23:30 to 2026-03-01 12:30 UTC")


def test_minutes_where_hours_are_too_coarse(tmp_path: Path) -> None:
    timing(tmp_path / "timings/a.tsv", "300.0")
    assert runs.facts(tmp_path, [], {})[1] == ("Computing time", "5 minutes in 1 job")


def test_what_is_not_known_is_not_said(tmp_path: Path) -> None:
    assert runs.facts("", [], {}) == runs.facts(tmp_path, [], {}) == []


def test_the_commit_is_that_of_the_checkout() -> None:
    assert runs.commit()
