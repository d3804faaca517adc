"""Token information: what each window of visual tokens tells the model, from each layer on.

I(w, l) = p(w, l) − p_text(l), with p the probability of the label when from the input of layer l on only window w of
the visual tokens is left (p_text: none). Layers below l saw the whole image. (arXiv 2512.07580)
Leave-one-out (`context: image`) takes the window alone away: I(w, l) = p_full − p(all but w, l).
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from infohorizon.batching import Batch
from infohorizon.decoder import untouched
from infohorizon.models.base import Encoded, VisionLanguageModel
from infohorizon.selection import seed_of
from infohorizon.trace import Positions, Trace


def windows(grid: tuple[int, int], side: int) -> list[Tensor]:
    """Token indices of each side × side window in reading order of the window grid; edge windows may be smaller."""
    rows, columns = grid
    index = torch.arange(rows * columns).reshape(grid)
    return [
        index[top : top + side, left : left + side].flatten()
        for top in range(0, rows, side)
        for left in range(0, columns, side)
    ]


def drawn(count: int, number: int | Literal["all"], question_id: str) -> Sequence[int]:
    """Which of `count` windows to measure for a question, ascending: fewer are a subset of more."""
    if number == "all" or number >= count:
        return range(count)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed_of(question_id, "windows")))
    return sorted(order[:number].tolist())


def token_information(
    model: VisionLanguageModel,
    question: str,
    label: str,
    encoded: Encoded,
    layers: Sequence[int],
    batch: Batch,
    window: int = 2,
    removal: Literal["delete", "zero"] = "delete",
    context: Literal["text", "image"] = "text",
    positions: Positions = "original",
    only: Sequence[int] | None = None,
) -> list[dict[str, Any]]:
    """Probabilities of one question's label for every (layer, window).

    Args:
        removal: delete the other tokens from the sequence (the paper's code), or zero their states.
        context: "text" keeps only the window (the paper); "image" keeps everything but the window (leave-one-out).
        only: the windows to measure, ascending; None for all.
    Returns: rows with the columns of the information table, without question_id; layers, then windows, ascending.
    """
    ids = model.label_ids(label)
    targets = torch.tensor(ids, device=model.device)
    trace = model.decoder.prefill(model.prompt(question, encoded, forced=ids[:-1]))
    count = trace.prompt.count
    parts = windows(encoded.grid, window)
    measured = range(len(parts)) if only is None else only
    sets = [parts[w] for w in measured]
    if context == "image":
        every = torch.arange(count)
        sets = [every[~torch.isin(every, part)] for part in sets]
    kept = [*sets, torch.arange(0)]  # the last one: no visual token, p_text
    first = torch.empty(len(kept), len(layers), dtype=torch.float64)
    whole, divergence = torch.empty_like(first), torch.empty(len(layers), dtype=torch.float64)
    full = model.decoder.logits(trace.final()[:1]).log_softmax(-1)

    runs = [int(untouched(tokens)) for tokens in kept]
    for size in sorted({len(tokens) for tokens in kept}):
        # Rows of equal size share calls, and in a call the tokens before the first that any of its rows drops.
        rows = [(l, i) for l in range(len(layers)) for i, tokens in enumerate(kept) if len(tokens) == size]
        rows.sort(key=lambda row: runs[row[1]])
        length = (count if removal == "zero" else size) + trace.prompt.suffix

        def run(part: slice, rows: list[tuple[int, int]] = rows) -> None:
            chosen = sorted(rows[part])
            keep = torch.stack([kept[i] for _, i in chosen])
            at = [layers[l] for l, _ in chosen]
            final = _final(trace, at, keep, removal, positions)
            log_p = model.decoder.log_probabilities(final, targets).double().cpu()
            for row, (l, i) in enumerate(chosen):
                first[i, l], whole[i, l] = log_p[row, 0].exp(), log_p[row].sum().exp()
                if i == len(sets):
                    text = model.decoder.logits(final[row, :1]).log_softmax(-1)
                    divergence[l] = (text.exp() * (text - full)).sum().double().cpu()

        batch.slices(len(rows), length, run)

    if context == "image":
        unpruned = model.decoder.log_probabilities(trace.final()[None], targets)[0].double().cpu()
        gain, whole_gain = unpruned[0].exp() - first, unpruned.sum().exp() - whole
    else:
        gain, whole_gain = first - first[-1], whole - whole[-1]
    return [
        {
            "layer": layer,
            "window": w,
            "probability": float(first[i, l]),
            "text_probability": float(first[-1, l]),
            "information": float(gain[i, l]),
            "answer_probability": float(whole[i, l]),
            "text_answer_probability": float(whole[-1, l]),
            "answer_information": float(whole_gain[i, l]),
            "text_divergence": float(divergence[l]),
        }
        for l, layer in enumerate(layers)
        for i, w in enumerate(measured)
    ]


def noise_floor(
    model: VisionLanguageModel, question: str, label: str, encoded: Encoded, batch: Batch, **settings: Any
) -> float:
    """Largest difference in probability between the same windows one at a time and in batches.

    `settings` are those of the measurement (`token_information`).

    Beside 16-bit results: information below it is rounding, and greedy tokens may differ where the margin is smaller.
    """
    layers = sorted({1, model.depth // 2, model.depth - 1})
    alone = Batch(1, 1, model.device)
    runs = [token_information(model, question, label, encoded, layers, b, **settings) for b in (alone, batch)]
    return max(abs(a["probability"] - b["probability"]) for a, b in zip(*runs, strict=True))


def _final(trace: Trace, layers: list[int], kept: Tensor, removal: str, positions: Positions) -> Tensor:
    """Final states of the read tokens, (R, read, d), with the other visual tokens deleted or zeroed."""
    decoder = trace.decoder
    if removal == "delete":
        return decoder.resume(trace, layers, kept, positions, decodable=False).final
    start, count = trace.prompt.start, trace.prompt.count
    states = torch.stack([trace.hidden(layer)[start : start + count] for layer in layers])
    stays = torch.zeros(len(layers), count, dtype=torch.bool).scatter_(1, kept, True).to(states.device)
    every = torch.arange(count).expand(len(layers), -1)
    return decoder.resume(trace, layers, every, positions, states * stays[..., None], decodable=False).final
