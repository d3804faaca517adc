"""Token information: what each window of visual tokens tells the model, from each layer on.

I(w, l) = p(w, l) − p_text(l), with p the probability of the label when from the input of layer l on only window w of
the visual tokens is left (p_text: none). Layers below l saw the whole image. (arXiv 2512.07580)
Leave-one-out (`context: image`) takes the window alone away: I(w, l) = p_full − p(all but w, l).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from infohorizon.engine import Batch, LanguageModel, Positions, Trace, resume
from infohorizon.engine.resume import untouched
from infohorizon.measure.questioner import Asked, begun
from infohorizon.measure.windows import windows
from infohorizon.models.base import VisionLanguageModel


@dataclass(frozen=True)
class Measurement:
    """What is measured (the `information` section of config.yaml).

    Attributes:
        window: side of a window, in visual tokens.
        removal: what becomes of the other tokens (engine/removal.py): they leave the sequence (the paper's code), their
            states are zero, or the image's mean state, or the text cannot attend to them.
        context: "text" keeps only the window (the paper); "image" keeps everything but the window (leave-one-out).
        positions: position ids after the removal; other than original only where tokens leave the sequence.
    """

    window: int = 2
    removal: Literal["delete", "zero", "mean", "knockout"] = "delete"
    context: Literal["text", "image"] = "text"
    positions: Positions = "original"


class _Probabilities(NamedTuple):
    """Of K kept sets at each of the measured layers; the last set keeps no visual token.

    first: (K, layers) probability of the label's first token; whole: (K, layers) of all its tokens, teacher-forced;
    divergence: (layers,) KL(first-token distribution without visual tokens ‖ unpruned), nats. All float64.
    """

    first: Tensor
    whole: Tensor
    divergence: Tensor


def token_information(
    model: VisionLanguageModel,
    asked: Asked,
    layers: Sequence[int],
    batch: Batch,
    measurement: Measurement = Measurement(),
    only: Sequence[int] | None = None,
) -> list[dict[str, Any]]:
    """Probabilities of one question's label for every (layer, window).

    Args:
        layers: ascending.
        only: the windows to measure, ascending; None for all.
    Returns: rows with the columns of the information table, without question_id; layers, then windows, ascending.
    """
    ids = model.label_ids(asked.label, asked.question)
    trace = begun(model, batch, asked, ids[:-1])
    parts = windows(asked.encoded.grid, measurement.window)
    measured = range(len(parts)) if only is None else only
    every = torch.arange(trace.prompt.count)
    kept = [parts[w] if measurement.context == "text" else every[~torch.isin(every, parts[w])] for w in measured]
    kept.append(torch.arange(0))  # no visual token: p_text
    batch.one(len(trace.prompt.embeddings), trace.final)
    found = _probabilities(trace, ids, layers, kept, batch, measurement)

    if measurement.context == "image":
        unpruned = model.language_model.log_probabilities(trace.final()[None], ids)[0].double().cpu()
        gain, whole_gain = unpruned[0].exp() - found.first, unpruned.sum().exp() - found.whole
    else:
        gain, whole_gain = found.first - found.first[-1], found.whole - found.whole[-1]
    return [
        {
            "layer": layer,
            "window": w,
            "probability": float(found.first[i, l]),
            "text_probability": float(found.first[-1, l]),
            "information": float(gain[i, l]),
            "answer_probability": float(found.whole[i, l]),
            "text_answer_probability": float(found.whole[-1, l]),
            "answer_information": float(whole_gain[i, l]),
            "text_divergence": float(found.divergence[l]),
        }
        for l, layer in enumerate(layers)
        for i, w in enumerate(measured)
    ]


def _probabilities(
    trace: Trace, ids: list[int], layers: Sequence[int], kept: list[Tensor], batch: Batch, measurement: Measurement
) -> _Probabilities:
    """Run every (layer, kept set) as a row; rows of equal size share calls."""
    language_model: LanguageModel = trace.language_model
    first = torch.empty(len(kept), len(layers), dtype=torch.float64)
    found = _Probabilities(first, torch.empty_like(first), torch.empty(len(layers), dtype=torch.float64))
    full = language_model.logits(trace.final()[:1]).log_softmax(dim=-1)
    targets = torch.tensor(ids, device=trace.device)
    runs = [int(untouched(tokens)) for tokens in kept]

    for size in sorted({len(tokens) for tokens in kept}):
        rows = [(l, i) for l in range(len(layers)) for i, tokens in enumerate(kept) if len(tokens) == size]
        # A call reuses the tokens before the first that any of its rows drops: rows with equal runs go together.
        rows.sort(key=lambda row: runs[row[1]])

        def run(part: slice, rows: list[tuple[int, int]] = rows) -> None:
            chosen = sorted(rows[part])
            sets = torch.stack([kept[i] for _, i in chosen])
            at = [layers[l] for l, _ in chosen]
            positions, removal = measurement.positions, measurement.removal
            final = resume(trace, at, sets, positions, decodable=False, removal=removal).final
            log_p = language_model.log_probabilities(final, targets).double().cpu()
            for row, (l, i) in enumerate(chosen):
                found.first[i, l], found.whole[i, l] = log_p[row, 0].exp(), log_p[row].sum().exp()
            without = [row for row, (_, i) in enumerate(chosen) if i == len(kept) - 1]
            if without:  # read back at once
                texts = [language_model.logits(final[row, :1]).log_softmax(dim=-1) for row in without]
                divergence = torch.stack([(text.exp() * (text - full)).sum() for text in texts])
                found.divergence[[chosen[row][0] for row in without]] = divergence.double().cpu()

        present = trace.prompt.count if measurement.removal in ("zero", "mean") else size
        batch.slices(len(rows), present + trace.prompt.suffix, run)
    return found
