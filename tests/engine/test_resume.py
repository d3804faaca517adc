"""The engine against the naive reference: every layer, many kept sets, both position policies, greedy answers."""

import pytest
import torch
import transformers

from infohorizon.engine import decode, prefill, resume, unpruned
from infohorizon.measure.reference import Drop


def kept_sets(count: int, seed: int = 0) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    sizes = [0, 1, 2, count // 3, count - 1, count]
    return [torch.randperm(count, generator=generator)[:size].sort().values.tolist() for size in sizes]


def first_probabilities(case, trace, layers, kept, positions="original", states=None):
    branches = resume(trace, layers, torch.tensor(kept, dtype=torch.long), positions, states)
    return case.model.language_model.logits(branches.final[:, -1]).softmax(-1)


def run(case, forced=()):
    return prefill(case.model.language_model, case.model.prompt(case.question, case.encoded, forced))


def test_unpruned_pass_equals_transformers(case64):
    trace = run(case64)
    ours = case64.model.language_model.logits(trace.final()[-1]).softmax(-1)
    assert (ours - case64.naive.probabilities()).abs().max() < 1e-9


@pytest.mark.parametrize("positions", ["original", "contiguous"])
def test_resume_equals_naive_in_fp64(case64, positions):
    trace = run(case64)
    for layer in range(case64.model.depth):
        for kept in kept_sets(trace.prompt.count, layer):
            ours = first_probabilities(case64, trace, [layer], [kept], positions)[0]
            expected = case64.naive.probabilities([Drop(layer, kept, positions)])
            assert (ours - expected).abs().max() < 1e-9, (layer, len(kept))


@pytest.mark.parametrize("positions", ["original", "contiguous"])
def test_resume_and_greedy_answers_equal_naive_in_fp32(case, positions):
    trace = run(case)
    language_model = case.model.language_model
    for layer in (0, 2, case.model.depth - 1):
        for kept in kept_sets(trace.prompt.count, 10 + layer):
            drops = [Drop(layer, kept, positions)]
            branches = resume(trace, [layer], torch.tensor([kept], dtype=torch.long), positions)
            ours = language_model.logits(branches.final[:, -1]).softmax(-1)[0]
            assert (ours - case.naive.probabilities(drops)).abs().max() < 1e-4
            assert decode(language_model, branches, 8, [])[0] == case.naive.greedy(8, drops), (layer, len(kept))


def test_rows_of_different_layers_share_a_batch(case64):
    trace = run(case64)
    count, depth = trace.prompt.count, case64.model.depth
    layers = sorted([0, 0, 1, 3, 3, depth - 1])
    generator = torch.Generator().manual_seed(1)
    kept = [torch.randperm(count, generator=generator)[:6].sort().values.tolist() for _ in layers]
    branches = resume(trace, layers, torch.tensor(kept))
    together = case64.model.language_model.logits(branches.final[:, -1]).softmax(-1)
    answers = decode(case64.model.language_model, branches, 8, [])
    for row, (layer, chosen) in enumerate(zip(layers, kept, strict=True)):
        assert (together[row] - case64.naive.probabilities([Drop(layer, chosen)])).abs().max() < 1e-9
        assert answers[row] == case64.naive.greedy(8, [Drop(layer, chosen)])


def test_forced_label_tokens_give_the_probability_of_the_whole_label(case64):
    label = [20, 31, 44]
    trace = run(case64, forced=label[:-1])
    language_model, kept = case64.model.language_model, [0, 3, 4]
    for layer in range(case64.model.depth):
        branches = resume(trace, [layer], torch.tensor([kept]), decodable=False)
        ours = language_model.log_probabilities(branches.final, torch.tensor(label))[0].exp()
        for i, token in enumerate(label):
            expected = case64.naive.probabilities([Drop(layer, kept)], label[:i])[token]
            assert abs(ours[i] - expected) < 1e-9


@pytest.mark.parametrize("positions", ["original", "contiguous"])
def test_two_stage_pruning_equals_naive(case64, positions):
    trace = run(case64)
    count = trace.prompt.count
    first = list(range(0, count, 2))
    second = [1, 3, 4]
    drops = [Drop(1, first, positions), Drop(3, [first[i] for i in second], positions)]
    pruned = trace.prune(1, torch.tensor(first), positions).prune(3, torch.tensor(second), positions)
    ours = case64.model.language_model.logits(pruned.final()[-1]).softmax(-1)
    assert (ours - case64.naive.probabilities(drops)).abs().max() < 1e-9
    assert decode(case64.model.language_model, unpruned(pruned), 8, [])[0] == case64.naive.greedy(8, drops)
    assert [len(v) for v in pruned.visual] == [count] + [len(first)] * 2 + [3] * (case64.model.depth - 3)
    start, suffix = trace.prompt.start, trace.prompt.suffix
    assert [pruned.keys(j).shape[1] for j in range(case64.model.depth)] == [
        start + len(v) + suffix for v in pruned.visual
    ]


def test_attention_rows_equal_eager_attention(case):
    trace = run(case)
    # without a mask transformers 4.57 takes Qwen3-VL's jumps of position for the ends of packed sequences
    mask = torch.ones_like(case.naive.inputs["input_ids"])
    out = case.naive.model(**case.naive.inputs, attention_mask=mask, output_attentions=True, use_cache=False)
    suffix = trace.prompt.suffix
    for layer in range(case.model.depth):
        ours = trace.attention(layer, torch.arange(suffix))
        assert (ours - out.attentions[layer][0, :, -suffix:]).abs().max() < 1e-4


def test_dropping_really_shortens_the_caches(case):
    trace = run(case)
    start, suffix, count = trace.prompt.start, trace.prompt.suffix, trace.prompt.count
    branches = resume(trace, [2, 4], torch.tensor([[1, 5], [0, 7]]))

    def tokens(cache):
        own = 0 if cache.own is None else cache.own[0].shape[2]
        return cache.shared[0].shape[1] + own

    held = [[(group.rows, tokens(group.cache)) for group in groups] for groups in branches.caches]
    full, short = start + count + suffix, start + 2 + suffix
    assert held[0] == held[1] == [(slice(0, 2), full)]
    assert held[2] == held[3] == [(slice(0, 1), short), (slice(1, 2), full)]
    assert all(groups == [(slice(0, 2), short)] for groups in held[4:])


def test_forward_alone_agrees_with_generate(case):
    """transformers' own `generate` on pixels gives the answer the engine gives."""
    trace = run(case)
    ours = decode(case.model.language_model, unpruned(trace), 8, [])[0]
    inputs = dict(case.naive.inputs)
    if transformers.__version__.startswith("4."):
        inputs.pop("mm_token_type_ids", None)
    generated = case.naive.model.generate(**inputs, max_new_tokens=8, do_sample=False, eos_token_id=None)
    assert generated[0, case.naive.inputs["input_ids"].shape[1] :].tolist() == ours
