"""The registry of architectures (transformers' `model_type`): one line each. Importing it loads no torch."""

import json
from pathlib import Path

from infohorizon.errors import UserError
from infohorizon.models.hub import is_adapter, is_local, snapshot

# model_type → module:class in this folder.
REGISTRY = {
    "llava": "llava:Llava",
    "qwen2_vl": "qwen2_vl:Qwen2VL",
    "qwen2_5_vl": "qwen2_5_vl:Qwen25VL",
    "qwen3_vl": "qwen3_vl:Qwen3VL",
    "internvl": "internvl:InternVL",
}
# model_type → why it is refused: what the engine asks has no meaning there, or no single grid.
_BIDIRECTIONAL = "its visual tokens attend to later ones, so that what comes before a dropped token changes with it"
_BORROWED = "some of its layers take keys and values from others and inputs of their own beside the hidden states"
_TILES = "its images are a whole and several tiles, so that their tokens do not stand on one grid"
REFUSED = {
    **dict.fromkeys(("gemma3", "molmo2", "paligemma"), _BIDIRECTIONAL),
    "gemma3n": _BORROWED,
    "gemma4": f"depending on its size, {_BIDIRECTIONAL}, or {_BORROWED}",
    **dict.fromkeys(
        ("qwen3_5", "qwen3_5_moe"),
        "most of its layers are linear attention, whose state has no keys and values of a token that could be dropped",
    ),
    "lfm2_vl": "most of its layers are convolutions, which have no keys and values of a token that could be dropped",
    "mllama": "its images enter by cross-attention, so that there are no visual tokens in the decoder's sequence",
    **dict.fromkeys(("llava_next", "llava_onevision"), _TILES),
}


def fetch(source: str, revision: str | None = None) -> Path:
    """The folder of a model: a local one, or the hub's in the local cache, downloaded where it is not there.

    Raises:
        UserError: what `hub.snapshot` raises; a class that this project has no file for, before it is downloaded.
    """
    if not is_local(source):
        return snapshot(source, revision, model_type)
    folder = Path(source).expanduser()
    if is_adapter(source):
        raise UserError(
            f"{source} holds an adapter, not its language model: `snakemake --until merge_adapter` puts both "
            f"together in results/merged/{folder.name}, which can be loaded."
        )
    model_type(source, folder / "config.json")
    return folder


def model_type(source: str, file: Path) -> str:
    """transformers' name of a model's class, from its config.json. Loads no torch.

    Raises:
        UserError: no config.json, or one of a model that this project cannot run.
    """
    try:
        config = json.loads(file.read_text())
        kind = config["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{source} holds no model: it needs a config.json with a `model_type`, as `save_pretrained` writes it."
        ) from error
    if "mm_vision_tower" in config:
        raise UserError(
            f"model {source} is in the layout of LLaVA's own code (`mm_vision_tower`): use the form that transformers "
            "reads, as the llava-hf models on the hub are."
        )
    if kind == "internvl_chat":
        raise UserError(
            f"model {source} is in the layout of InternVL's own code: use the form that transformers reads, whose name "
            "on the hub ends in -hf (InternVL3) or -HF (InternVL3.5)."
        )
    if reason := REFUSED.get(kind):
        raise UserError(f"model {source} is of type '{kind}', which cannot be studied here: {reason}.")
    if kind not in REGISTRY:
        known = ", ".join(sorted(REGISTRY))
        raise UserError(f"model {source} is of type '{kind}'; known are {known} (see CONTRIBUTING.md).")
    if quantised := config.get("quantization_config"):
        method = quantised.get("quant_method", "an unnamed method") if isinstance(quantised, dict) else quantised
        raise UserError(f"model {source} is quantised ({method}): use the weights that are not.")
    return kind
