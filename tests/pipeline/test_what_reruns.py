"""What runs again after an edit, on a finished study: jobs, and in them the cells that are really computed."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.fixtures import base, reference
from faults.job import STAGES
from faults.study import CONFIGURATION, ROOT, Study, inputs

__all__ = ["base", "reference"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SECTIONS = ("answers", "sweep", "information", "removals")
ANSWERS, SWEEP, INFORMATION, REMOVALS = (CONFIGURATION[section] for section in SECTIONS)
RUNS = CONFIGURATION["schedule_run"]
RULES = tuple(STAGES.values())  # those that run a model
NO_CELLS = dict.fromkeys(RULES, 0)  # all jobs run, and none of their cells is computed again
ENGINE = "workflow/infohorizon/engine/resume.py"


class Edited(Study):
    """A finished study in a folder of its own, with the project's code and the inputs copied, to be edited."""

    def __init__(self, finished: Study, folder: Path) -> None:
        self.folder, self.root = folder / "study", folder / "project"
        shutil.copytree(finished.folder, self.folder, symlinks=True)
        (self.folder / "inputs").unlink()
        shutil.copytree(inputs(finished.folder.parent), self.folder / "inputs")
        self.root.mkdir()
        for name in ("Snakefile", "config.yaml"):
            shutil.copy(ROOT / name, self.root)
        for name in ("workflow", "envs", "profiles"):
            shutil.copytree(ROOT / name, self.root / name, ignore=shutil.ignore_patterns("__pycache__"))

    def configure(self, **changes: object) -> None:
        (self.folder / "study.yaml").write_text(json.dumps(CONFIGURATION | changes))

    def edit(self, file: str, before: str, after: str) -> None:
        path = self.root / file
        text = path.read_text()
        assert before in text, (file, before)
        path.write_text(text.replace(before, after))

    def planned(self) -> dict[str, int]:
        """Rule → jobs that would run."""
        counts = dict(re.findall(r"^(\w+) +(\d+)$", self.run("--dry-run"), re.MULTILINE))
        counts.pop("total", None)
        return {rule: int(count) for rule, count in counts.items()}

    def computed(self) -> dict[str, int]:
        """Rule → cells that its last jobs computed; only rules whose jobs ran since the study was copied."""
        shutil.rmtree(self.folder / "results/logs")
        self.run()
        found: dict[str, int] = {}
        for log in (self.folder / "results/logs").rglob("*.log"):
            for count in re.findall(r"(\d+) of \d+ cells to compute", log.read_text()):
                rule = log.relative_to(self.folder / "results/logs").parts[0]
                found[rule] = found.get(rule, 0) + int(count)
        return found


@pytest.fixture
def study(reference: Study, tmp_path: Path) -> Edited:
    return Edited(reference, tmp_path)


def touch_everything(study: Edited) -> None:
    for folder in (study.root, study.folder / "inputs"):
        for path in folder.rglob("*"):
            os.utime(path)
    os.utime(study.folder / "results/benchmarks/tiny-mme.arrow")


def copy_results_alone(study: Edited) -> None:
    """A fresh clone into which only the results are copied: Snakemake knows nothing of how they were made."""
    shutil.rmtree(study.folder / ".snakemake")
    touch_inputs = [*study.root.rglob("*"), *(study.folder / "inputs").rglob("*")]
    for path in touch_inputs:
        os.utime(path)


NOTHING: dict[str, Callable[[Edited], None]] = {
    "nothing": lambda study: None,
    "a comment": lambda study: study.edit(ENGINE, "import torch\n", "import torch  # tensors\n"),
    "a docstring": lambda study: study.edit(ENGINE, "Continue R rows from", "Take up R rows from"),
    "a message": lambda study: study.edit("workflow/infohorizon/measure/questioner.py", "must return", "has to return"),
    "a constant of the plan": lambda study: study.edit("workflow/infohorizon/study/cards.py", "312e12", "300e12"),
    "touched files": touch_everything,
    "batch_size, compile": lambda study: study.configure(batch_size=3, compile=True),
    "device": lambda study: study.configure(models={"tiny": {"source": "inputs/llava", "device": "cpu"}}),
    "a note beside the data": lambda study: (study.folder / "inputs/mme/notes.txt").write_text("mine"),
    "results copied into a fresh clone": copy_results_alone,
    "another strategy's code": lambda study: study.edit(
        "workflow/infohorizon/strategies/holov.py", "chunks < 1", "chunks < 2"
    ),
    "a benchmark that is not run": lambda study: study.configure(
        benchmarks=CONFIGURATION["benchmarks"] | {"other": {"source": "inputs/mme", "task": "mme"}}
    ),
}  # fmt: skip


