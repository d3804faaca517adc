"""Digests: an edit that can change a number changes the stages that run it and no others; other edits change none."""

import os
import shutil
from pathlib import Path

import pytest

from infohorizon.pipeline import digest

ROOT = Path(digest.LIBRARY).parent
# What `code` is asked for in workflow/rules/: stage → (script, modules loaded by name).
STAGES = {
    "benchmark": ("build_benchmark", "benchmarks.mme"),
    "language model": ("fetch_language_model",),
    "model": ("fetch_model",),
    "vision": ("encode_images", "models.llava"),
    "answers": ("answer_questions", "models.llava"),
    "downsample": ("answer_downsampled", "models.llava"),
    "information": ("measure_information", "models.llava"),
    "removals": ("measure_removals", "models.llava"),
    "states": ("measure_states", "models.llava"),
    "sweep": ("sweep_strategies", "models.llava"),
    "dart": (None, "strategies.dart"),
    "random": (None, "strategies.random"),
    "schedules": ("run_schedules", "models.llava"),
    "scoring": (None, "benchmarks.mme"),
    "horizon": ("estimate_horizons",),
    "report": ("build_report",),
}
ASKING = {"answers", "downsample", "removals", "sweep", "schedules"}
RUNNING = ASKING | {"vision", "information", "states"}


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the library and the scripts, to be edited."""
    for folder in ("infohorizon", "scripts"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(digest, "LIBRARY", tmp_path / "infohorizon")
    monkeypatch.setattr(digest, "SCRIPTS", tmp_path / "scripts")
    return tmp_path


def digests() -> dict[str, str]:
    for function in (digest._shape_of, digest._imports):
        function.cache_clear()
    return {stage: digest.code(*arguments) for stage, arguments in STAGES.items()}


def changed(before: dict[str, str]) -> set[str]:
    after = digests()
    return {stage for stage in STAGES if before[stage] != after[stage]}


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("infohorizon/analysis/statistics.py", {"horizon", "report"}),
        ("infohorizon/analysis/horizons.py", {"horizon", "report"}),
        ("infohorizon/report/build.py", {"report"}),
        ("infohorizon/strategies/dart.py", {"dart"}),
        ("infohorizon/strategies/random.py", {"random"}),
        ("infohorizon/strategies/holov.py", set()),
        ("infohorizon/strategies/registry.py", set()),
        ("infohorizon/measure/downsampling.py", {"downsample"}),
        ("infohorizon/measure/schedules.py", {"schedules"}),
        ("infohorizon/measure/removals.py", {"removals"}),
        ("infohorizon/measure/states.py", {"states"}),
        ("infohorizon/measure/sweep.py", {"sweep"}),
        ("infohorizon/engine/resume.py", RUNNING),
        ("infohorizon/capacity.py", RUNNING),
        ("infohorizon/models/llava.py", RUNNING),
        ("infohorizon/models/qwen2_5_vl.py", set()),
        ("infohorizon/benchmarks/mme.py", {"benchmark", "scoring"}),
        ("infohorizon/benchmarks/pope.py", set()),
        ("infohorizon/benchmarks/load.py", {"benchmark"}),
        ("infohorizon/mini/training/tower.py", set()),
        ("infohorizon/mini/pretrained/wheel.py", {"language model"}),
        ("infohorizon/study/cost.py", set()),
        ("infohorizon/study/rates.py", set()),
        ("infohorizon/errors.py", set()),
        ("infohorizon/models/own_forward.py", set()),
        ("infohorizon/models/preflight.py", set()),
        ("infohorizon/pipeline/job.py", set()),
        ("infohorizon/pipeline/scheduled.py", {"schedules"}),
        ("infohorizon/pipeline/downsampled.py", {"downsample"}),
        ("infohorizon/tables/resumable.py", set()),
        ("scripts/sweep_strategies.py", {"sweep"}),
    ],
)
def test_an_edit_changes_exactly_the_stages_that_run_it(library: Path, file: str, stages: set[str]) -> None:
    before = digests()
    path = library / file
    path.write_text(path.read_text() + "\nEDITED = 1\n")
    assert changed(before) == stages


EDITS = {
    "a comment": ("x = 1\n", "# why\nx = 1  # really\n"),
    "layout": ("x = [1, 2]\n", "x = [\n    1,\n    2,\n]\n"),
    "a module's docstring": ('"""A."""\nx = 1\n', '"""B."""\nx = 1\n'),
    "what a strategy's docs say": ('class A:\n    paper = "A"\n    x = 1\n', 'class A:\n    paper = "B"\n    x = 1\n'),
    "a function's docstring": ('def f():\n    """A."""\n    return 1\n', "def f():\n    return 1\n"),
    "the message of an error": (
        'def f(x):\n    raise ValueError(f"bad {x}")\n',
        'def f(x):\n    raise ValueError("odd")\n',
    ),
    "a line in the log": ('log.info("%d rows", 3)\n', 'log.warning("%s", "done")\n'),
}


@pytest.mark.parametrize("edit", list(EDITS))
def test_an_edit_that_changes_no_number_changes_nothing(library: Path, edit: str) -> None:
    module = library / "infohorizon/engine/resume.py"
    text, (before, after) = module.read_text(), EDITS[edit]
    documented = before.startswith('"""')
    module.write_text(before if documented else text + before)
    old = digests()
    module.write_text(after if documented else text + after)
    assert not changed(old)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1\n", "x = 2\n"),
        ("def f(a):\n    return a + 1\n", "def f(a):\n    return a - 1\n"),
        ("if a:\n    raise ValueError()\n", "if b:\n    raise ValueError()\n"),
        ("raise ValueError('a')\n", "raise KeyError('a')\n"),
        ("class A:\n    x: int = 1\n", "class A:\n    x: float = 1\n"),
    ],
)
def test_an_edit_that_can_change_a_number_is_noticed(library: Path, before: str, after: str) -> None:
    module = library / "infohorizon/engine/resume.py"
    text = module.read_text()
    module.write_text(text + before)
    old = digests()
    module.write_text(text + after)
    assert changed(old) == RUNNING


