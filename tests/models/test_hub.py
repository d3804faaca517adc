"""Models of the hub without a hub: which commit a study uses, what is fetched, and what may go wrong."""

import errno
import json
import runpy
import shutil
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
import torch
from huggingface_hub import errors

from infohorizon import models
from infohorizon.errors import PassingError, UserError
from infohorizon.models.hub import SUFFIXES, _explained
from infohorizon.models.precision import resolved
from infohorizon.pipeline import inputs
from infohorizon.pipeline.digest import content

SCRIPT = Path(__file__).resolve().parents[2] / "workflow/scripts/fetch_model.py"
COMMIT, OTHER = "a" * 40, "b" * 40


@pytest.fixture
def hub(case, tmp_path, monkeypatch):
    """A hub with one model, whose main branch is at COMMIT; records what it was asked for."""
    asked = []

    def snapshot_download(source, revision=None, allow_patterns=None):
        asked.append((source, revision, allow_patterns))
        folder = tmp_path / "snapshots" / (revision or COMMIT)
        return str(folder if folder.exists() else shutil.copytree(case.folder, folder))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return SimpleNamespace(asked=asked, folder=tmp_path / "snapshots" / COMMIT)


# What the hub's errors read of an answer, and an HTTP client's base class: its name differs between hub versions.
ANSWER = SimpleNamespace(headers={}, request=None, status_code=0)
Timeout = type("ReadTimeout", (type("TransportError", (Exception,), {}),), {})


def failing(error):
    def snapshot_download(*_, **__):
        raise error

    return snapshot_download


def wrapped(outer, inner):
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (errors.GatedRepoError("no", response=ANSWER), "a/b is gated: accept its terms on the hub and set HF_T"),
        (errors.RepositoryNotFoundError("no", response=ANSWER), "a/b is not on the hub, or is private: check"),
        (errors.RevisionNotFoundError("no", response=ANSWER), "a/b has no revision 'v9': correct `revision` of"),
        (
            errors.LocalEntryNotFoundError("no"),
            "the hub cannot be reached, or the connection broke, and a/b is incomplete in the local cache: run",
        ),
        (
            errors.OfflineModeIsEnabled("no"),
            "the hub cannot be reached, or the connection broke, and a/b is incomplete in the local cache",
        ),
        (
            ConnectionResetError("no"),
            "the hub cannot be reached, or the connection broke, and a/b is incomplete in the local cache",
        ),
        (Timeout("no"), "the hub cannot be reached, or the connection broke, and a/b is incomplete in the local cache"),
        (OSError(errno.ENOSPC, "No space left on device"), "no space left to download a/b: free some, or set HF"),
        (wrapped(RuntimeError("no"), OSError(errno.EDQUOT, "quota")), "no space left to download a/b"),
        (errors.HfHubHTTPError("500\nlong", response=ANSWER), "a/b could not be downloaded: 500."),
        (RuntimeError(), "a/b could not be downloaded: RuntimeError."),
    ],
)
def test_what_the_hub_may_say(error, sentence, monkeypatch):
    monkeypatch.setattr(huggingface_hub, "snapshot_download", failing(error))
    for fetch in (lambda: models.fetch("a/b", "v9"), lambda: models.load("a/b", {"revision": "v9"})):
        with pytest.raises(UserError) as caught:
            fetch()
        assert str(caught.value).startswith(sentence) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("status", "passes"), [(503, True), (404, False)])
def test_a_busy_hub_is_asked_again_in_another_attempt(status, passes, monkeypatch):
    answer = SimpleNamespace(headers={}, request=None, status_code=status)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    error = _explained(errors.HfHubHTTPError("no", response=answer), "a/b", None)
    assert isinstance(error, PassingError) == passes


def test_download_gives_the_commit_and_takes_no_pickles(hub):
    assert models.fetch("a/b", None).name == COMMIT
    assert models.fetch("a/b", OTHER).name == OTHER
    assert hub.asked[0] == ("a/b", None, ["config.json"])
    source, revision, patterns = hub.asked[1]
    assert (source, revision) == ("a/b", COMMIT)
    assert "*.safetensors" in patterns and not any(p.endswith((".bin", ".pt", ".pth", ".py", "*")) for p in patterns)


