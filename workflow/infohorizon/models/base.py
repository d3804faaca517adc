"""What a vision-language model is to the pipeline: images → cached features, questions → prompts, ids ↔ text."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor

from infohorizon.engine.batching import Batch
from infohorizon.engine.language_model import LanguageModel
from infohorizon.engine.layers import ATTENTION
from infohorizon.engine.trace import Prompt
from infohorizon.errors import UserError
from infohorizon.models.geometry import batch_bytes, geometry

VICUNA_V1 = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, "
    "and polite answers to the user's questions. USER: {image}\n{question} ASSISTANT:"
)


@dataclass
class Encoded:
    """One image as the vision stage stores it.

    Attributes:
        grid: (rows, columns) of visual tokens as the language model sees them, rows · columns = N.
        features: (N, f) what the projector takes (LLaVA) or the merger gives (Qwen2.5-VL).
        saliency: (N,) attention received in the vision tower.
        keys: (N, k) the vision tower's keys, mean over heads.
    Raises:
        UserError: the parts do not have rows · columns entries each.
    """

    grid: tuple[int, int]
    features: Tensor
    saliency: Tensor
    keys: Tensor

    def __post_init__(self) -> None:
        rows, columns = self.grid
        lengths = [len(part) for part in (self.features, self.saliency, self.keys)]
        if lengths != [rows * columns] * 3:
            raise UserError(
                f"the vision tower gives {lengths[0]} visual tokens, saliency of {lengths[1]}, keys of {lengths[2]}, "
                f"which do not fill a grid of {rows} × {columns}: this tower or its settings are not supported."
            )


class VisionLanguageModel(ABC):
    """A loaded model; subclasses know one architecture.

    Args:
        model: the transformers model, its attention set to this package's.
        tokenizer, image_processor: from the same folder or hub id.
        settings: the model's entry in config.yaml (prompt, min_pixels, …).
    """

    model_type: str
    image_token: str

    def __init__(self, model: Any, tokenizer: Any, image_processor: Any, settings: Mapping[str, Any]) -> None:
        self.model, self.tokenizer, self.image_processor = (
            model.eval().requires_grad_(False),
            tokenizer,
            image_processor,
        )
        self.settings = settings
        self.language_model = LanguageModel(model.model.language_model, model.lm_head)
        self.device = model.lm_head.weight.device
        self.dtype = model.lm_head.weight.dtype

    @classmethod
    def load(cls, source: str, folder: Path, settings: Mapping[str, Any]) -> Self:
        """Load from a folder in hub format; `source` is what error messages call the model.

        Raises:
            UserError: weights that are damaged, missing, of other shapes or pickled; no tokenizer or image processor.
        """
        parts = load_parts(source, folder, settings.get("dtype", "float32"), settings.get("device", "auto"))
        return cls(*parts, settings)

    @property
    def depth(self) -> int:
        """Number of decoder layers L."""
        return self.language_model.depth

    @property
    def image_token_id(self) -> int:
        return self.model.config.image_token_id

    def batch(self, size: int | str = "auto") -> Batch:
        """How much goes through the decoder at once: `size` rows, or "auto" for what fits into the device's memory."""
        per_token = batch_bytes(geometry(self.model.config.to_dict()), 1, self.dtype.itemsize)
        return Batch(size, int(per_token), self.device)

    @property
    def stop_ids(self) -> list[int]:
        """Token ids that end an answer: the generation config's, and the tokenizer's end of sequence."""
        ids = self.model.generation_config.eos_token_id
        ids = [] if ids is None else [ids] if isinstance(ids, int) else list(ids)
        return sorted({*ids, *([] if self.tokenizer.eos_token_id is None else [self.tokenizer.eos_token_id])})

    @abstractmethod
    def encode(self, images: Sequence[Image.Image]) -> list[Encoded]:
        """Run the vision tower on a batch of images."""

    @abstractmethod
    def processed(self, images: Sequence[Image.Image]) -> Mapping[str, Tensor]:
        """What the model's own image processor makes of images."""

    def own_inputs(self, image: Image.Image, ids: Tensor) -> dict[str, Tensor]:
        """What the model's own forward pass takes: prompt ids (1, S), the image token once per visual token."""
        return {**self.processed([image]), "input_ids": ids, "attention_mask": torch.ones_like(ids)}

    @abstractmethod
    def visual_embeddings(self, features: Tensor) -> Tensor:
        """Cached features (N, f) → what enters the language model, (N, d)."""

    @abstractmethod
    def positions(self, length: int, start: int, grid: tuple[int, int]) -> Tensor:
        """Position ids of a prompt of `length` tokens whose image of `grid` begins at `start`: (S,) or (3, S)."""

    def text(self, question: str) -> str:
        """The whole prompt as text, with one image token where the visual tokens go.

        `prompt` in the model's settings chooses: `chat_template` (the folder's own), `vicuna_v1`, or a literal
        template with {image} and {question}.
        """
        style = self.settings.get("prompt", "chat_template")
        if style == "chat_template":
            if self.tokenizer.chat_template is None:
                raise UserError("the model has no chat template: set `prompt` of the model in config.yaml.")
            content = [{"type": "image"}, {"type": "text", "text": question}]
            messages = [{"role": "user", "content": content}]
            return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        template = VICUNA_V1 if style == "vicuna_v1" else style
        before, after = template.split("{question}")
        return before.replace("{image}", self.image_token) + question + after.replace("{image}", self.image_token)

    def token_ids(self, question: str) -> list[int]:
        """Prompt token ids with a single image token.

        Raises:
            UserError: the question's own text contains a special image token.
        """
        ids = self.ids_of(question)
        if ids.count(self.image_token_id) != 1:
            raise UserError(
                f"the prompt must hold exactly one {self.image_token}, found {ids.count(self.image_token_id)} in "
                f"{self.text(question)[:80]!r}: remove the token from the question."
            )
        return ids

    def ids_of(self, question: str) -> list[int]:
        """Prompt token ids, however many image tokens there are among them."""
        text = self.text(question)
        bos = self.tokenizer.bos_token
        return self.tokenizer(text, add_special_tokens=not (bos and text.startswith(bos)))["input_ids"]

    @torch.inference_mode()
    def prompt(self, question: str, encoded: Encoded, forced: Sequence[int] = ()) -> Prompt:
        """Embed a question about an encoded image; `forced` label tokens are appended for teacher forcing."""
        ids = self.token_ids(question) + list(forced)
        start = ids.index(self.image_token_id)
        count = len(encoded.features)
        text = self.language_model.embed(torch.tensor(ids, device=self.device))
        visual = self.visual_embeddings(encoded.features.to(self.device, self.dtype)).to(text.dtype)
        embeddings = torch.cat([text[:start], visual, text[start + 1 :]])
        self.language_model.check_length(len(embeddings))
        positions = self.positions(len(embeddings), start, encoded.grid).to(self.device)
        return Prompt(embeddings, positions, start, count, encoded.grid, len(forced))

    def label_ids(self, label: str) -> list[int]:
        """Token ids of a label as the model would answer it; the first is the one whose probability is measured."""
        ids = self.tokenizer(label, add_special_tokens=False)["input_ids"]
        if not ids:
            raise UserError(f"label {label!r} has no tokens: every question needs a label of at least one token.")
        return ids

    def answer_text(self, ids: Sequence[int]) -> str:
        return self.tokenizer.decode(ids, skip_special_tokens=True).strip()


