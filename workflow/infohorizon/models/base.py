"""What a vision-language model is to the pipeline: images → cached features, questions → prompts, ids ↔ text."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import torch
from PIL import Image
from torch import Tensor

from infohorizon.engine.batching import Batch
from infohorizon.engine.language_model import LanguageModel
from infohorizon.engine.trace import Prompt
from infohorizon.errors import UserError
from infohorizon.models import loading
from infohorizon.models.frame import Frame, FrameReader, Pixels
from infohorizon.models.geometry import batch_bytes, geometry, kv_bytes
from infohorizon.models.precision import resolved
from infohorizon.models.square import GREY, squared

VICUNA_V1 = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, "
    "and polite answers to the user's questions. USER: {image}\n{question} ASSISTANT:"
)


@dataclass
class Encoded:
    """One image as the vision stage stores it.

    Attributes:
        grid: (rows, columns) of visual tokens as the language model sees them, rows · columns = N.
        features: (N, f) what the projector takes (LLaVA, InternVL) or the mergers give (Qwen).
        saliency: (N,) attention received in a late layer of the vision tower: from the class token in LLaVA's
            second-last or InternVL's last one, or, in towers without that token, from all patches (Qwen: in the last
            layer that lets all see each other).
        early_saliency: (N,) the same of a layer a quarter of the way up.
        received: (N,) attention received from all tokens in the layer of `saliency`.
        middle_received: (N,) the same of a layer in the middle.
        keys: (N, k) the vision tower's keys in the layer of `saliency`, mean over heads.
        frame: which part of the image the grid covers; None where nobody asks (features read back from the table).
    Raises:
        UserError: the parts do not have rows · columns entries each.
    """

    grid: tuple[int, int]
    features: Tensor
    saliency: Tensor
    early_saliency: Tensor
    received: Tensor
    middle_received: Tensor
    keys: Tensor
    frame: Frame | None = None

    def __post_init__(self) -> None:
        rows, columns = self.grid
        attention = self.saliency, self.early_saliency, self.received, self.middle_received
        lengths = [len(part) for part in (self.features, *attention, self.keys)]
        if set(lengths) != {rows * columns}:
            raise UserError(
                f"the vision tower gives {lengths[0]} visual tokens, attention to {lengths[1:-1]}, keys of "
                f"{lengths[-1]}, which do not fill a grid of {rows} × {columns}: this tower or its settings are not "
                f"supported."
            )


class VisionLanguageModel(ABC):
    """A loaded model; subclasses know one architecture.

    Args:
        model: the transformers model, its attention set to this package's.
        tokenizer, image_processor: from the same folder or hub id.
        settings: the model's entry in config.yaml and its protocol (image, min_pixels, repetition_penalty, …).
    """

    model_type: str

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
        parts = loading.processors(source, folder)
        device = settings.get("device", "auto")
        model = loading.weights(source, folder, resolved(settings.get("dtype", "float32"), device), device)
        return cls(model, *parts, settings)

    @property
    def depth(self) -> int:
        """Number of decoder layers L."""
        return self.language_model.depth

    @property
    def image_token_id(self) -> int:
        return self.model.config.image_token_id

    def batch(self, size: int | str = "auto") -> Batch:
        """How much goes through the decoder at once: `size` rows, or "auto" for what fits into the device's memory."""
        shape, element = geometry(self.model.config.to_dict()), self.dtype.itemsize
        return Batch(size, int(batch_bytes(shape, 1, element)), self.device, int(kv_bytes(shape, 1, element)))

    @property
    def stop_ids(self) -> list[int]:
        """Token ids that end an answer: the generation config's, and the tokenizer's end of sequence."""
        ids = self.model.generation_config.eos_token_id
        ids = [] if ids is None else [ids] if isinstance(ids, int) else list(ids)
        return sorted({*ids, *([] if self.tokenizer.eos_token_id is None else [self.tokenizer.eos_token_id])})

    def prepared(self, image: Image.Image) -> Image.Image:
        """The image as the protocol's `image` setting hands it to the image processor (square.py)."""
        mean = getattr(self.image_processor, "image_mean", None)
        colour = [int(255 * value) for value in mean] if mean else GREY
        return squared(image.convert("RGB"), self.settings.get("image", "processor"), colour)

    def prepared_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(width, height) of what `prepared` makes of an image of this size."""
        side = {"pad": max(size), "crop": min(size)}.get(self.settings.get("image", "processor"))
        return size if side is None else (side, side)

    @property
    def pixel_limits(self) -> dict[str, int]:
        """The protocol's bounds of the resized image's pixels, where it sets them."""
        return {key: self.settings[key] for key in ("min_pixels", "max_pixels") if self.settings.get(key)}

    @property
    def repetition_penalty(self) -> float:
        """The protocol's repetition penalty; "model": that of the model's generation config."""
        chosen = self.settings.get("repetition_penalty", 1.0)
        return float((self.model.generation_config.repetition_penalty or 1.0) if chosen == "model" else chosen)

    @abstractmethod
    def tokens(self, size: tuple[int, int]) -> int:
        """How many visual tokens an image of (width, height) pixels has."""

    @abstractmethod
    def encode(self, images: Sequence[Image.Image]) -> list[Encoded]:
        """Run the vision tower on a batch of images."""

    def encoded(self, images: Sequence[Image.Image], batch: Batch) -> list[Encoded]:
        """The same in batches that memory has room for.

        Raises:
            UserError: one image does not fit.
        """
        found: list[Encoded] = []
        tokens = max((self.tokens(image.size) for image in images), default=0)
        batch.slices(len(images), max(tokens, 1), lambda part: found.extend(self.encode(images[part])))
        return found

    def setting_faults(self) -> Iterator[str]:
        """What config.json says that this architecture's file cannot run, a sentence each without a full stop."""
        return iter(())

    def refusal(self, size: tuple[int, int]) -> str | None:
        """Why the image processor refuses images of (width, height) pixels; None where it takes them."""
        return None

    @property
    def image_token(self) -> str | None:
        """The image token as text; None where the tokenizer does not know its id."""
        return self.tokenizer.convert_ids_to_tokens(self.image_token_id)

    @abstractmethod
    def processed(self, images: Sequence[Image.Image]) -> Mapping[str, Tensor]:
        """What the model's own image processor makes of images."""

    @abstractmethod
    def seen(self, image: Image.Image) -> Pixels:
        """The pixels (3, height, width) that the grid of visual tokens covers, normalised in any way."""

    @cached_property
    def frame(self) -> FrameReader:
        """(width, height) of an image → the part of it that the grid covers."""
        return FrameReader(self.seen)

    def own_inputs(self, image: Image.Image, ids: Tensor) -> dict[str, Tensor]:
        """What the model's own forward pass takes: prompt ids (1, S), the image token once per visual token."""
        return {**self.processed([image]), "input_ids": ids, "attention_mask": torch.ones_like(ids)}

    @abstractmethod
    def visual_embeddings(self, features: Tensor) -> Tensor:
        """Cached features (N, f) → what enters the language model, (N, d)."""

    def additions(self, features: Tensor) -> list[Tensor]:
        """Cached features (N, f) → what is added to the visual tokens after layer 0, layer 1, …, (N, d) each."""
        return []

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
            return self._templated(question)
        template = VICUNA_V1 if style == "vicuna_v1" else style
        image = self.image_token or ""  # preflight refuses a model without one
        before, after = template.split("{question}")
        return before.replace("{image}", image) + question + after.replace("{image}", image)

    def _templated(self, question: str) -> str:
        """The prompt that the folder's chat template makes.

        Raises:
            UserError: there is none, or it cannot take an image and a text.
        """
        template, remedy = self.tokenizer.chat_template, "set `prompt` of the model in config.yaml."
        if template is None:
            raise UserError(f"the model has no chat template: {remedy}")
        if isinstance(template, dict) and "default" not in template:
            raise UserError(f"of the model's chat templates ({', '.join(template)}) none is called default: {remedy}")
        content = [{"type": "image"}, {"type": "text", "text": question}]
        messages = [{"role": "user", "content": content}]
        try:
            return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        except Exception as error:  # whatever a template's own code may raise
            reason = str(error).split("\n")[0]
            raise UserError(f"the model's chat template takes no image and text ({reason}): {remedy}") from error

    def token_ids(self, question: str, answer: str = "") -> list[int]:
        """Token ids of the prompt with a single image token, and of the beginning of an answer to it.

        Raises:
            UserError: the question's own text contains a special image token.
        """
        ids = self.ids_of(self.text(question) + answer)
        if ids.count(self.image_token_id) != 1:
            raise UserError(
                f"the prompt must hold exactly one {self.image_token}, found {ids.count(self.image_token_id)} in "
                f"{self.text(question)[:80]!r}: remove the token from the question."
            )
        return ids

    def ids_of(self, text: str) -> list[int]:
        """Token ids of a whole prompt, however many image tokens there are among them."""
        bos = self.tokenizer.bos_token
        return self.tokenizer(text, add_special_tokens=not (bos and text.startswith(bos)))["input_ids"]

    @torch.inference_mode()
    def prompt(self, question: str, encoded: Encoded, forced: Sequence[int] = ()) -> Prompt:
        """Embed a question about an encoded image; `forced` label tokens are appended for teacher forcing."""
        ids = self.token_ids(question) + list(forced)
        start = ids.index(self.image_token_id)
        count = len(encoded.features)
        text = self.language_model.embed(torch.tensor(ids, device=self.device))
        features = encoded.features.to(self.device, self.dtype)
        visual = self.visual_embeddings(features).to(text.dtype)
        embeddings = torch.cat([text[:start], visual, text[start + 1 :]])
        self.language_model.check_length(len(embeddings), 0 if forced else self.settings.get("max_new_tokens", 0))
        positions = self.positions(len(embeddings), start, encoded.grid).to(self.device)
        added = self.additions(features)
        return Prompt(embeddings, positions, start, count, encoded.grid, len(forced), added)

    def label_ids(self, label: str, question: str = "") -> list[int]:
        """Token ids of a label as the model would write it after the prompt; the first one's probability is measured.

        Prompt and label are tokenised together, with a space between them unless the prompt ends in white space:
        behind a prompt that ends with "ASSISTANT:" byte-level tokenizers answer "ĠYes", which is not their "Yes".

        Raises:
            UserError: the label has no tokens, or the prompt's tokens change when the label follows.
        """
        text, prompt = self.text(question), self.token_ids(question)
        space = "" if text[-1:].isspace() else " "
        ids = self.token_ids(question, space + label.strip())
        if ids[: len(prompt)] != prompt:
            raise UserError(f"label {label!r} changes the prompt's tokens before it: change `prompt` of the model.")
        if len(ids) == len(prompt):
            raise UserError(f"label {label!r} has no tokens: every question needs a label of at least one token.")
        return ids[len(prompt) :]

    def answer_text(self, ids: Sequence[int]) -> str:
        return self.tokenizer.decode(ids, skip_special_tokens=True).strip()