def test_a_repository_of_pickles_only(hub):
    hub.folder.mkdir(parents=True)
    (hub.folder / "config.json").write_text('{"model_type": "llava"}')
    with pytest.raises(UserError, match="a/b has no safetensors weights at this revision"):
        models.fetch("a/b", None)


def test_an_unknown_class_costs_no_download(hub):
    hub.folder.mkdir(parents=True)
    (hub.folder / "config.json").write_text('{"model_type": "smolvlm"}')
    with pytest.raises(UserError, match="a/b is of type 'smolvlm'; known are internvl, llava, qwen2_5_vl, qwen2_vl"):
        models.fetch("a/b", None)
    assert [patterns for _, _, patterns in hub.asked] == [["config.json"]]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("gemma3", "visual tokens attend to later ones"),
        ("molmo2", "visual tokens attend to later ones"),
        ("paligemma", "visual tokens attend to later ones"),
        ("gemma3n", "take keys and values from others"),
        ("gemma4", "visual tokens attend to later ones, .* take keys and values from others"),
        ("lfm2_vl", "most of its layers are convolutions"),
        ("mllama", "its images enter by cross-attention"),
        ("qwen3_5", "most of its layers are linear attention"),
        ("llava_next", "a whole and several tiles"),
        ("llava_onevision", "a whole and several tiles"),
    ],
)
def test_a_class_that_cannot_be_studied_is_refused_by_name_before_its_download(kind, reason, hub):
    hub.folder.mkdir(parents=True)
    (hub.folder / "config.json").write_text(json.dumps({"model_type": kind}))
    with pytest.raises(UserError, match=rf"a/b is of type '{kind}', which cannot be studied here: .*{reason}.*\.$"):
        models.fetch("a/b", None)
    assert [patterns for _, _, patterns in hub.asked] == [["config.json"]]


def test_a_hub_id_is_loaded_as_a_folder_is(hub, case):
    model = models.load("a/b", {"revision": COMMIT})
    assert hub.asked[0][:2] == ("a/b", COMMIT)
    assert model.depth == case.model.depth and model.token_ids("hi") == case.model.token_ids("hi")


class Output(list):
    """Snakemake's lists of files, as far as scripts use them."""


def resolve(settings, output, merged=""):
    """Run the script of rule `fetch_model`, with the digest of a folder's weights as the rule gives it."""
    files = [path for path in Path(settings["source"]).glob("*") if path.suffix in SUFFIXES]
    settings = {"dtype": "float32", **settings}
    snakemake = SimpleNamespace(
        input=SimpleNamespace(merged=merged),
        output=Output([str(output)]),
        params=SimpleNamespace(settings=settings, weights=content(files)),
        wildcards=None, config={}, threads=1, rule="fetch_model", log=[],
    )  # fmt: skip
    runpy.run_path(str(SCRIPT), init_globals={"snakemake": snakemake}, run_name="__main__")
    return json.loads(output.read_text())


def test_the_record_pins_the_commit_for_later_stages(hub, tmp_path, monkeypatch):
    file = tmp_path / "m.json"
    record = resolve({"source": "a/b", "revision": None, "dtype": "float16"}, file)
    known = {"source": "a/b", "revision": COMMIT, "layers": 6, "dtype": "float16"}
    assert record == {**known, "folder": None, "commit": COMMIT}
    loaded = {}
    monkeypatch.setattr(models, "load", lambda source, settings: loaded.update(settings, source=source) or FAKE)
    job = SimpleNamespace(
        threads=1,
        input=SimpleNamespace(model=str(file)),
        config={
            "models": {"m": {"source": "a/b", "dtype": "float16", "device": "cpu", "revision": None}},
            "compile": False,
        },
        params=SimpleNamespace(protocol={"image": "pad"}),
        wildcards=SimpleNamespace(model="m"),
    )
    inputs.open_model(job)
    assert loaded == {"source": "a/b", "dtype": "float16", "device": "cpu", "revision": COMMIT, "image": "pad"}
    assert inputs.model_record(job) == known


