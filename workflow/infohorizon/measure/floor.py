"""The rounding floor of a 16-bit model: how far its arithmetic moves the probabilities that are measured, by layer."""

import logging
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import torch

from infohorizon.engine import Batch
from infohorizon.engine.batching import out_of_memory
from infohorizon.measure.information import Measurement, token_information
from infohorizon.measure.questioner import Asked
from infohorizon.models.base import VisionLanguageModel

WINDOWS = 4  # of each question, beside the row without any visual token
log = logging.getLogger("infohorizon")


def in_float32(model: VisionLanguageModel) -> VisionLanguageModel | None:
    """The same model with its weights widened to float32, beside it on its device; None where memory does not suffice.

    Both have the same weights, so that what differs between them is arithmetic alone.
    """
    count = sum(parameter.numel() for parameter in model.model.parameters())
    needed = count * (model.dtype.itemsize + 4)  # a copy, and what it becomes
    try:
        wide = deepcopy(model.model).float() if needed <= _free(model.device) else None
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        wide = None
    if wide is None:
        log.warning("the rounding floor is not measured: a float32 copy of the model needs %.1f GB more", needed / 1e9)
        return None
    return type(model)(wide, model.tokenizer, model.image_processor, model.settings)


def rounding_floor(
    models: tuple[VisionLanguageModel, VisionLanguageModel],
    asked: Sequence[Asked],
    layers: Sequence[int],
    batch: Batch,
    measurement: Measurement,
) -> list[float]:
    """RMS difference, by layer, between the probabilities of the label's first token that two models give.

    The rows are those of token information: no visual token, and the first few windows of each question.

    Args:
        models: the model and its float32 copy.
        layers: ascending.
    """
    squares: list[list[float]] = [[] for _ in layers]
    for question in asked:
        one, other = (
            token_information(model, question, layers, batch, measurement, range(_windows(question, measurement)))
            for model in models
        )
        for a, b in zip(one, other, strict=True):
            found = squares[layers.index(a["layer"])]
            found.append((a["probability"] - b["probability"]) ** 2)
            if a["window"] == 0:
                found.append((a["text_probability"] - b["text_probability"]) ** 2)
    return [(sum(found) / len(found)) ** 0.5 for found in squares]


def _windows(question: Asked, measurement: Measurement) -> int:
    rows, columns = (-(-side // measurement.window) for side in question.encoded.grid)
    return min(WINDOWS, rows * columns)


def _free(device: torch.device) -> int:
    """Bytes of free memory where the model is."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
