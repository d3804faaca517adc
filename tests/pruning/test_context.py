"""What prune leaves behind (nothing), and what it refuses, in one sentence each."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from infohorizon import prune
from infohorizon.errors import UserError
from infohorizon.pruning import Schedule
from pruning.batches import Asking

STAGES = [(1, "fastv", 3)]


def state_of(model: Any) -> Any:
    """Everything of a model that prune might touch."""
    modules = [
        (name, sorted(vars(module)), len(module._forward_pre_hooks), len(module._forward_hooks), module.training)
        for name, module in model.named_modules()
    ]
    tensors = [(name, tensor.data_ptr(), tensor.requires_grad) for name, tensor in model.named_parameters()]
    return modules, tensors, json.dumps(model.config.to_dict(), default=str), model.generation_config.to_dict()


def test_nothing_of_the_model_changes(asking: Asking) -> None:
    model, inputs = asking.plain, asking.inputs([0])
    settings = {"max_new_tokens": 5, "do_sample": False}
    whole, before = model.generate(**inputs, **settings), state_of(model)
    weights = [parameter.clone() for parameter in model.parameters()]
    with prune(model, STAGES):
        assert state_of(model) != before
        assert not torch.equal(model.generate(**inputs, **settings), whole)
    assert state_of(model) == before
    assert all(torch.equal(old, new) for old, new in zip(weights, model.parameters(), strict=True))
    assert torch.equal(model.generate(**inputs, **settings), whole)

    with pytest.raises(RuntimeError, match="mine"), prune(model, STAGES):
        raise RuntimeError("mine")
    assert state_of(model) == before
    with prune(model, STAGES), pytest.raises(UserError):
        model.generate(**inputs, **settings, use_cache=False)
    assert state_of(model) == before
    with pytest.raises(UserError), prune(model, [(99, "fastv", 3)]):
        pass
    assert state_of(model) == before
    assert torch.equal(model.generate(**inputs, **settings), whole)


def test_a_generate_of_the_user_s_own_stays(asking: Asking) -> None:
    model, own = asking.plain, asking.plain.generate
    model.generate = own
    try:
        with prune(model, STAGES):
            assert model.generate is not own
        assert model.generate is own
    finally:
        del model.generate


def test_a_failing_call_leaves_no_report(asking: Asking) -> None:
    inputs = asking.inputs([0])
    with prune(asking.plain, STAGES) as pruned:
        with pytest.raises(UserError):
            asking.plain.generate(**inputs, past_key_values=object())
        with pytest.raises(UserError, match="question_ids holds 2 ids for 1 prompts"):
            pruned.question_ids = ["a", "b"]
            asking.plain.generate(**inputs, max_new_tokens=2)
        pruned.question_ids = None
        asking.plain.generate(**inputs, max_new_tokens=2)
    assert len(pruned.report()) == 1


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"cache_implementation": "static"}, "a cache of kind 'static' cannot hold fewer tokens in some layers"),
        ({"cache_implementation": "quantized"}, "a cache of kind 'quantized' cannot"),
        ({"use_cache": False}, "prune works in the cache: leave `use_cache=False` out."),
        ({"past_key_values": object()}, "prune brings a cache of its own: leave `past_key_values` out."),
        ({"prompt_lookup_num_tokens": 2}, "assisted decoding checks several tokens at once"),
        ({"assistant_model": object()}, "assisted decoding checks several tokens at once"),
        ({"prefill_chunk_size": 4}, "prune needs the whole prompt at once"),
        ({"penalty_alpha": 0.6, "top_k": 4}, "contrastive search asks the cache"),
        ({"input_ids": None}, "prune finds the image by its tokens"),
    ],
)
def test_arguments_that_generate_may_not_have(asking: Asking, more: dict[str, Any], sentence: str) -> None:
    with prune(asking.plain, STAGES), pytest.raises(UserError, match=sentence):
        asking.plain.generate(**{**asking.inputs([0]), "max_new_tokens": 2, **more})


def test_inputs_that_cannot_be_pruned(asking: Asking) -> None:
    model, batch, one = asking.plain, asking.inputs([0, 2]), asking.inputs([0])
    turned = {**batch, "attention_mask": batch["attention_mask"].flip(1)}
    image, gap = asking.model.image_token_id, one["input_ids"].clone()
    places = (gap[0] == image).nonzero().flatten()
    gap[0, places[3]], gap[0, -1] = gap[0, -1].item(), image
    with prune(model, STAGES):
        with pytest.raises(UserError, match="padded in front: set `padding_side`"):
            model.generate(**turned, max_new_tokens=2)
        with pytest.raises(UserError, match="one image per prompt, with consecutive tokens"):
            model.generate(**{**one, "input_ids": gap}, max_new_tokens=2)
        with pytest.raises(UserError, match="call the model's generate, not its forward pass"):
            model(**one)
        if asking.model.model_type != "llava" and "mm_token_type_ids" in one:
            with pytest.raises(UserError, match="without `mm_token_type_ids`"):
                model.generate(**{**one, "mm_token_type_ids": None}, max_new_tokens=2)


def test_models_and_schedules_that_do_not_fit(asking: Asking, tmp_path: Path) -> None:
    def refused(schedule: Any, sentence: str, model: Any = asking.plain) -> None:
        with pytest.raises(UserError, match=sentence), prune(model, schedule):
            pass

    refused(Schedule(STAGES, depth=32), "the schedule is for a model of 32 layers, but this .* has 6")
    refused([(7, "fastv", 3)], "a stage at layer 7, but this .* has 6")
    refused(
        Schedule(STAGES, source="org/other"), "the schedule is for model org/other, but this is .*leave `model` out"
    )
    refused([(1, "information", 3)], "strategy 'information' reads the label")
    refused(tmp_path / "none.json", "none.json cannot be read")
    llama = LlamaForCausalLM(LlamaConfig(vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1,
                                         num_attention_heads=1))  # fmt: skip
    refused(STAGES, "prune takes transformers' .*; this is a LlamaForCausalLM", llama)
    with prune(asking.plain, STAGES):
        refused(STAGES, "this model is already inside `with prune")
    asking.plain.config._commit_hash = "a" * 40
    try:
        refused(Schedule(STAGES, revision="b" * 40), f"for revision {'b' * 40}, but this model is of revision")
        with prune(asking.plain, Schedule(STAGES, revision="a" * 40)):
            pass
    finally:
        asking.plain.config._commit_hash = None


def test_kept_sets_need_question_ids(asking: Asking, tmp_path: Path) -> None:
    import polars as pl

    pl.DataFrame({"question_id": ["q"], "kept": [[1, 2]]}).write_parquet(tmp_path / "kept.parquet")
    stages = [(1, "kept", 2, {"file": str(tmp_path / "kept.parquet")})]
    with prune(asking.plain, stages), pytest.raises(UserError, match="set `question_ids` before generate"):
        asking.plain.generate(**asking.inputs([0]), max_new_tokens=2)
