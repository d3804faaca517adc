"""Code digests: an edit reruns the stages that run the edited code, and no others."""

import shutil
from pathlib import Path

import pytest

from infohorizon.pipeline import digest

ROOT = Path(digest.LIBRARY).parent
# What `code` is asked for in workflow/rules/: stage → (script, modules loaded by name).
STAGES = {
    "benchmark": ("benchmark", "benchmarks.mme"),
    "model": ("model",),
    "vision": ("vision",),
    "answers": ("answers", "benchmarks.mme"),
    "information": ("information",),
    "sweep of dart": ("sweep", "benchmarks.mme", "strategies.dart"),
    "sweep of random": ("sweep", "benchmarks.mme", "strategies.random"),
    "schedules": ("schedules", "benchmarks.mme", "strategies.divprune"),
    "horizon": ("horizon",),
    "report": ("report",),
}
ASKING = {"answers", "sweep of dart", "sweep of random", "schedules"}
RUNNING = ASKING | {"vision", "information"}


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the library and the scripts, to be edited."""
    for folder in ("infohorizon", "scripts"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(digest, "LIBRARY", tmp_path / "infohorizon")
    monkeypatch.setattr(digest, "SCRIPTS", tmp_path / "scripts")
    return tmp_path


def digests() -> dict[str, str]:
    digest._imports.cache_clear()
    return {stage: digest.code(*arguments) for stage, arguments in STAGES.items()}


@pytest.mark.parametrize(
    ("module", "stages"),
    [
        ("infohorizon/statistics.py", {"horizon", "report"}),
        ("infohorizon/horizon.py", {"horizon"}),
        ("infohorizon/report/build.py", {"report"}),
        ("infohorizon/strategies/dart.py", {"sweep of dart"}),
        ("infohorizon/strategies/random.py", {"sweep of random"}),
        ("infohorizon/strategies/divprune.py", {"schedules"}),
        ("infohorizon/strategies/holov.py", set()),
        ("infohorizon/schedules.py", {"schedules"}),
        ("infohorizon/sweep.py", ASKING),
        ("infohorizon/decoder.py", RUNNING),
        ("infohorizon/models/llava.py", RUNNING),
        ("infohorizon/benchmarks/mme.py", ASKING | {"benchmark"}),
        ("infohorizon/benchmarks/pope.py", set()),
        ("infohorizon/benchmarks/load.py", {"benchmark"}),
        ("infohorizon/chunks.py", RUNNING),
        ("infohorizon/training/tower.py", set()),
        ("infohorizon/stage.py", set(STAGES)),
        ("infohorizon/strategies/__init__.py", set()),
        ("scripts/sweep.py", {"sweep of dart", "sweep of random"}),
    ],
)
def test_an_edit_changes_exactly_the_stages_that_run_it(library: Path, module: str, stages: set[str]) -> None:
    before = digests()
    with open(library / module, "a") as file:
        file.write("\n# edited\n")
    after = digests()
    assert {stage for stage in STAGES if before[stage] != after[stage]} == stages


def test_the_same_code_has_the_same_digest_anywhere(library: Path) -> None:
    copied = digests()
    digest.LIBRARY, digest.SCRIPTS = ROOT / "infohorizon", ROOT / "scripts"
    assert digests() == copied


def test_modules_that_import_each_other(library: Path) -> None:
    (library / "infohorizon/one.py").write_text("import infohorizon.two\n")
    (library / "infohorizon/two.py").write_text("from infohorizon import one\n")
    (library / "scripts/loop.py").write_text("from infohorizon.one import anything\n")
    before = digest.code("loop")
    digest._imports.cache_clear()
    (library / "infohorizon/two.py").write_text("from infohorizon import one, errors\n")
    assert digest.code("loop") != before
