"""A new Llava model around the pretrained tower, with a projector that starts from whitened features."""

import torch
from torch import nn
from transformers import CLIPVisionModel, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration
from transformers import PreTrainedTokenizerFast as Tokenizer

from infohorizon.mini.training.recipe import ModelRecipe
from infohorizon.mini.training.tower import FEATURE_LAYER

PROJECTED_RMS = 0.5


def new_model(recipe: ModelRecipe, tower: CLIPVisionModel, tokenizer: Tokenizer) -> LlavaForConditionalGeneration:
    """The decoder and projector are fresh, the tower is `tower` and frozen."""
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.width,
        intermediate_size=recipe.intermediate,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=1024,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    config = LlavaConfig(
        vision_config=tower.config,
        text_config=text,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=FEATURE_LAYER,
        vision_feature_select_strategy="default",
        image_seq_length=(tower.config.image_size // tower.config.patch_size) ** 2,
        tie_word_embeddings=False,
    )
    torch.manual_seed(recipe.seed)
    model = LlavaForConditionalGeneration(config)
    model.model.vision_tower.load_state_dict(tower.state_dict())
    model.model.vision_tower.requires_grad_(False)
    return model


@torch.autocast("cpu", enabled=False)
@torch.no_grad()
def tower_features(model: LlavaForConditionalGeneration, pixels: torch.Tensor) -> torch.Tensor:
    """What the projector reads: (batch, patches, tower width)."""
    return model.model.vision_tower(pixels, output_hidden_states=True).hidden_states[FEATURE_LAYER][:, 1:]


@torch.no_grad()
def start_projector(projector: nn.Module, features: torch.Tensor) -> None:
    """First layer: the whitened principal components of `features` (n, tower width), the largest first.

    Second layer: orthogonal, scaled so that projected features have a root mean square of PROJECTED_RMS. A
    random start would hide the many small directions that tell glyphs apart behind the few large ones.
    """
    directions, offsets = whitening(features)
    size = projector.linear_1.out_features
    chosen = directions[:size]
    projector.linear_1.weight[: len(chosen)] = chosen
    projector.linear_1.bias[: len(chosen)] = offsets[:size]
    nn.init.orthogonal_(projector.linear_2.weight)
    projector.linear_2.bias.zero_()
    projector.linear_2.weight *= PROJECTED_RMS / projector(features).pow(2).mean().sqrt()


def whitening(features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows W and offsets b, the largest component first, so that W x + b of the features (n, width) is white."""
    mean = features.mean(0)
    variance, directions = torch.linalg.eigh(torch.cov((features - mean).T))  # ascending
    rows = directions.flip(1).T / variance.flip(0).clamp(min=1e-6).sqrt()[:, None]
    return rows, -rows @ mean