def test_the_same_code_has_the_same_digest_anywhere(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = digests()
    monkeypatch.undo()
    assert copied == digests()


def test_a_users_own_file_counts_by_its_code(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("from infohorizon.strategies.base import Strategy\nx = 1\n")
    first = digest.code(None, str(file))
    file.write_text("# a note\nfrom infohorizon.strategies.base import Strategy\n\nx = 1\n")
    digest._shape_of.cache_clear()
    assert digest.code(None, str(file)) == first
    file.write_text("from infohorizon.strategies.base import Strategy\nx = 2\n")
    digest._shape_of.cache_clear()
    assert digest.code(None, str(file)) != first


def test_modules_that_import_each_other(library: Path) -> None:
    (library / "infohorizon/one.py").write_text("import infohorizon.two\n")
    (library / "infohorizon/two.py").write_text("from infohorizon import one\n")
    (library / "scripts/loop.py").write_text("from infohorizon.one import anything\n")
    before = digest.code("loop")
    (library / "infohorizon/two.py").write_text("from infohorizon import one, errors\nX = 1\n")
    digest._shape_of.cache_clear()
    digest._imports.cache_clear()
    assert digest.code("loop") != before


def test_content_counts_and_time_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for file in files:
        file.write_text("{}")
    first = digest.content(files)
    os.utime(files[0], (1, 1))
    assert digest.content(files[::-1]) == first
    files[1].write_text("[]")
    assert digest.content(files) != first
    (tmp_path / "cache/infohorizon/digests.json").write_text("spoilt")
    files[1].write_text("{}")
    assert digest.content(files) == first


def test_a_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"weights")
    first = digest.content([file])
    monkeypatch.setattr(digest.hashlib, "file_digest", lambda *_: pytest.fail("read again"))
    assert digest.content([file]) == first
