"""InternVL3 and 3.5 in the form transformers reads (InternVLForConditionalGeneration): one tile, pixel shuffle.

Every image is resized to one tile of 448 × 448 pixels, 256 tokens: the processor's cropping into up to twelve tiles is
switched off, so that the visual tokens stand on one grid.
"""

from collections.abc import Iterator, Mapping, Sequence

import torch
from PIL import Image
from torch import Tensor

from infohorizon.engine.layers import tapping
from infohorizon.models.base import Encoded, VisionLanguageModel
from infohorizon.models.frame import Pixels
from infohorizon.models.tower import last_below, watching


class InternVL(VisionLanguageModel):
    """Pixel shuffle puts the patches of a 2 × 2 block into one token; tokens stand on 1-D positions."""

    model_type = "internvl"

    def setting_faults(self) -> Iterator[str]:
        config, vision = self.model.config, self.model.config.vision_config
        if config.vision_feature_select_strategy != "default":
            yield "its tower's class token has no place on the grid: set `vision_feature_select_strategy` to default"
        if config.vision_feature_layer != -1:
            yield f"`vision_feature_layer` is {config.vision_feature_layer}, but only the last one, -1, is supported"
        side = vision.image_size[0] // vision.patch_size[0]
        if len({*vision.image_size}) > 1 or side % self._block:
            yield f"its tiles of {vision.image_size} pixels do not make a square grid of tokens"

    @property
    def _block(self) -> int:
        """Patches along a side of a token."""
        return round(1 / self.model.config.downsample_ratio)

    def text(self, question: str) -> str:
        """The prompt; as the model's own processor does, <img> and </img> stand around the image."""
        text, token = super().text(question), self.image_token or ""
        start, end = (getattr(self.tokenizer, f"{name}_image_token", None) for name in ("start", "end"))
        start, end = start or "<img>", end or "</img>"
        return text if f"{start}{token}{end}" in text else text.replace(token, f"{start}{token}{end}")

    def processed(self, images: Sequence[Image.Image]) -> Mapping[str, Tensor]:
        prepared = [self.prepared(image) for image in images]
        return {"pixel_values": self.image_processor(prepared, return_tensors="pt", crop_to_patches=False).pixel_values}

    def tokens(self, size: tuple[int, int]) -> int:
        vision = self.model.config.vision_config
        return (vision.image_size[0] // vision.patch_size[0] // self._block) ** 2

    def seen(self, image: Image.Image) -> Pixels:
        return self.processed([image])["pixel_values"][0].double().numpy()

    @torch.inference_mode()
    def encode(self, images: Sequence[Image.Image]) -> list[Encoded]:
        tower, layers = self.model.model.vision_tower, self.model.model.vision_tower.encoder.layer
        # As in LLaVA, whose features are its second-last layer's; here they are the last one's.
        shares = (last_below(range(len(layers)), len(layers) * share) for share in (1 / 4, 3 / 8))
        early, middle = (layers[layer].attention for layer in shares)
        tap, seen = watching(layers[-1].attention, early, middle, class_token=True)
        with tapping(tap):
            pixels = self.processed(images)["pixel_values"].to(self.device, self.dtype)
            features = self._shuffled(tower(pixel_values=pixels).last_hidden_state)
        of_tokens = {name: self._averaged(values) for name, values in seen.items()}
        return [
            Encoded(
                (features.shape[1], features.shape[2]),
                features[i].flatten(0, 1),
                frame=self.frame(image.size),
                **{name: values[i] for name, values in of_tokens.items()},
            )
            for i, image in enumerate(images)
        ]

    def _averaged(self, values: Tensor) -> Tensor:
        """(images, class token and patches[, width]) → (images, tokens[, width]): the mean of each token's patches."""
        patches = self._shuffled(values.unflatten(1, (-1, 1)) if values.ndim == 2 else values)
        means = patches.unflatten(-1, (self._block**2, -1)).mean(-2).flatten(1, 2)
        return means[..., 0] if values.ndim == 2 else means

    def _shuffled(self, tokens: Tensor) -> Tensor:
        """(images, class token and patches, width) → (images, rows, columns, block² · width), in the model's order."""
        patches, ratio = tokens[:, 1:], self.model.config.downsample_ratio
        side = round(patches.shape[1] ** 0.5)
        return self.model.model.pixel_shuffle(patches.unflatten(1, (side, side)).contiguous(), scale_factor=ratio)

    def visual_embeddings(self, features: Tensor) -> Tensor:
        return self.model.model.multi_modal_projector(features)

    def positions(self, length: int, start: int, grid: tuple[int, int]) -> Tensor:
        return torch.arange(length)
