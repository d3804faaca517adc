"""What a model's folder and the questions tell before anything runs: no weights are read, and nothing is computed.

A skeleton is the model without its weights (on torch's meta device), with its real tokenizer and image processor.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from infohorizon.engine.layers import ATTENTION, misfit
from infohorizon.errors import UserError
from infohorizon.models.architectures import architecture
from infohorizon.models.base import VisionLanguageModel
from infohorizon.models.loading import processors

QUESTION = "What is in this picture, and where?"


def skeleton(source: str, folder: Path, settings: Mapping[str, Any]) -> VisionLanguageModel:
    """A model without weights.

    Args:
        source: what sentences call the model.
        settings: as for `models.load`.
    Raises:
        UserError: an unknown class, or a configuration, tokenizer or image processor that cannot be loaded.
    """
    from transformers import AutoConfig, AutoModelForImageTextToText

    kind = architecture(source, folder)
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        with torch.device("meta"):
            model = AutoModelForImageTextToText.from_config(config, attn_implementation=ATTENTION)
    except Exception as error:  # transformers raises nearly anything on a configuration that does not fit
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise UserError(f"model {source}: no model can be built from its config.json ({reason}).") from error
    return kind(model, *processors(source, folder), settings)


def model_faults(source: str, folder: Path, settings: Mapping[str, Any]) -> list[str]:
    """Everything that a model's folder tells to be wrong, a sentence each without a full stop."""
    faults = [] if list(folder.glob("*.safetensors")) else [f"model {source} has no safetensors weights"]
    try:
        model = skeleton(source, folder, settings)
    except UserError as error:
        return [*faults, str(error).removesuffix(".")]
    return [*faults, *(f"model {source}: {fault}" for fault in faults_of(model))]


def faults_of(model: VisionLanguageModel) -> list[str]:
    """What of a model, loaded or a skeleton, cannot be run here."""
    decoder, token = model.model.model.language_model, model.image_token_id
    faults = list(model.setting_faults())
    if reason := misfit(decoder):
        faults.append(f"its decoder {type(decoder).__name__} cannot be run layer by layer: {reason}")
    if token >= (rows := len(model.language_model.embed.weight)):
        faults.append(f"its image token has the id {token}, but its embedding has {rows} rows: enlarge the embedding")
    try:
        check_image_token(model)
    except UserError as error:
        faults.append(str(error).removesuffix("."))
    return faults


def check_image_token(model: VisionLanguageModel) -> None:
    """Whether a prompt holds the image token of config.json once, and text after it.

    Raises:
        UserError: the prompt writes it never or several times, or nothing follows it (the engine recomputes what
            follows the image), or the tokenizer does not know it as one token.
    """
    token = model.image_token
    if token is None:
        raise UserError("its tokenizer does not know the image token: are its files complete?")
    text = model.text(QUESTION)
    ids = model.ids_of(text)
    if (found := ids.count(model.image_token_id)) == 1:
        if ids[-1] == model.image_token_id:
            raise UserError(f"its prompt ends with the image (…{text[-40:]!r}): put the question after it")
        return
    if text.count(token) == 1:
        raise UserError(f"its tokenizer splits {token} into several tokens: register it as a special token")
    raise UserError(
        f"its prompt {text[:80]!r} holds {token}, the `image_token_id` of config.json, {found} times: correct that id, "
        "the chat template, or `prompt` of the model"
    )


def question_faults(
    model: VisionLanguageModel, questions: Iterable[Mapping[str, Any]], sizes: Mapping[str, tuple[int, int]]
) -> Iterator[str]:
    """Questions and images that the model cannot be asked, each with its id.

    Args:
        questions: rows of the benchmark table.
        sizes: image_id → (width, height).
    """
    for row in questions:
        try:
            prompt, label = model.token_ids(row["question"]), model.label_ids(row["label"], row["question"])
            if (size := sizes.get(row.get("image_id", ""))) and not model.refusal(size):
                answer = max(len(label), model.settings.get("max_new_tokens", 0))
                model.language_model.check_length(len(prompt) - 1 + model.tokens(size), answer)
        except UserError as error:
            yield f"question {row['question_id']}: {str(error).removesuffix('.')}"
    for image_id, size in sizes.items():
        if reason := model.refusal(size):
            yield f"image {image_id} ({size[0]} × {size[1]} pixels): {reason}"