@pytest.mark.parametrize("edit", list(NOTHING))
def test_an_edit_after_which_nothing_runs_again(study: Edited, edit: str) -> None:
    NOTHING[edit](study)
    assert study.planned() == {}


Edit = Callable[[Edited], None]
EVERY_MODEL_JOB = dict.fromkeys(RULES, 1)
TABLES = {"compute_metrics": 1, "estimate_horizons": 1}
DRAWN = {"draw_removals": 1, "draw_states": 1}
# Edit → the jobs that run.
SOME: dict[str, tuple[Edit, dict[str, int]]] = {
    "one more keep": (
        lambda study: study.configure(sweep=SWEEP | {"keep": [3, 2]}),
        {"sweep_strategies": 1} | TABLES,
    ),
    "one layer less, one more": (
        lambda study: study.configure(sweep=SWEEP | {"layers": [3, 4]}),
        {"sweep_strategies": 1} | TABLES,
    ),
    "one more strategy": (
        lambda study: study.configure(sweep=SWEEP | {"strategies": ["fastv", "random", "patient"]}),
        {"sweep_strategies": 1} | TABLES,
    ),
    "one more repeat": (
        lambda study: study.configure(sweep=SWEEP | {"repeats": 3}),
        {"sweep_strategies": 1, "run_schedules": 1} | TABLES,
    ),
    "fewer questions": (
        lambda study: study.configure(sweep=SWEEP | {"limit": 8}),
        {"sweep_strategies": 1} | TABLES,
    ),
    "one more layer of information": (
        lambda study: study.configure(information=INFORMATION | {"layers": [1, 2, 3]}),
        {"measure_information": 1, "estimate_horizons": 1},
    ),
    "removals at one layer less, and at one more": (
        lambda study: study.configure(removals=REMOVALS | {"layers": [3, 4]}),
        {"measure_removals": 1, "draw_removals": 1, "estimate_horizons": 1},
    ),
    "images at one lower resolution more": (
        lambda study: study.configure(answers=ANSWERS | {"downsample": [4, 0.5]}),
        {"answer_downsampled": 1} | TABLES,
    ),
    "no image at lower resolution": (
        lambda study: study.configure(answers=ANSWERS | {"downsample": []}),
        TABLES,
    ),
    "one more schedule": (
        lambda study: study.configure(schedule_run=RUNS | {"names": [*RUNS["names"], "fastv-50"]}),
        {"run_schedules": 1} | TABLES,
    ),
    "one strategy's code": (
        lambda study: study.edit(
            "workflow/infohorizon/strategies/random.py", "generator=generator)\n", "generator=generator).flip(0)\n"
        ),
        {"sweep_strategies": 1} | TABLES,
    ),
    "the scoring rule": (
        lambda study: study.edit(
            "workflow/infohorizon/benchmarks/mme.py", "def score(", "EDITED = 1\n\n    def score("
        ),
        {"build_benchmark": 1, "check_inputs": 1} | EVERY_MODEL_JOB | TABLES | DRAWN,
    ),
    "a protocol": (
        lambda study: study.configure(models={"tiny": {"source": "inputs/llava", "protocol": {"image": "crop"}}}),
        {"check_inputs": 1} | EVERY_MODEL_JOB | TABLES | DRAWN,
    ),
    "three shards": (
        lambda study: study.configure(shards=3),
        dict.fromkeys(RULES, 3) | TABLES | DRAWN,
    ),
    "how information is measured": (
        lambda study: study.configure(information=INFORMATION | {"removal": "zero"}),
        {"measure_information": 1, "estimate_horizons": 1},
    ),
    "the horizon's settings": (
        lambda study: study.configure(horizon={"resamples": 200}),
        TABLES,
    ),
}  # fmt: skip


