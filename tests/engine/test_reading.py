"""What strategies see beyond a layer's input, keys and attention, against transformers' own forward pass with hooks."""

from contextlib import ExitStack

import pytest
import torch

from infohorizon.engine import prefill
from infohorizon.measure.reference import Drop
from infohorizon.measure.trace_view import TraceView

PARTS = ("q_proj", "k_proj")  # or the norm behind it, where there is one: the rotary embedding comes next
SUBLAYERS = ("input_layernorm", "self_attn", "post_attention_layernorm", "mlp")


def recorded(naive, drops=()):
    """Layer → what its parts gave out, and its input (`hidden`), in the plain forward pass."""
    found = [{} for _ in naive.language.layers]

    def keep(layer, name):
        def hook(_, __, out):
            found[layer][name] = (out[0] if isinstance(out, tuple) else out)[0].detach().flatten(1)

        return hook

    with ExitStack() as stack:
        for number, layer in enumerate(naive.language.layers):
            for name in SUBLAYERS:
                stack.callback(getattr(layer, name).register_forward_hook(keep(number, name)).remove)
            for name in PARTS:
                part = getattr(layer.self_attn, name.replace("proj", "norm"), getattr(layer.self_attn, name))
                stack.callback(part.register_forward_hook(keep(number, name)).remove)

            def before(_, args, kwargs, number=number):
                found[number]["hidden"] = (args[0] if args else kwargs["hidden_states"])[0].detach()

            # After the reference's own hook, which cuts what is dropped.
            stack.callback(layer.input_layernorm.register_forward_pre_hook(before, with_kwargs=True).remove)
        naive.logits((), drops)
    return found


def attention_row(naive, part, row):
    """Softmax of one row over the whole sequence without rotary embedding, head by head, (heads, sequence)."""
    config = naive.language.config
    heads, groups = config.num_attention_heads, config.num_attention_heads // config.num_key_value_heads
    width = part["q_proj"].shape[1] // heads
    rows = []
    for head in range(heads):
        query = part["q_proj"][row, head * width : (head + 1) * width]
        first = head // groups * width
        rows.append((part["k_proj"][: row + 1, first : first + width] @ query / width**0.5).softmax(dim=0))
    return torch.stack(rows)


def transition(part):
    """By the formula, token by token."""
    total = 0
    for name, after in (("input_layernorm", "self_attn"), ("post_attention_layernorm", "mlp")):
        pairs = list(zip(part[name], part[after], strict=True))
        turn = torch.stack([(1 - (a @ b) / (a.norm() * b.norm())).exp() for a, b in pairs])
        total += torch.stack([b.norm() / a.norm() for a, b in pairs]) * turn / turn.sum()
    return total


@pytest.mark.parametrize("pruned", [False, True])
def test_what_a_view_shows_is_transformers_own(case64, pruned):
    naive, visual = case64.naive, case64.naive.visual
    count = len(visual)
    trace = prefill(case64.model.language_model, case64.model.prompt(case64.question, case64.encoded))
    for layer in range(case64.model.depth):  # remembered: a pruned run must not take those above its pruning
        trace.transition(layer)
    left, drops = torch.arange(count), []
    if pruned:
        left, drops = torch.arange(0, count, 2), [Drop(2, list(range(0, count, 2)))]
        trace = trace.prune(2, left)
    parts, whole = recorded(naive, drops), recorded(naive)
    start, depth = int(visual[0]), case64.model.depth
    for layer in range(3, depth):
        view = TraceView(trace, layer, case64.encoded, case64.model.visual_embeddings)
        here = slice(start, start + len(left))
        last = len(parts[layer]["hidden"]) - 1
        torch.testing.assert_close(view.hidden(), parts[layer]["hidden"][here])
        torch.testing.assert_close(view.hidden(before=1), parts[layer - 1]["hidden"][here])
        for ahead in (False, True):
            shown = view.attention(torch.tensor([view.text_count - 1]), ahead, rotary=False)[:, 0]
            part = parts[layer if ahead else layer - 1]
            torch.testing.assert_close(shown, attention_row(naive, part, last)[:, here])
        for lower in range(layer):
            at = here if lower >= 2 else start + left
            source = parts if lower >= 2 else whole
            torch.testing.assert_close(view.transition(lower), transition(source[lower])[at])


def test_tokens_that_are_left_are_seen_at_a_layer_before_the_others_left(case64):
    """Of the unpruned run, where the layer lies below that of the pruning."""
    naive, start = case64.naive, int(case64.naive.visual[0])
    trace = prefill(case64.model.language_model, case64.model.prompt(case64.question, case64.encoded))
    left = torch.arange(1, len(naive.visual), 3)
    whole, runs = recorded(naive), ((trace, 2), (trace.prune(4, left), 5))
    full, view = (TraceView(run, layer, case64.encoded, case64.model.visual_embeddings) for run, layer in runs)
    view = view.at(2)
    torch.testing.assert_close(view.hidden(), whole[2]["hidden"][start + left])
    torch.testing.assert_close(view.hidden("text"), whole[2]["hidden"][start + len(naive.visual) :])
    rows = torch.arange(view.text_count)
    for ahead in (False, True):
        torch.testing.assert_close(view.attention(rows, ahead), full.attention(rows, ahead)[..., left])
    torch.testing.assert_close(view.queries(), full.queries()[:, left])
    torch.testing.assert_close(view.keys(), full.keys()[:, left])
    torch.testing.assert_close(view.keys("text"), full.keys("text"))
