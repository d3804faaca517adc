"""Studies whose model and data set come from a hub: a local server, asked by the real clients in the real jobs."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from benchmarks.fixtures import write_mme
from checkpoints import write_llava
from faults.study import ROOT, Study, inputs, make
from hub.server import Hub, Repository, Request, serve
from infohorizon.tables import read_metadata

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

FIRST, SECOND = "1" * 40, "2" * 40
NOWHERE = "http://127.0.0.1:1"
MODEL, QUESTIONS = "results/models/tiny.json", "results/benchmarks/tiny-mme.arrow"
VISION, ANSWERS = (f"results/{stage}/tiny/tiny-mme/part-0.arrow" for stage in ("vision", "answers"))
TABLES = (QUESTIONS, "results/benchmarks/tiny-mme.images.arrow", VISION, ANSWERS)
TINY = {"source": "org/tiny-llava", "depth": 6, "type": "llava"}
LARGE = {"source": "org/large", "depth": 6, "type": "llava"}
MME = {"source": "org/tiny-mme", "task": "mme", "split": "test"}
PARQUET = "data/test-00000-of-00002.parquet"
# The client passes on what it receives in pieces of 10 MiB: only from the second on is there anything to resume from.
PIECE = 10 * 2**20
CUT = PIECE + 500_000
Served = tuple[Study, list[Request]]


def run(study: Study, *targets: str, endpoint: str = NOWHERE, ok: bool = True, **environment: str) -> str:
    """Snakemake's output; its jobs have a cache of the study's own, and a network where `endpoint` is given."""
    variables = {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(study.folder / "cache"),
        "HF_HUB_OFFLINE": str(int(endpoint == NOWHERE)),
        "HF_HUB_DISABLE_XET": "1",
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",  # else `datasets` tells another server of every load
        "NO_PROXY": "127.0.0.1",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING_FACE_"))}
    command = [sys.executable, "-m", "snakemake", *targets, "--snakefile", str(ROOT / "Snakefile")]
    result = subprocess.run(
        [*command, "--configfile", "study.yaml"],
        cwd=study.folder,
        env=inherited | variables | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=400,
    )
    assert (result.returncode == 0) == ok, result.stdout[-8000:]
    return result.stdout


def table(study: Study, name: str) -> pa.Table:
    """A table without its metadata: these tell where it comes from."""
    with pa.memory_map(str(study.folder / name)) as file:
        return pa.ipc.open_file(file).read_all().replace_schema_metadata()


def record(study: Study) -> dict[str, str]:
    return json.loads((study.folder / MODEL).read_text())


def commits(study: Study) -> tuple[str, str]:
    """The commits of the model and of the data set that the results name."""
    return record(study)["commit"], read_metadata(study.folder / QUESTIONS)["benchmark"]["revision"]


def weights(study: Study) -> bytes:
    """What the cache holds of the large model."""
    return (study.folder / "cache/hub/models--org--large/snapshots" / FIRST / "model.safetensors").read_bytes()


def answers(hub: Hub, file: str) -> list[tuple[str | None, int]]:
    """(range asked for, status) of each request for a file's content."""
    return [(request.range, request.status) for request in hub.fetched(file)]


def delete(study: Study, *names: str) -> None:
    for name in names:
        (study.folder / name).unlink()


@pytest.fixture(scope="module")
def files(base: Path) -> Path:
    """The files of all repositories: a model and a data set at two commits, and large weights that are never loaded."""
    folder = base / "hub-repositories"
    for name, original in (("llava", inputs(base) / "llava"), ("mme", inputs(base) / "mme")):
        shutil.copytree(original, folder / name)
    (folder / "llava/pytorch_model.bin").write_bytes(b"a pickle")
    (folder / "llava/modeling_tiny.py").write_text("raise SystemExit")
    (folder / "mme/prepare.py").write_text("raise SystemExit")
    write_llava(folder / "llava-2", seed=1)
    write_mme(folder / "mme-2", 4)
    (folder / "large").mkdir()
    (folder / "large/config.json").write_text(
        json.dumps({"model_type": "llava", "text_config": {"num_hidden_layers": 6}})
    )
    (folder / "large/model.safetensors").write_bytes(random.Random(0).randbytes(CUT + 2**20))
    return folder