@pytest.mark.parametrize("edit", list(SOME))
def test_an_edit_runs_its_own_jobs(study: Edited, edit: str) -> None:
    change, jobs = SOME[edit]
    change(study)
    assert study.planned() == jobs


def score_and_shard(study: Edited) -> None:
    SOME["the scoring rule"][0](study)
    study.configure(shards=2)


# Edit → the cells that the jobs compute: only new ones. 20 questions; random draws twice, patient once.
CELLS: dict[str, tuple[Edit, dict[str, int]]] = {
    "more of everything": (
        lambda study: study.configure(
            sweep=SWEEP | {"keep": [3, 2]},
            information=INFORMATION | {"layers": [1, 2, 3]},
            removals=REMOVALS | {"layers": [3, 4]},
            answers=ANSWERS | {"downsample": [4, 0.5]},
            schedule_run=RUNS | {"names": [*RUNS["names"], "fastv-50"]},
        ),
        {"sweep_strategies": 20 * 2 * 3, "measure_information": 20 * 9, "measure_removals": 20 * 4,
         "answer_downsampled": 20, "run_schedules": 20},
    ),
    "layers, repeats and another measure": (
        lambda study: study.configure(
            sweep=SWEEP | {"layers": [3, 4], "repeats": 3, "strategies": ["fastv", "random", "patient"]},
            information=INFORMATION | {"removal": "zero"},
        ),  # layer 3: a third draw, and fastv; layer 4: three draws, patient, fastv
        {"sweep_strategies": 20 * (2 + 5), "run_schedules": 0, "measure_information": 20 * 2 * 9},
    ),
    "fewer questions": (SOME["fewer questions"][0], {"sweep_strategies": 0}),
    "one strategy's code": (SOME["one strategy's code"][0], {"sweep_strategies": 20 * 2 * 2}),
    "the scoring rule, and two shards": (score_and_shard, NO_CELLS),
    "a protocol": (
        SOME["a protocol"][0],
        {"encode_images": 10, "answer_questions": 40, "answer_downsampled": 20, "measure_information": 20 * 2 * 9,
         "measure_removals": 20 * 2 * 4, "measure_states": 20 * 2, "sweep_strategies": 20 * 2 * 3,
         "run_schedules": 40},
    ),
}  # fmt: skip


@pytest.mark.parametrize("edit", list(CELLS))
def test_an_edit_computes_its_own_cells(study: Edited, edit: str) -> None:
    change, cells = CELLS[edit]
    change(study)
    assert study.computed() == cells
    assert study.planned() == {}


def test_edited_weights_and_data_are_noticed(study: Edited) -> None:
    weights = study.folder / "inputs/llava/model.safetensors"
    times = weights.stat()
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns + 1))
    assert {"fetch_model", "encode_images", "sweep_strategies"} <= study.planned().keys()
    weights.write_bytes(weights.read_bytes())
    data = next((study.folder / "inputs/mme").rglob("*.parquet"))
    shutil.copy(data, data.with_name("more" + data.name))
    assert "build_benchmark" in study.planned()


def test_a_failed_job_leaves_no_table_that_looks_finished(study: Edited) -> None:
    """The edit after a failure still runs: Snakemake would take a restored table for one made by the new settings."""
    study.configure(sweep=SWEEP | {"keep": [3, 2]})
    sabotage = (
        "workflow/infohorizon/measure/sweep.py",
        "    selections = _selections(",
        "    raise RuntimeError\n    selections = _selections(",
    )
    study.edit(*sabotage)
    study.run(ok=False)
    study.edit(sabotage[0], sabotage[2], sabotage[1])
    assert "sweep_strategies" in study.planned()
    assert study.computed()["sweep_strategies"] == 20 * 2 * 3
