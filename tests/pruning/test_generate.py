"""A pruned generate against a naive forward pass without cache; beams, sampling, streams, threads, masks, reports."""

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from threading import Thread
from typing import Any

import polars as pl
import pytest
import torch
from torch import Tensor
from transformers import AttentionInterface, AutoModelForImageTextToText
from transformers.masking_utils import AttentionMaskInterface, flash_attention_mask

from cases import make_case
from infohorizon import prune, strategies
from infohorizon.measure.reference import Drop
from infohorizon.measure.trace_view import TraceView
from infohorizon.pruning import Schedule, call
from infohorizon.study.cost import head_flops, layer_flops
from pruning.batches import Asking

FIRST, SECOND = [0, 3, 4, 9, 15, 20, 24], [3, 9, 20]  # what the stages at layers 1 and 4 keep


def planned(folder: Path, positions: str, first: int = 1) -> tuple[Schedule, list[Drop]]:
    """Two stages with given sets, for prune and for the naive reference."""
    file = folder / "kept.parquet"
    rows = {"question_id": ["q"] * 2, "layer": [first, 4], "kept": [FIRST, SECOND]}
    pl.DataFrame(rows).write_parquet(file)
    stages = [(layer, "kept", len(kept), {"file": str(file)}) for layer, kept in ((first, FIRST), (4, SECOND))]
    drops = [Drop(first, FIRST, positions), Drop(4, SECOND, positions)]
    return Schedule(stages, positions), drops


