"""16-bit weights: the residual stream, norms and head stay in fp32; values stay near the fp32 model's."""

import pytest
import torch
import transformers

from cases import Case
from infohorizon import models
from infohorizon.engine import Batch, decode, prefill, resume, unpruned
from infohorizon.measure.information import token_information
from infohorizon.measure.questioner import Asked
from infohorizon.models.qwen2_vl import Qwen2VL


@pytest.fixture(autouse=True)
def _not_where_the_class_itself_is_coarse(case: Case, request: pytest.FixtureRequest) -> None:
    """In transformers 4.57 Qwen2-VL's own bfloat16 pass is 0.5 in probability away from its float32 pass on these
    random weights (the engine's is 0.05 away), so that loading it, which compares with the own pass, refuses it."""
    coarse = type(case.model) is Qwen2VL and transformers.__version__ < "5"
    if coarse and request.node.callspec.params["dtype"] == "bfloat16":
        pytest.skip("Qwen2-VL's own bfloat16 pass is too coarse in this version of transformers")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_sixteen_bit_weights_with_fp32_residual(case, dtype):
    model = models.load(str(case.folder), {"dtype": dtype})
    encoded = model.encode([case.image])[0]
    trace = prefill(model.language_model, model.prompt(case.question, encoded))
    assert encoded.features.dtype == trace.values(0).dtype == getattr(torch, dtype)
    assert {trace.hidden(layer).dtype for layer in range(model.depth)} == {torch.float32}
    assert model.language_model.logits(trace.final()).dtype == torch.float32

    assert len(decode(model.language_model, unpruned(trace), 4, [])[0]) == 4


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_fp32_residual_errs_no_more_than_pure_sixteen_bit(case, dtype):
    """Against the same rounded weights and features in fp32, over questions, layers and kept sets."""
    ours, pure = (models.load(str(case.folder), {"dtype": dtype}) for _ in range(2))
    pure.language_model.dtype = getattr(torch, dtype)
    pure.language_model.head = pure.model.lm_head
    exact = models.load(str(case.folder), {"dtype": dtype})
    exact = type(exact)(exact.model.float(), exact.tokenizer, exact.image_processor, exact.settings)
    encoded = ours.encode([case.image])[0]

    def probabilities(model, question):
        prompt = model.prompt(question, encoded)
        # The projector's own rounding is not part of the decoder.
        prompt.embeddings = exact.prompt(question, encoded).embeddings.to(prompt.embeddings.dtype)
        trace = prefill(model.language_model, prompt)
        rows = [(layer, torch.arange(0, prompt.count, step)) for layer in (1, 4) for step in (1, 3)]
        finals = [resume(trace, [layer], tokens[None]).final[0, -1] for layer, tokens in rows]
        return model.language_model.logits(torch.stack(finals)).float().softmax(-1)

    errors = torch.zeros(2)
    for word in ("what", "who", "where", "when", "why", "how", "many", "which", "is", "the"):
        truth = probabilities(exact, word)
        errors += torch.stack([(probabilities(model, word) - truth).abs().mean() for model in (ours, pure)])
    # In six layers the products' rounding dominates both, and depends on the processor's kernels; the residual's grows
    # with depth.
    assert errors[0] < 2 * errors[1]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_batch_sizes_agree_within_the_noise_of_sixteen_bit(case, dtype):
    model = models.load(str(case.folder), {"dtype": dtype})
    encoded = model.encode([case.image])[0]
    asked = Asked("q1", case.question, "yes", encoded)
    batches = [Batch(rows, 1, torch.device("cpu")) for rows in (1, "auto")]
    runs = [token_information(model, asked, [1, 3], batch) for batch in batches]
    worst = max(abs(a["probability"] - b["probability"]) for a, b in zip(*runs, strict=True))
    assert worst < (0.1 if dtype == "bfloat16" else 0.02)
