"""Compiled layers: the same numbers but for their last bits, and no new compilation for other numbers of anything."""

from pathlib import Path

import pytest
import torch
from torch._dynamo.utils import counters

from cases import make_case
from infohorizon.engine import Batch, Unfinished, compiled, decode, prefill, resume
from infohorizon.engine.compiled import compile_layers
from infohorizon.errors import UserError
from infohorizon.models import own_forward
from infohorizon.models.own_forward import compile_checked


def answers(case, question, layers, keeps):
    """Final states of rows that start at some layers, and their greedy answers, given at once and together."""
    trace, found = prefill(case.model.language_model, case.model.prompt(question, case.encoded)), []
    for keep in keeps:
        kept = torch.stack([torch.arange(keep) + layer for layer in layers])
        branches = resume(trace, layers, kept)
        waiting = Unfinished(case.model.language_model, Batch("auto", 1, torch.device("cpu")), 4, [])
        together = decode(case.model.language_model, branches, 4, [], unfinished=waiting)
        waiting.finish()
        said = decode(case.model.language_model, resume(trace, layers, kept), 4, [])
        assert together == said or case.model.dtype != torch.float32
        found.append((branches.final.clone(), said))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind, dtype", [("qwen2_5_vl", "float32"), ("llava", "bfloat16")])
def test_compiled_layers_give_the_same_numbers(tmp_path, monkeypatch, kind, dtype):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    torch._dynamo.reset()
    case = make_case(kind, tmp_path / kind, dtype)
    asked = [("what is it?", [1, 2, 2, 3], [3, 8]), ("is there a cat in it or not?", [0, 1, 3, 3, 3], [2, 5, 11])]
    plain = [answers(case, *one) for one in asked]
    compile_checked(kind, case.model)
    first = answers(case, *asked[0])
    frames = counters["frames"]["total"]
    assert frames > 0
    second = answers(case, *asked[1])
    assert counters["frames"]["total"] == frames, "other lengths, layers, rows and keeps compile nothing anew"
    tolerance = 1e-4 if dtype == "float32" else 0.1
    for expected, found in zip(plain, [first, second], strict=True):
        for (before, said_before), (after, said) in zip(expected, found, strict=True):
            assert (after - before).abs().mean() < tolerance * before.abs().mean()
            assert said == said_before or dtype != "float32"


def test_compiled_layers_that_compute_something_else_are_refused(case, monkeypatch):
    def spoiled(model):
        monkeypatch.setattr(model.layers[0].mlp, "forward", lambda x: x)

    monkeypatch.setattr(own_forward, "compile_layers", lambda model: None)
    compile_checked("m", case.model)
    monkeypatch.setattr(own_forward, "compile_layers", spoiled)
    with pytest.raises(UserError, match=r"model m: compiled layers give other probabilities, by .*: set `compile: f"):
        compile_checked("m", case.model)


def test_without_a_compiler_one_sentence_says_so(monkeypatch):
    monkeypatch.setenv("CXX", "/nowhere/g++")
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", (None, "/nowhere/g++"))
    sentence = compiled._lacking("cpu")
    assert sentence == "a C++ compiler, such as g++"
    model = type("Model", (), {"embed": torch.nn.Embedding(2, 2), "layers": []})()
    with pytest.raises(UserError, match=r"`compile: true` needs a C\+\+ compiler, such as g\+\+; install it, or set"):
        compile_layers(model)


def test_attention_and_caches_are_left_alone():
    """They read context variables and keep each row's keys: traced by the compiler, they would break."""
    for file, count in (("layers.py", 1), ("caches.py", 1), ("padded.py", 1)):
        source = (Path(compiled.__file__).parent / file).read_text(encoding="utf-8")
        assert source.count("@torch.compiler.disable\n") == count