@pytest.fixture(scope="module", params=["llava", "qwen2_5_vl"])
def question(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A question's naive reference, and what a processor makes of it."""
    case = make_case(request.param, tmp_path_factory.mktemp("case"), "float32")
    given = {**case.naive.inputs, "attention_mask": torch.ones_like(case.naive.inputs["input_ids"])}
    inputs = {name: value for name, value in given.items() if name in signature(case.naive.model.forward).parameters}
    return case, inputs


def plain_of(case: Any, attention: str) -> Any:
    return AutoModelForImageTextToText.from_pretrained(
        case.folder, dtype=torch.float32, attn_implementation=attention
    ).eval()


@pytest.mark.parametrize(
    ("attention", "positions", "first", "sample"),
    [
        ("sdpa", "original", 1, False),
        ("sdpa", "contiguous", 0, True),
        ("eager", "contiguous", 1, False),
        ("eager", "original", 0, True),
    ],
)
def test_the_logits_of_every_step_are_naive_ones(question, attention, positions, first, sample, tmp_path) -> None:
    (case, inputs), (schedule, drops) = question, planned(tmp_path, positions, first)
    plain = plain_of(case, attention)
    torch.manual_seed(1)
    with prune(plain, schedule) as pruned:
        pruned.question_ids = ["q"]
        out = plain.generate(
            **inputs, max_new_tokens=5, do_sample=sample, output_logits=True, return_dict_in_generate=True
        )
    ids = out.sequences[0, inputs["input_ids"].shape[1] :].tolist()
    for step, logits in enumerate(out.logits):
        naive = case.naive.logits(ids[:step], drops)
        assert torch.allclose(logits[0], naive, atol=2e-4, rtol=1e-4), step
    whole = case.naive.logits([], [])
    assert not torch.allclose(out.logits[0][0], whole, atol=1e-2)


def test_each_layer_s_cache_holds_what_the_layer_saw(question, tmp_path) -> None:
    (case, inputs), (schedule, _) = question, planned(tmp_path, "original", first=0)
    plain, prompt, new = plain_of(case, "sdpa"), inputs["input_ids"].shape[1], 3
    with prune(plain, schedule) as pruned:
        pruned.question_ids = ["q"]
        out = plain.generate(**inputs, max_new_tokens=new + 1, min_new_tokens=new + 1, return_dict_in_generate=True)
    visual = [len(FIRST)] * 4 + [len(SECOND)] * 2
    tokens = [prompt - len(case.encoded.features) + count for count in visual]
    cache, (report,), shape = out.past_key_values, pruned.report(), pruned._plan.shape
    assert [layer.keys.shape[2] for layer in cache.layers] == [count + new for count in tokens]
    assert cache.get_seq_length() == prompt + new
    assert report.visual == [visual] and report.tokens == [tokens]
    values = [2 * layer.keys[0, :, 0].numel() for layer in cache.layers]  # of one token
    assert report.cache_bytes == sum(4 * value * (count + new) for value, count in zip(values, tokens, strict=True))
    assert report.unpruned_cache_bytes == 4 * sum(values) * (prompt + new)
    assert report.prefill_flops == sum(layer_flops(shape, count) for count in tokens) + head_flops(shape)
    assert report.unpruned_prefill_flops == 6 * layer_flops(shape, prompt) + head_flops(shape)
    assert 0 < report.selection_seconds < 10
    assert "of unpruned" in str(report)


def test_beams_have_the_scores_of_their_own_tokens(question, tmp_path) -> None:
    """The caches of beams are reordered at every step: a wrong row would give another score."""
    (case, inputs), (schedule, drops) = question, planned(tmp_path, "contiguous")
    plain = plain_of(case, "sdpa")
    settings = {"num_beams": 3, "num_return_sequences": 3, "max_new_tokens": 4, "length_penalty": 0.0}
    with prune(plain, schedule) as pruned:
        pruned.question_ids = ["q"]
        out = plain.generate(**inputs, **settings, output_scores=True, return_dict_in_generate=True, do_sample=False)
    found = out.sequences[:, inputs["input_ids"].shape[1] :].tolist()
    assert len({tuple(row) for row in found}) == 3
    for row, score in zip(found, out.sequences_scores.tolist(), strict=True):
        ends = [place for place, token in enumerate(row) if token in case.model.stop_ids]
        row = row[: ends[0] + 1] if ends else row
        total = sum(
            float(case.naive.logits(row[:step], drops).log_softmax(-1)[token]) for step, token in enumerate(row)
        )
        assert score == pytest.approx(total, abs=1e-3)


def test_beams_of_a_padded_batch_are_those_of_each_prompt(asking: Asking) -> None:
    schedule, settings = Schedule([(1, "fastv", 0.4), (3, "random", 3)], "original"), {"num_beams": 2}

    def answers(numbers: list[int]) -> list[list[int]]:
        inputs = asking.inputs(numbers)
        with prune(asking.plain, schedule):
            output = asking.plain.generate(**inputs, **settings, max_new_tokens=4, do_sample=False)
        return asking.answers(output, inputs)

    assert answers([2, 0, 1]) == [*answers([2]), *answers([0]), *answers([1])]


def test_random_draws_depend_on_prompt_image_and_seed_alone(asking: Asking) -> None:
    schedule = Schedule([(0, "random", 4)])

    def kept(numbers: list[int], seed: int = 0) -> list[Any]:
        inputs = asking.inputs(numbers)
        with prune(asking.plain, schedule, seed) as pruned:
            out = asking.plain.generate(**inputs, max_new_tokens=1, output_logits=True, return_dict_in_generate=True)
            pruned.report()
        return out.logits[0]

    together, alone = kept([3, 1]), kept([1])
    assert torch.allclose(together[1], alone[0], atol=1e-4)
    assert torch.equal(kept([1]), alone)
    assert not torch.allclose(kept([1], seed=1)[0], alone[0], atol=1e-2)


MINE = """
import torch
from infohorizon.strategies.base import Selection, Strategy

class Mine(Strategy):
    def select(self, view, keep):
        return Selection(torch.randperm(view.count, generator=view.generator(keep))[:keep].sort().values)
"""


@pytest.mark.parametrize("name", ["apet", "mine.py"])
def test_strategies_that_are_not_called_random_draw_for_each_prompt_too(
    asking: Asking, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    seeds, generator = list[int](), TraceView.generator

    def noted(view: TraceView, keep: int) -> torch.Generator:
        found = generator(view, keep)
        seeds.append(found.initial_seed())
        return found

    monkeypatch.setattr(TraceView, "generator", noted)

    def drawn(stages: list[Any], numbers: list[int]) -> list[int]:
        """The seeds of the first stage."""
        seeds.clear()
        with prune(asking.plain, stages):
            asking.plain.generate(**asking.inputs(numbers), max_new_tokens=1, do_sample=False)
        return seeds[: len(numbers)]

    alone = drawn([(0, name, 6)], [0, 1, 2])
    assert len(set(alone)) == 3
    assert drawn([(0, name, 6), (3, "random", 4)], [0, 1, 2]) == alone
    assert drawn([(0, name, 6)], [2, 0]) == [alone[2], alone[0]]


def test_nothing_is_digested_where_nothing_is_drawn(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call, "bytes_of", lambda inputs: pytest.fail("digested"))
    with prune(asking.plain, [(1, "fastv", 3), (3, "visionzip", 2)]):
        asking.plain.generate(**asking.inputs([0]), max_new_tokens=1)


class Stream:
    """A streamer that collects what it is given."""

    def __init__(self) -> None:
        self.given: list[int] = []

    def put(self, value: Tensor) -> None:
        self.given += value.flatten().tolist()

    def end(self) -> None:
        self.given.append(-1)


def test_a_stream_gets_every_token_and_threads_do_not_meet(asking: Asking) -> None:
    schedule, outputs, streams = Schedule([(1, "fastv", 3)]), {}, [Stream(), Stream()]
    with prune(asking.plain, schedule) as pruned:

        def run(number: int) -> None:
            inputs = asking.inputs([number])
            outputs[number] = asking.plain.generate(
                **inputs, max_new_tokens=6, do_sample=False, streamer=streams[number]
            )

        threads = [Thread(target=run, args=(number,)) for number in range(2)]
        together = asking.model.model_type == "llava"  # transformers' own Qwen models hold state between their steps
        for thread in threads:
            thread.start()
            if not together:
                thread.join()
        for thread in threads:
            thread.join()
        assert len(pruned.report()) == 2
    for number, stream in enumerate(streams):
        assert stream.given == [*outputs[number][0].tolist(), -1]
        inputs = asking.inputs([number])
        assert asking.answers(outputs[number], inputs) == [asking.engine(number, schedule)]


def flash(module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **how: Any) -> Any:
    """Flash attention's interface, computed plainly: a mask is (rows, keys), queries belong to the last keys."""
    assert attention_mask is None or attention_mask.shape == (len(query), key.shape[2])
    assert how.get("position_ids") is None or how["position_ids"].shape[-1] == query.shape[2]
    groups, queries, keys = query.shape[1] // key.shape[1], query.shape[2], key.shape[2]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    seen = torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries).expand(len(query), 1, -1, -1)
    if attention_mask is not None:
        seen = seen & attention_mask.bool()[:, None, None, :]
    scores = (query @ key.mT * how["scaling"]).masked_fill(~seen, -torch.inf).softmax(-1).nan_to_num()
    return (scores @ value).transpose(1, 2), None


@contextmanager
def attending(model: Any, name: str) -> Iterator[None]:
    """The decoder alone with another attention."""
    config = model.model.language_model.config
    before, config._attn_implementation = config._attn_implementation, name
    try:
        yield
    finally:
        config._attn_implementation = before


@pytest.mark.parametrize("positions", ["original", "contiguous"])
@pytest.mark.parametrize("name", ["flash_plain", "eager"])
def test_other_attention_gets_masks_in_its_own_form(asking: Asking, name: str, positions: str) -> None:
    AttentionInterface.register("flash_plain", flash)
    AttentionMaskInterface.register("flash_plain", flash_attention_mask)
    schedule, inputs = Schedule([(1, "fastv", 0.3), (4, "random", 2)], positions), asking.inputs()
    with attending(asking.plain, name), prune(asking.plain, schedule) as pruned:
        pruned.question_ids = [asked.question_id for asked in asking.asked]
        output = asking.plain.generate(**inputs, max_new_tokens=6, do_sample=False)
    expected = [asking.engine(number, schedule) for number in range(len(asking.questions))]
    assert asking.answers(output, inputs) == expected


def test_prompts_without_an_image_stay_whole(asking: Asking) -> None:
    inputs = asking.inputs([0])
    text = inputs["input_ids"][:, inputs["input_ids"][0] != asking.model.image_token_id]
    only = {"input_ids": text, "attention_mask": torch.ones_like(text), "max_new_tokens": 4, "do_sample": False}
    whole = asking.plain.generate(**only)
    with prune(asking.plain, [(1, "fastv", 3)]) as pruned:
        assert torch.equal(asking.plain.generate(**only), whole)
    assert pruned.report()[0].tokens == [[text.shape[1]] * asking.model.depth]


def test_16_bit_models_keep_their_precision(question, tmp_path) -> None:
    """Strategies read wider states, the model's own stay as they are; rounding costs what it does anyway."""
    (case, inputs), (schedule, drops) = question, planned(tmp_path, "contiguous")
    plain = AutoModelForImageTextToText.from_pretrained(case.folder, dtype=torch.bfloat16).eval()
    settings = {"max_new_tokens": 1, "output_logits": True, "return_dict_in_generate": True}
    with prune(plain, schedule) as pruned:
        pruned.question_ids = ["q"]
        out = plain.generate(**inputs, **settings)
    assert out.past_key_values.layers[-1].keys.dtype == torch.bfloat16
    own = plain.generate(**inputs, **settings).logits[0][0]
    rounding = (own - case.naive.logits([], [])).norm()  # of the unpruned model
    assert (out.logits[0][0] - case.naive.logits([], drops)).norm() < 2 * rounding
    for name, facts in strategies.REGISTRY.items():
        if name not in ("information", "kept"):
            stage = (max(facts.first_layer, 2), name, 0 if facts.keeps_none else 8)
            with prune(plain, [stage]) as pruned:
                plain.generate(**inputs, **settings)
            assert pruned.report()[0].visual[0][-1] < len(case.encoded.features), name
