"""A loaded model against its own forward pass: what a model does around its layers, the engine does not see.

Soft caps, embedding or residual multipliers, sliding windows, other norms, rotary embeddings that depend on the length:
where a decoder has any of these, running its layers one by one gives other probabilities than the model's own code.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from infohorizon.engine import Greedy, decode, prefill, resume, unforced, unpruned
from infohorizon.engine.batching import out_of_memory
from infohorizon.engine.compiled import compile_layers
from infohorizon.engine.layers import ATTENTION
from infohorizon.errors import UserError, listed
from infohorizon.models.base import Encoded, VisionLanguageModel
from infohorizon.models.preflight import QUESTION, faults_of

# Difference in probability that rounding explains. In 64 bit the model's eager attention takes the softmax in 32 bit.
# In 16 bit its own pass rounds the residual stream after every layer, and the engine keeps it in 32 bit: one place in
# ten may be far off, depending on the processor's kernels, so that the mean over the places of each pass is compared.
TOLERANCE = {torch.float64: 1e-4, torch.float32: 1e-3, torch.float16: 0.05, torch.bfloat16: 0.15}
ANSWER = "A red square is on the left, and a blue circle is on the right."
FORCED = 8  # tokens of ANSWER after which the probabilities are compared as well


def check(source: str, model: VisionLanguageModel) -> None:
    """Compare one rendered image and one prompt: unpruned, resumed from several layers with every token kept, and
    token by token as answers are decoded.

    Args:
        source: what the sentence calls the model.
    Raises:
        UserError: the probabilities differ beyond the tolerance of the dtype, or are not finite, or the model's own
            pass or the engine cannot run.
    """
    name = type(model.model.model.language_model).__name__
    if faults := faults_of(model):
        raise UserError(f"model {source}: {listed(faults)}.")
    try:
        found = differences(model)
        difference = float((found.mean(dim=-1) if model.dtype.itemsize == 2 else found).max())
    except UserError as error:
        raise UserError(f"model {source}: {error}") from error
    except Exception as error:  # another class's code may fail in any way
        if isinstance(error, RuntimeError) and out_of_memory(error):
            raise UserError(f"model {source}: one question does not fit into memory: use a smaller dtype.") from error
        reason = str(error).strip().split("\n")[0] or "no reason given"
        raise UserError(
            f"model {source}: its decoder {name} cannot be run layer by layer ({type(error).__name__}: {reason}): "
            "this class is not supported."
        ) from error
    if difference > TOLERANCE[model.dtype]:
        raise UserError(
            f"model {source}: running the layers of its decoder {name} gives other probabilities than its own forward "
            f"pass, by up to {difference:.2g} (tolerance in {str(model.dtype).removeprefix('torch.')}: "
            f"{TOLERANCE[model.dtype]:g}): this class, or a setting of its config.json, is not supported."
        )


def compile_checked(name: str, model: VisionLanguageModel) -> None:
    """Compile the decoder's layers (`compile: true`), if they then give what they gave before.

    Raises:
        UserError: they give other probabilities, beyond the tolerance of the dtype, or nothing that compiles is
            installed.
    """
    encoded = model.encode([picture()])[0]
    before = engine_logits(model, encoded).softmax(dim=-1)
    compile_layers(model.language_model)
    found = (engine_logits(model, encoded).softmax(dim=-1) - before).abs().amax(dim=-1)
    difference = float(found.mean(dim=-1).max())
    if not difference <= TOLERANCE[model.dtype]:
        raise UserError(
            f"model {name}: compiled layers give other probabilities, by {difference:.2g} (tolerance in "
            f"{str(model.dtype).removeprefix('torch.')}: {TOLERANCE[model.dtype]:g}): set `compile: false`."
        )


def differences(model: VisionLanguageModel) -> Tensor:
    """Largest difference of a token's probability between the engine and the model's own pass.

    Returns:
        (2 + layers, 1 + forced): unpruned, resumed from each layer, and decoded, at the last prompt token and the
        forced ones.
    Raises:
        UserError: some of them are not finite.
    """
    image, decoder = picture(), model.language_model
    encoded = model.encode([image])[0]
    own = own_logits(model, image, len(encoded.features), _forced(model)).to(decoder.dtype)
    logits = engine_logits(model, encoded)
    decoder.check_finite(own)
    decoder.check_finite(logits)
    return (logits.softmax(dim=-1) - own.softmax(dim=-1)).abs().amax(dim=-1)


@torch.inference_mode()
def engine_logits(model: VisionLanguageModel, encoded: Encoded) -> Tensor:
    """(2 + layers, 1 + forced, vocabulary): unpruned, resumed from some layers with every token kept, and decoded."""
    decoder, forced = model.language_model, _forced(model)
    trace = prefill(decoder, model.prompt(QUESTION, encoded, forced))
    layers = sorted({0, decoder.depth // 2, decoder.depth - 1})
    everything = torch.arange(trace.prompt.count).expand(len(layers), -1)
    resumed = resume(trace, layers, everything, decodable=False).final
    dictated = _Dictated(forced)
    decode(decoder, unforced(unpruned(trace), len(forced)), 1 + len(forced), [], dictated)
    return torch.cat([decoder.logits(torch.cat([trace.final()[None], resumed])), torch.cat(dictated.logits)[None]])


class _Dictated(Greedy):
    """The forced tokens come next, whatever is likeliest; `logits` is what they were chosen from."""

    def __init__(self, forced: list[int]) -> None:
        super().__init__()
        self.forced, self.logits = forced, list[Tensor]()

    def __call__(self, logits: Tensor) -> Tensor:
        self.logits.append(logits)  # (1, vocabulary)
        place = min(len(self.logits), len(self.forced)) - 1
        return torch.tensor(self.forced[place : place + 1], device=logits.device)


def _forced(model: VisionLanguageModel) -> list[int]:
    """The first tokens of ANSWER."""
    return model.tokenizer(ANSWER, add_special_tokens=False)["input_ids"][:FORCED]


@torch.inference_mode()
def own_logits(model: VisionLanguageModel, image: Image.Image, count: int, forced: list[int]) -> Tensor:
    """The model's own logits of the last prompt token and the forced ones, (1 + forced, vocabulary)."""
    ids = model.token_ids(QUESTION)
    start = ids.index(model.image_token_id)
    ids = [*ids[:start], *[model.image_token_id] * count, *ids[start + 1 :], *forced]
    inputs: dict[str, Any] = model.own_inputs(image, torch.tensor([ids]))
    inputs = {key: value.to(model.device) for key, value in inputs.items()}
    inputs["pixel_values"] = inputs["pixel_values"].to(model.dtype)
    read = 1 + len(forced)
    with _eager(model.model):
        # Qwen2-VL of transformers 4.57 keeps all logits, whatever it is told
        return model.model(**inputs, use_cache=False, logits_to_keep=read).logits[0, -read:]


def picture() -> Image.Image:
    """A red square, a blue circle and a shaded ground, 448 × 336: no two patches are alike."""
    image = Image.linear_gradient("L").resize((448, 336)).convert("RGB")
    draw = ImageDraw.Draw(image)
    draw.rectangle((40, 60, 180, 200), "red")
    draw.ellipse((250, 130, 410, 290), "blue")
    return image


@contextmanager
def _eager(model: Any) -> Iterator[None]:
    """transformers' own attention, which knows every class's masks and soft caps, in place of the engine's."""
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(ATTENTION)