@pytest.mark.parametrize(("native", "dtype"), [(True, "bfloat16"), (False, "float32")])
def test_auto_is_decided_once_for_all_jobs(case, tmp_path, monkeypatch, native, dtype):
    """By the machine that fetches the model: shards of another one would not fit beside its own."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": native, "avx2": True})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    file, settings = tmp_path / "m.json", {"source": str(case.folder), "dtype": "auto"}
    assert resolve(settings, file)["dtype"] == dtype
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": not native})
    job = SimpleNamespace(
        threads=1, input=SimpleNamespace(model=str(file)), wildcards=SimpleNamespace(model="m"),
        params=SimpleNamespace(protocol={}), config={"models": {"m": {**settings, "device": "cpu"}}, "compile": False},
    )  # fmt: skip
    assert str(inputs.open_model(job).dtype) == f"torch.{dtype}"
    assert inputs.model_record(job)["dtype"] == dtype


def test_a_gpu_computes_in_bfloat16_and_so_does_a_processor_that_can(case, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for supported, dtype in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, now=supported: now)
        assert resolved("auto", "cuda:1") == resolved("auto", "auto") == dtype
    assert resolved("auto", "cpu") == "float32"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    assert resolved("auto", "cpu") == "bfloat16"
    assert models.load(str(case.folder), {"dtype": "auto", "device": "cpu"}).dtype == torch.bfloat16
    monkeypatch.delattr(torch.cpu, "get_capabilities")  # as in older versions
    assert resolved("auto", "cpu") == "float32"


FAKE = SimpleNamespace(depth=8, device=torch.device("cpu"), dtype=torch.float16)


def test_an_adapter_is_opened_where_it_was_merged(case, tmp_path, monkeypatch):
    adapter, merged = tmp_path / "adapter", str(shutil.copytree(case.folder, tmp_path / "merged"))
    adapter.mkdir()
    (adapter / "adapter.safetensors").write_bytes(b"weights")
    shutil.copyfile(case.folder / "config.json", adapter / "config.json")
    record = resolve({"source": str(adapter)}, tmp_path / "m.json", merged)
    assert record["source"] == str(adapter) and record["folder"] == merged
    opened = []
    monkeypatch.setattr(models, "load", lambda source, settings: opened.append(source) or FAKE)
    job = SimpleNamespace(
        threads=1,
        input=SimpleNamespace(model=str(tmp_path / "m.json")),
        config={"models": {"m": {"source": str(adapter), "device": "cpu"}}, "compile": False},
        params=SimpleNamespace(protocol={}),
        wildcards=SimpleNamespace(model="m"),
    )
    inputs.open_model(job)
    assert opened == [merged]
    (Path(merged) / "model.safetensors").write_bytes(b"other")  # the record follows what was merged
    assert resolve({"source": str(adapter)}, tmp_path / "m.json", merged)["revision"] != record["revision"]


def test_a_configured_revision_is_asked_for(hub, tmp_path):
    assert resolve({"source": "a/b", "revision": OTHER}, tmp_path / "m.json")["commit"] == OTHER
    assert hub.asked[-1][1] == OTHER


def test_a_folders_revision_is_its_content(case, tmp_path):
    folder = shutil.copytree(case.folder, tmp_path / "copy")
    first = resolve({"source": str(folder)}, tmp_path / "m.json")
    assert first["commit"] is None and first["revision"].startswith("digest:")
    assert resolve({"source": str(folder)}, tmp_path / "m.json") == first
    (folder / "notes.md").write_text("anything")
    assert resolve({"source": str(folder)}, tmp_path / "m.json") == first
    (folder / "chat_template.jinja").write_text("other")
    assert resolve({"source": str(folder)}, tmp_path / "m.json")["revision"] != first["revision"]
