"""What the speed measurements share: a random model of LLaVA's proportions with one question, and a stopwatch."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from infohorizon.engine import Batch, LanguageModel, Prompt
from infohorizon.engine.layers import ATTENTION
from infohorizon.measure.questioner import Asked
from infohorizon.models.base import Encoded
from infohorizon.models.geometry import Geometry, batch_bytes
from infohorizon.study.cost import PREFIX

SMOLLM2 = {"intermediate_size": 1536, "num_key_value_heads": 3, "vocab_size": 49152}  # of 135M, width 576


class RandomModel:
    """A random decoder of LLaVA's proportions (FFN 2.7 × width, heads of 64), and one random question for it.

    It has what the stages ask of a model. It has no text: a prompt is random embeddings, an answer its token ids.

    Args:
        width, depth: of the decoder.
        side: visual tokens of the image's side.
        text: tokens after the image.
        more: other proportions, as fields of a LlamaConfig.
    """

    device = torch.device("cpu")
    stop_ids: Sequence[int] = ()

    def __init__(self, width: int, depth: int, side: int, text: int, **more: Any) -> None:
        torch.manual_seed(0)
        sizes = {
            "vocab_size": 1000,
            "hidden_size": width,
            "intermediate_size": int(2.7 * width) // 8 * 8,
            "num_hidden_layers": depth,
            "num_attention_heads": width // 64,
        }
        config = LlamaConfig(**sizes | more, attn_implementation=ATTENTION)
        model = LlamaForCausalLM(config).eval().requires_grad_(False)
        self.language_model = LanguageModel(model.model, model.lm_head)
        count, length = side * side, PREFIX + side * side + text
        self.question = Prompt(torch.randn(length, width), torch.arange(length), PREFIX, count, (side, side))
        nothing = torch.empty(count, 0)
        self.asked = Asked("question", "", "", Encoded((side, side), nothing, *[torch.zeros(count)] * 4, nothing))
        self.shape = Geometry(
            layers=depth,
            width=width,
            ffn=config.intermediate_size,
            kv_width=config.num_key_value_heads * config.head_dim,
            vocabulary=config.vocab_size,
            tower=0,
            patches=1,
            cell=None,
            square=count,
            feature_width=0,
            key_width=0,
        )

    @property
    def batch(self) -> Batch:
        """The budget that the stages use on a CPU."""
        return Batch("auto", int(batch_bytes(self.shape, 1, element=4)), self.device)

    def prompt(self, question: str, encoded: Encoded, forced: Sequence[int] = ()) -> Prompt:
        return self.question

    def token_ids(self, question: str, answer: str = "") -> list[int]:
        return [0] * (len(self.question.embeddings) - self.question.count + 1)

    repetition_penalty = 1.0

    def label_ids(self, label: str, question: str = "") -> list[int]:
        return [0]

    def answer_text(self, ids: Sequence[int]) -> str:
        return str(ids)


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def alternate(first: Callable[[], object], second: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median seconds of two calls that take turns, so that both meet the same machine."""
    times = [(seconds(first), seconds(second)) for _ in range(repeats)]
    return statistics.median(a for a, _ in times), statistics.median(b for _, b in times)


def table_head() -> str:
    """Head of the table that compares the engine with a baseline."""
    columns = ("work", "visual", "text", "width", "layers", "baseline s", "engine s", "ratio", "FLOP bound")
    return "| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|"


def table_row(work: str, model: RandomModel, times: tuple[float, float], bound: float) -> str:
    """One comparison: seconds of the baseline and of the engine, their ratio, and the ratio of their FLOPs."""
    baseline, engine = times
    shape, question = model.shape, model.question
    sizes = f"{question.count} | {question.suffix} | {shape.width} | {shape.layers}"
    return f"| {work} | {sizes} | {baseline:.2f} | {engine:.2f} | {baseline / engine:.1f}× | {bound:.1f}× |"