def load_parts(source: str, folder: Path, dtype: str, device: str) -> tuple[Any, Any, Any]:
    """Model, tokenizer and image processor from a folder; safetensors only, no remote code.

    Args:
        source: what error messages call the model.
    Raises:
        UserError: weights that are damaged, missing, of other shapes or pickled; no tokenizer or image processor.
    """
    from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if not list(folder.glob("*.safetensors")):
        raise UserError(f"model {source} has no safetensors weights; pickled ones (*.bin) are not read.")
    common: dict[str, Any] = {"trust_remote_code": False}
    part = "weights"
    try:
        model, report = AutoModelForImageTextToText.from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            attn_implementation=ATTENTION,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # they are in the report
            output_loading_info=True,
            **common,
        )
        part = "tokenizer"
        tokenizer = AutoTokenizer.from_pretrained(folder, **common)
        part = "image processor"
        image_processor = AutoImageProcessor.from_pretrained(folder, use_fast=False, **common)
        part = f"weights on device '{device}'"
        model = model.to(device)
    except SafetensorError as error:
        raise UserError(f"model {source}: a safetensors file is damaged ({error}): fetch it again.") from error
    except Exception as error:  # transformers raises nearly anything on a folder that does not fit
        first = str(error).strip().split("\n")[0].split(". ")[0].rstrip(".: ") or type(error).__name__
        raise UserError(f"model {source}: its {part} could not be loaded ({first}).") from error
    other = [key if isinstance(key, str) else key[0] for key in report["mismatched_keys"]]
    if unfit := [*sorted(report["missing_keys"]), *other]:
        raise UserError(
            f"model {source}: weights are missing or of another shape than config.json says, {unfit[0]} among "
            f"{len(unfit)}: fetch the folder again."
        )
    if tokenizer.convert_ids_to_tokens(model.config.image_token_id) is None:
        raise UserError(f"model {source}: its tokenizer does not know the image token: are its files complete?")
    # Where older processors keep it: tokenizers do not look there.
    if (file := folder / "chat_template.json").is_file():
        tokenizer.chat_template = json.loads(file.read_text())["chat_template"]
    return model, tokenizer, image_processor