def repositories(files: Path, moved: bool = False) -> dict[str, dict[str, Repository]]:
    """All of a hub; `moved`: main has gone on to a second commit of the model and the data set."""

    def history(name: str) -> dict[str, Path]:
        return {FIRST: files / name} | ({SECOND: files / f"{name}-2"} if moved else {})

    large = {FIRST: files / "large"}
    return {
        "models": {
            "org/tiny-llava": Repository(history("llava")),
            "org/large": Repository(large),
            "org/gated": Repository(large, token="hf_known"),
        },
        "datasets": {
            "org/tiny-mme": Repository(history("mme")),
            "org/gated": Repository(history("mme"), token="hf_known"),
        },
    }


@pytest.fixture
def hub(files: Path) -> Iterator[Hub]:
    with serve(**repositories(files)) as hub:
        yield hub


@pytest.fixture(scope="module")
def served(base: Path, files: Path) -> Served:
    """The study with all its inputs from the hub, run once, and what the hub was asked for."""
    study = make(base, "hub-served", models={"tiny": TINY}, benchmarks={"tiny-mme": MME})
    with serve(**repositories(files)) as hub:
        run(study, ANSWERS, endpoint=hub.endpoint)
    return study, hub.requests


@pytest.fixture
def copy(served: Served, tmp_path: Path) -> Study:
    return served[0].copy(tmp_path / "study")


def test_the_hub_gives_the_tables_of_the_local_folders(base: Path, served: Served) -> None:
    study, requests = served
    local = make(base, "hub-folders")
    run(local, ANSWERS)
    assert [name for name in TABLES if not table(study, name).equals(table(local, name))] == []
    expected = {"source": "org/tiny-llava", "folder": None, "commit": FIRST, "revision": FIRST, "layers": 6}
    expected |= {"dtype": "float32"}
    assert record(study) == expected
    assert commits(study) == (FIRST, FIRST)
    fetched = {Path(request.path).name for request in requests if request.method == "GET"}
    assert "model.safetensors" in fetched
    assert not [name for name in fetched if name.endswith((".bin", ".py"))]


def test_a_closed_connection_is_gone_on_from(base: Path, files: Path, hub: Hub, served: Served) -> None:
    study = make(base, "hub-closed", models={"tiny": LARGE}, benchmarks={"tiny-mme": MME})
    hub.cut("model.safetensors", CUT)
    hub.cut(PARQUET, 1000)
    output = run(study, MODEL, QUESTIONS, endpoint=hub.endpoint)
    assert "Error in rule" not in output
    assert answers(hub, "model.safetensors") == [(None, 200), (f"bytes={PIECE}-", 206)]
    assert answers(hub, PARQUET) == [(None, 200), (None, 200)]
    assert weights(study) == (files / "large/model.safetensors").read_bytes()
    assert table(study, QUESTIONS).equals(table(served[0], QUESTIONS))


def test_a_broken_connection_is_opened_again_within_the_job(base: Path, files: Path, hub: Hub) -> None:
    """Complete files are kept; what the client has of the others it deletes, and fetches them from the start."""
    study = make(base, "hub-broken", models={"tiny": LARGE})
    hub.cut("model.safetensors", CUT, reset=True)
    output = run(study, MODEL, endpoint=hub.endpoint)
    assert "Error in rule" not in output and "Traceback" not in output
    assert "the hub did not answer" in (study.folder / "results/logs/fetch_model/tiny.log").read_text()
    assert answers(hub, "model.safetensors") == [(None, 200), (None, 200)]
    assert answers(hub, "config.json") == [(None, 200)]
    assert weights(study) == (files / "large/model.safetensors").read_bytes()
    assert not list((study.folder / "cache").rglob("*.incomplete"))


def test_a_busy_hub_is_asked_again(base: Path, hub: Hub) -> None:
    study = make(base, "hub-busy", models={"tiny": TINY}, benchmarks={"tiny-mme": MME})
    for target in (MODEL, QUESTIONS):
        hub.busy = 2
        output = run(study, target, endpoint=hub.endpoint)
        assert hub.busy == 0 and "Error in rule" not in output
    assert commits(study) == (FIRST, FIRST)


