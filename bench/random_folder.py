"""A folder of random weights in the hub's layout: names, shards and dtype of the real one, and its tokenizer.

Weights are drawn and written tensor by tensor, so that a model of 14 GB takes a few hundred MB of memory to write.
"""

import json
import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from hub_models import HubModel
from transformers import AutoConfig, AutoModelForImageTextToText, PreTrainedTokenizerFast

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
import vocabularies

SCALE = 0.02  # standard deviation of weights, and how far norms are from 1
Shapes = Mapping[str, tuple[int, ...]]


def write(folder: Path, model: HubModel, texts: Iterable[str], seed: int = 0) -> Path:
    """Write the folder; weights of equal arguments are equal.

    Args:
        texts: what Llama's tokenizer is right on (tests/vocabularies.py).
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("config", model.config),
        ("generation_config", model.generation),
        ("preprocessor_config", model.processor),
    ):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    tokenizer(model, texts).save_pretrained(folder)
    write_weights(folder, hub_shapes(folder, model.names), model, torch.Generator().manual_seed(seed))
    return folder


def tokenizer(model: HubModel, texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Llama's, or Qwen2's byte-level one, with the model's chat template."""
    own = vocabularies.llama(texts) if model.vocabulary == "llama" else vocabularies.qwen2(model.special)
    own.chat_template = model.template
    return own


def hub_shapes(folder: Path, names: Iterable[tuple[str, str]]) -> dict[str, tuple[int, ...]]:
    """Shapes of the weights that transformers expects by the folder's config.json, under the hub's names.

    A head that is tied to the embedding has no weights of its own.
    """
    config = AutoConfig.from_pretrained(folder)
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(config)
    tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    shapes = {}
    for own, values in model.state_dict().items():
        if not (tied and own == "lm_head.weight"):
            name = own
            for pattern, replacement in names:
                name = re.sub(pattern, replacement, name)
            shapes[name] = tuple(values.shape)
    return shapes


def write_weights(folder: Path, shapes: Shapes, model: HubModel, generator: torch.Generator) -> None:
    """Write safetensors files of at most `shard` bytes and, where there are several, their index."""
    dtype = model.config["torch_dtype"]
    size = getattr(torch, dtype).itemsize
    shards = list(sharded(shapes, model.shard / size))
    files = [f"model-{1 + i:05}-of-{len(shards):05}.safetensors" for i in range(len(shards))]
    if len(files) == 1:
        files = ["model.safetensors"]
    else:
        weights = {name: file for file, shard in zip(files, shards, strict=True) for name in shard}
        total = size * sum(map(math.prod, shapes.values()))
        index = {"metadata": {"total_size": total}, "weight_map": weights}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    for file, shard in zip(files, shards, strict=True):
        with (folder / file).open("wb") as stream:
            stream_tensors(stream, shard, dtype, generator)


def sharded(shapes: Shapes, most: float) -> Iterator[Shapes]:
    """Split into consecutive parts of at most so many values."""
    part: dict[str, tuple[int, ...]] = {}
    taken = 0
    for name, shape in shapes.items():
        if part and taken + math.prod(shape) > most:
            yield part
            part, taken = {}, 0
        part[name] = shape
        taken += math.prod(shape)
    yield part


def stream_tensors(stream: BinaryIO, shapes: Shapes, dtype: str, generator: torch.Generator) -> None:
    """Write one file in the format of safetensors, whose own writer wants all tensors at once.

    See https://github.com/huggingface/safetensors#format: the header's length, a JSON header, the bytes of all tensors.
    """
    torch_dtype, code = getattr(torch, dtype), {"float16": "F16", "bfloat16": "BF16", "float32": "F32"}[dtype]
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + math.prod(shape) * torch_dtype.itemsize
        header[name] = {"dtype": code, "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    stream.write(len(text).to_bytes(8, "little") + text)
    for name, shape in shapes.items():
        values = torch.empty(shape, dtype=torch_dtype).normal_(0, SCALE, generator=generator)
        if len(shape) == 1 and name.endswith("weight"):  # a norm's
            values += 1
        stream.write(values.view(torch.uint8).numpy())
