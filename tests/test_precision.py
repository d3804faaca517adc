"""16-bit weights: the residual stream, norms and head stay in fp32; values stay near the fp32 model's."""

from copy import deepcopy

import pytest
import torch
from transformers import AutoModelForImageTextToText

from infohorizon import models
from infohorizon.batching import Batch
from infohorizon.information import token_information
from infohorizon.naive import Drop, Naive


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_sixteen_bit_weights_with_fp32_residual(case, dtype):
    model = models.load(str(case.folder), {"dtype": dtype})
    encoded = model.encode([case.image])[0]
    trace = model.decoder.prefill(model.prompt(case.question, encoded))
    assert encoded.features.dtype == trace.values(0).dtype == getattr(torch, dtype)
    assert {trace.hidden(layer).dtype for layer in range(model.depth)} == {torch.float32}
    assert model.decoder.logits(trace.final()).dtype == torch.float32

    assert len(model.decoder.decode(trace.branches(), 4, [])[0]) == 4

    # The arithmetic's error, against the same rounded weights in fp32: less than that of pure 16-bit arithmetic.
    pure = AutoModelForImageTextToText.from_pretrained(case.folder, dtype=getattr(torch, dtype)).eval()
    rounded = deepcopy(pure).float()
    errors = torch.zeros(2)
    for layer in range(model.depth):
        for kept in ([], [0, 3], list(range(0, trace.prompt.count, 2))):
            drops = [Drop(layer, kept)]
            exact = Naive.of(model, rounded, case.image, case.question).probabilities(drops)
            low = Naive.of(model, pure, case.image, case.question).probabilities(drops).float()
            final = model.decoder.resume(trace, [layer], torch.tensor([kept], dtype=torch.long)).final
            mine = model.decoder.logits(final[0, -1]).softmax(-1)
            errors += torch.stack([(mine - exact).abs().sum(), (low - exact).abs().sum()])
    assert errors[0] < errors[1]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_batch_sizes_agree_within_the_noise_of_sixteen_bit(case, dtype):
    model = models.load(str(case.folder), {"dtype": dtype})
    encoded = model.encode([case.image])[0]
    runs = [
        token_information(model, case.question, "yes", encoded, [1, 3], Batch(rows, 1, torch.device("cpu")))
        for rows in (1, "auto")
    ]
    floor = 0.05 if dtype == "bfloat16" else 0.01
    assert all(abs(a["probability"] - b["probability"]) < floor for a, b in zip(*runs, strict=True))
