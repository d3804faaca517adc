"""Random checkpoints of the real classes, saved as the hub has them, small enough to run in milliseconds."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PretrainedConfig,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLImageProcessor,
)

WORDS = [chr(code) for code in range(33, 127)]
LLAVA_TEMPLATE = (
    "{% for m in messages %}{% for c in m['content'] %}{% if c['type'] == 'image' %}USER : <image> "
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}{% endfor %} ASSISTANT :"
)
QWEN_TEMPLATE = (
    "<|im_start|>system You are helpful<|im_end|>{% for m in messages %}<|im_start|>user{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant {% endif %}"
)
QWEN_SPECIAL = ["<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]


def tokenizer(special: list[str], template: str, bos: str | None, eos: str) -> PreTrainedTokenizerFast:
    """Character-level tokenizer over printable ASCII."""
    vocabulary = {token: i for i, token in enumerate(["<unk>", "<pad>", "<s>", "</s>", *special, *WORDS])}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split("", "isolated")]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=raw, unk_token="<unk>", pad_token="<pad>", bos_token=bos, eos_token=eos,
        additional_special_tokens=special,
    )  # fmt: skip
    fast.chat_template = template
    return fast


def write_llava(
    folder: Path,
    grid: int = 5,
    layers: int = 6,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    decoder: type[PretrainedConfig] = LlamaConfig,
    **settings: Any,
) -> Path:
    """LlavaForConditionalGeneration with grouped-query attention; grid × grid visual tokens.

    Args:
        decoder, settings: the class of the decoder's configuration, and what it says beyond sizes.
    """
    torch.manual_seed(seed)
    size = grid * 8
    tok = tokenizer(["<image>"], LLAVA_TEMPLATE, "<s>", "</s>")
    tok.bos_token = "<s>"
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4, image_size=size,
            patch_size=8, projection_dim=32,
        ),
        text_config=decoder(**{
            "vocab_size": len(tok), "hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": layers,
            "num_attention_heads": 6, "num_key_value_heads": 2, "initializer_range": 0.3,
            "max_position_embeddings": 512, **settings,
        }),
        image_token_id=tok.convert_tokens_to_ids("<image>"), image_seq_length=grid * grid,
    )  # fmt: skip
    model = LlavaForConditionalGeneration(config).to(dtype)
    _save(model, tok, folder)
    CLIPImageProcessor(
        size={"height": size, "width": size}, crop_size={"height": size, "width": size}, do_center_crop=False
    ).save_pretrained(folder)
    return folder


def write_qwen(folder: Path, layers: int = 6, seed: int = 0, dtype: torch.dtype = torch.float32, **vision: Any) -> Path:
    """Qwen2_5_VLForConditionalGeneration: M-RoPE, grouped-query attention, biases, window attention in the tower.

    Args:
        vision: settings of the vision tower other than these.
    """
    torch.manual_seed(seed)
    tok = tokenizer(QWEN_SPECIAL, QWEN_TEMPLATE, None, "<|im_end|>")
    ids = {name: tok.convert_tokens_to_ids(name) for name in QWEN_SPECIAL}
    config = Qwen2_5_VLConfig(
        vision_config={
            "depth": 3, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4, "out_hidden_size": 48,
            "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2, "window_size": 56,
            "fullatt_block_indexes": [1], "tokens_per_second": 2, **vision,
        },
        text_config=dict(
            vocab_size=len(tok), hidden_size=48, intermediate_size=96, num_hidden_layers=layers, num_attention_heads=3,
            num_key_value_heads=1, initializer_range=0.3, max_position_embeddings=512,
            rope_scaling={"type": "mrope", "rope_type": "default", "mrope_section": [2, 3, 3]},
        ),
        image_token_id=ids["<|image_pad|>"], video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"], vision_end_token_id=ids["<|vision_end|>"],
    )  # fmt: skip
    model = Qwen2_5_VLForConditionalGeneration(config).to(dtype)
    _save(model, tok, folder)
    Qwen2VLImageProcessor(min_pixels=28 * 28, max_pixels=28 * 28 * 64).save_pretrained(folder)
    return folder


def _save(model: torch.nn.Module, tok: PreTrainedTokenizerFast, folder: Path) -> None:
    with torch.no_grad():  # biases and norms start at 0 and 1: random ones let a forgotten bias show
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.add_(0.2 * torch.randn_like(parameter))
            elif "embed" in name or "lm_head" in name:
                parameter.mul_(1.5)
        # An answer that holds an image token would count as an image where answers are fed back as ids.
        model.lm_head.weight[model.config.image_token_id] = 0
    model.generation_config.eos_token_id = tok.eos_token_id
    model.generation_config.pad_token_id = tok.pad_token_id
    model.save_pretrained(folder, safe_serialization=True)
    tok.save_pretrained(folder)


def image_in_prompt(model: Any) -> str:
    """The image as the model's prompts write it: transformers 4.57 finds Qwen2.5-VL's images by the token before."""
    token = model.image_token
    return f"<|vision_start|>{token}<|vision_end|>" if model.model_type == "qwen2_5_vl" else token
