"""LLaVA-1.5 and models of its class (LlavaForConditionalGeneration): CLIP-type tower, MLP projector, any decoder."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from infohorizon.engine.layers import tapping
from infohorizon.models.base import Encoded, VisionLanguageModel
from infohorizon.models.frame import Pixels
from infohorizon.models.tower import last_below, watching


class Llava(VisionLanguageModel):
    """Every image is resized to one square; tokens stand on 1-D positions."""

    model_type = "llava"

    def setting_faults(self) -> Iterator[str]:
        config, vision = self.model.config, self.model.config.vision_config
        tower = self._tower
        if len(tower.encoder.layers) < 2:
            yield "its vision tower has a single layer, but saliency is read from the second-last one"
        chosen = config.vision_feature_layer
        for layer in [chosen] if isinstance(chosen, int) else chosen:
            if not -len(tower.encoder.layers) - 1 <= layer <= len(tower.encoder.layers):
                yield f"`vision_feature_layer` is {layer}, but its tower has {len(tower.encoder.layers)} layers"
        has_class_token = hasattr(tower.embeddings, "class_embedding")
        if has_class_token and not self._drops_class_token:
            yield (
                "`vision_feature_select_strategy: full` keeps its tower's class token, which has no place on the grid: "
                "set it to default in config.json"
            )
        if self._drops_class_token and not has_class_token:
            yield (
                "`vision_feature_select_strategy: default` drops the first patch of its tower, which has no class "
                "token: set it to full in config.json"
            )
        if vision.image_size < vision.patch_size:
            yield f"its images of {vision.image_size} pixels hold no patch of {vision.patch_size}"

    @property
    def _tower(self) -> Any:
        tower = self.model.model.vision_tower
        return getattr(tower, "vision_model", tower)

    def processed(self, images: Sequence[Image.Image]) -> Mapping[str, Tensor]:
        return self.image_processor([self.prepared(image) for image in images], return_tensors="pt")

    def tokens(self, size: tuple[int, int]) -> int:
        vision = self.model.config.vision_config
        return (vision.image_size // vision.patch_size) ** 2

    def seen(self, image: Image.Image) -> Pixels:
        """What whole patches cover: of 384 pixels in patches of 14 the last 6 of each side are left over."""
        vision = self.model.config.vision_config
        side = vision.image_size // vision.patch_size * vision.patch_size
        return self.processed([image])["pixel_values"][0, :, :side, :side].double().numpy()

    @torch.inference_mode()
    def encode(self, images: Sequence[Image.Image]) -> list[Encoded]:
        config, tower = self.model.config, self.model.model.vision_tower
        pixels = self.processed(images)["pixel_values"]
        # Official selectors read the second-last layer (FasterVLM, VisPruner, VisionZip, …), VScan the 6th and HiPrune
        # the 9th of 24 layers as well.
        layers, depth = self._tower.encoder.layers, len(self._tower.encoder.layers)
        early, middle = (layers[last_below(range(depth), depth * share)].self_attn for share in (1 / 4, 3 / 8))
        tap, seen = watching(layers[-2].self_attn, early, middle, self._drops_class_token)
        with tapping(tap):
            out = tower(pixels.to(self.device, self.dtype), output_hidden_states=True)
        chosen = config.vision_feature_layer
        chosen = [chosen] if isinstance(chosen, int) else chosen
        features = torch.cat([out.hidden_states[layer] for layer in chosen], dim=-1)
        first = int(self._drops_class_token)
        side = round((features.shape[1] - first) ** 0.5)
        return [
            Encoded(
                (side, side),
                features[i, first:],
                frame=self.frame(image.size),
                **{name: values[i, first:] for name, values in seen.items()},
            )
            for i, image in enumerate(images)
        ]

    @property
    def _drops_class_token(self) -> bool:
        return self.model.config.vision_feature_select_strategy == "default"

    def visual_embeddings(self, features: Tensor) -> Tensor:
        return self.model.model.multi_modal_projector(features)

    def positions(self, length: int, start: int, grid: tuple[int, int]) -> Tensor:
        return torch.arange(length)