def test_a_hub_out_of_reach_is_said_once(base: Path) -> None:
    study = make(base, "hub-unreachable", models={"tiny": TINY})
    output = run(study, MODEL, ok=False, HF_HUB_OFFLINE="0")
    assert output.count("Error in rule fetch_model") == 1 and "Trying to restart job" not in output
    assert "attempt 5 of 5 follows" in (study.folder / "results/logs/fetch_model/tiny.log").read_text()


def test_main_moves_on_and_the_study_stays(copy: Study, files: Path, tmp_path: Path) -> None:
    before = table(copy, QUESTIONS)
    with serve(**repositories(files, moved=True)) as hub:
        assert "Nothing to be done" in run(copy, ANSWERS, endpoint=hub.endpoint)
        assert hub.requests == []

        delete(copy, MODEL, QUESTIONS)  # but not the commits beside them
        run(copy, MODEL, QUESTIONS, endpoint=hub.endpoint, HF_HOME=str(tmp_path / "empty"))
        assert {c for c in (FIRST, SECOND, "main") for r in hub.requests if c in r.path} == {FIRST}
        assert commits(copy) == (FIRST, FIRST) and table(copy, QUESTIONS).equals(before)

        delete(copy, MODEL, QUESTIONS, f"{MODEL}.lock", f"{QUESTIONS}.lock")
        run(copy, MODEL, QUESTIONS, endpoint=hub.endpoint)
        assert commits(copy) == (SECOND, SECOND) and not table(copy, QUESTIONS).equals(before)


def test_jobs_that_run_a_model_need_no_network(copy: Study, served: Served) -> None:
    delete(copy, VISION, ANSWERS)
    run(copy, VISION)
    run(copy, ANSWERS, HF_HUB_OFFLINE="0")  # nor to be told that there is none: the commit is known
    assert [name for name in TABLES if not table(copy, name).equals(table(served[0], name))] == []


def test_a_new_study_without_a_network(base: Path, served: Served) -> None:
    """A model comes from the cache. A data set does not (`datasets` asks the hub first): its tables are to be kept."""
    study = make(
        base,
        "hub-offline",
        models={"tiny": TINY | {"revision": FIRST}, "other": LARGE},
        benchmarks={"tiny-mme": MME | {"revision": FIRST}},
    )
    output = run(
        study, MODEL, "results/models/other.json", QUESTIONS, ok=False, HF_HOME=str(served[0].folder / "cache")
    )
    assert record(study)["commit"] == FIRST
    assert (
        "model: the hub cannot be reached, or the connection broke, and org/large is incomplete in the local cache: run"
        in output
    )
    assert "there is no folder org/tiny-mme and the hub cannot be reached: check the network and HF_HUB" in output
    assert "Traceback" not in output


def test_what_the_hub_refuses(base: Path, hub: Hub) -> None:
    absent, gated, revised = {"source": "org/absent"}, {"source": "org/gated"}, {"revision": "v9"}
    study = make(
        base,
        "hub-refused",
        models={"tiny": LARGE | absent, "gated": LARGE | gated, "revised": TINY | revised},
        benchmarks={"tiny-mme": MME | absent, "gated": MME | gated, "revised": MME | revised},
    )
    models, benchmarks = [f"results/{stage}" for stage in ("models", "benchmarks")]
    targets = [f"{models}/{name}.json" for name in ("tiny", "gated", "revised")]
    targets += [f"{benchmarks}/{name}.arrow" for name in ("tiny-mme", "gated", "revised")]
    output = run(study, *targets, endpoint=hub.endpoint, ok=False)
    for sentence in (
        "model: org/absent is not on the hub, or is private: check the name, or set HF_TOKEN.",
        "model: org/gated is gated: accept its terms on the hub and set HF_TOKEN.",
        "model: org/tiny-llava has no revision 'v9': correct `revision` of the model.",
        "'tiny-mme': org/absent is neither a folder here nor a data set on the hub (private ones need HF_TOKEN).",
        "'gated': org/gated is gated: ask for access at https://huggingface.co/datasets/org/gated, then set HF_TOKEN",
        "'revised': org/tiny-mme has no revision 'v9': correct `revision:`, or leave it out.",
    ):
        assert sentence in output
    assert "Traceback" not in output and "Trying to restart job" not in output
    assert not hub.fetched()

    run(study, f"{models}/gated.json", f"{benchmarks}/gated.arrow", endpoint=hub.endpoint, HF_TOKEN="hf_known")
    assert answers(hub, "model.safetensors") == [(None, 200)]
