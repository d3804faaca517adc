"""Random checkpoints of the real classes, saved as the hub has them, small enough to run in milliseconds."""

import json
from pathlib import Path
from typing import Any

import torch
import transformers as hf
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
    Qwen2Config,
    Qwen2VLImageProcessor,
    SiglipVisionConfig,
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
CHATML = (
    "{% for m in messages %}<|im_start|>user {% for c in m['content'] %}{% if c['type'] == 'image' %}IMAGE "
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant {% endif %}"
)
INTERNVL_TEMPLATE = CHATML.replace("IMAGE", "<IMG_CONTEXT>")
INTERLEAVE_TEMPLATE = CHATML.replace("IMAGE", "<image>")
TOKENS = {"pad_token_id": 1, "bos_token_id": 2, "eos_token_id": 3}
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
    tower = {
        "hidden_size": 32, "intermediate_size": 64, "out_hidden_size": 48, "patch_size": 14, "window_size": 56,
        "fullatt_block_indexes": [1], "tokens_per_second": 2, **vision,
    }  # fmt: skip
    rope = {"type": "mrope", "rope_type": "default", "mrope_section": [2, 3, 3]}
    config = _qwen(tok, Qwen2_5_VLConfig, layers, tower, rope_scaling=rope)
    model = Qwen2_5_VLForConditionalGeneration(config).to(dtype)
    _save(model, tok, folder)
    Qwen2VLImageProcessor(min_pixels=28 * 28, max_pixels=28 * 28 * 64).save_pretrained(folder)
    return folder


def _qwen(tok: PreTrainedTokenizerFast, config: type[PretrainedConfig], layers: int, tower: dict, **text: Any) -> Any:
    """The configuration of a Qwen model: a tower of 3 blocks, a decoder with 3 heads."""
    ids = {name: tok.convert_tokens_to_ids(name) for name in QWEN_SPECIAL}
    return config(
        vision_config={"depth": 3, "num_heads": 4, "spatial_merge_size": 2, "temporal_patch_size": 2, **tower},
        text_config=dict(
            vocab_size=len(tok), hidden_size=48, intermediate_size=96, num_hidden_layers=layers, num_attention_heads=3,
            num_key_value_heads=1, initializer_range=0.3, max_position_embeddings=512, **text,
        ),
        image_token_id=ids["<|image_pad|>"], video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"], vision_end_token_id=ids["<|vision_end|>"],
    )  # fmt: skip


def write_qwen2(folder: Path, layers: int = 6, seed: int = 0, dtype: torch.dtype = torch.float32) -> Path:
    """Qwen2VLForConditionalGeneration: as Qwen2.5-VL, without window attention."""
    torch.manual_seed(seed)
    tok = tokenizer(QWEN_SPECIAL, QWEN_TEMPLATE, None, "<|im_end|>")
    tower = dict(embed_dim=32, mlp_ratio=2, hidden_size=48, patch_size=14)
    rope = {"type": "mrope", "rope_type": "default", "mrope_section": [2, 3, 3]}
    config = _qwen(tok, hf.Qwen2VLConfig, layers, tower, rope_scaling=rope)
    _save(hf.Qwen2VLForConditionalGeneration(config).to(dtype), tok, folder)
    Qwen2VLImageProcessor(min_pixels=28 * 28, max_pixels=28 * 28 * 64).save_pretrained(folder)
    return folder


def write_qwen3(folder: Path, layers: int = 6, seed: int = 0, dtype: torch.dtype = torch.float32) -> Path:
    """Qwen3VLForConditionalGeneration: norms of queries and keys, interleaved M-RoPE, two layers of DeepStack.

    Heads are wider than width / heads; the image processor is named and bounded as the hub's files do it.
    """
    torch.manual_seed(seed)
    tok = tokenizer(QWEN_SPECIAL, QWEN_TEMPLATE, None, "<|im_end|>")
    tower = dict(
        hidden_size=32, intermediate_size=64, out_hidden_size=48, patch_size=16, num_position_embeddings=36,
        deepstack_visual_indexes=[0, 1], initializer_range=0.3,
    )  # fmt: skip
    rope = {"mrope_interleaved": True, "rope_type": "default", "mrope_section": [4, 3, 3]}
    config = _qwen(tok, hf.Qwen3VLConfig, layers, tower, rope_scaling=rope, head_dim=20)
    _save(hf.Qwen3VLForConditionalGeneration(config).to(dtype), tok, folder)
    processor = Qwen2VLImageProcessor(patch_size=16, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    _name_processor(
        processor, folder, "Qwen2VLImageProcessorFast", {"shortest_edge": 32 * 32, "longest_edge": 32 * 32 * 64}
    )
    return folder


def write_internvl(
    folder: Path,
    layers: int = 6,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    decoder: type[PretrainedConfig] = Qwen2Config,
) -> Path:
    """InternVLForConditionalGeneration: tiles of 10 × 10 patches, 5 × 5 tokens; its processor cuts tiles."""
    torch.manual_seed(seed)
    names = {"start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>"}
    special = ["<|im_start|>", "<|im_end|>", *names.values(), "<video>"]
    tok = tokenizer(special, INTERNVL_TEMPLATE, None, "<|im_end|>")
    config = hf.InternVLConfig(
        vision_config=dict(
            hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4, image_size=[80, 80],
            patch_size=[8, 8], attention_bias=True, initializer_range=0.3, layer_scale_init_value=1.0,
        ),
        text_config=decoder(
            vocab_size=len(tok), hidden_size=48, intermediate_size=96, num_hidden_layers=layers, num_attention_heads=6,
            num_key_value_heads=2, initializer_range=0.3, max_position_embeddings=512, **TOKENS,
        ),
        image_token_id=tok.convert_tokens_to_ids("<IMG_CONTEXT>"), image_seq_length=25, tie_word_embeddings=False,
    )  # fmt: skip
    _save(hf.InternVLForConditionalGeneration(config).to(dtype), tok, folder)
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"extra_special_tokens": names}))
    processor = hf.GotOcr2ImageProcessor(crop_to_patches=True, min_patches=1, max_patches=4)
    _name_processor(processor, folder, "GotOcr2ImageProcessorFast", {"height": 80, "width": 80})
    return folder


def write_interleave(folder: Path, layers: int = 4, seed: int = 0) -> Path:
    """LlavaForConditionalGeneration as llava-interleave-qwen-0.5b-hf: a SigLIP tower of 384 pixels in patches of 14.

    27 × 27 tokens, 6 pixels of each side left over; all patches are taken, from the last layer; no class token.
    """
    torch.manual_seed(seed)
    tok = tokenizer(["<|im_start|>", "<|im_end|>", "<image>"], INTERLEAVE_TEMPLATE, None, "<|im_end|>")
    config = LlavaConfig(
        vision_config=SiglipVisionConfig(
            hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=384,
            patch_size=14, vision_use_head=False,
        ),
        text_config=Qwen2Config(
            vocab_size=len(tok), hidden_size=32, intermediate_size=64, num_hidden_layers=layers, num_attention_heads=4,
            num_key_value_heads=4, initializer_range=0.3, max_position_embeddings=2048, **TOKENS,
        ),
        image_token_id=tok.convert_tokens_to_ids("<image>"), image_seq_length=729, vision_feature_layer=-1,
        vision_feature_select_strategy="full",
    )  # fmt: skip
    _save(LlavaForConditionalGeneration(config), tok, folder)
    processor = hf.SiglipImageProcessor(size={"height": 384, "width": 384}, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    processor.save_pretrained(folder)
    return folder


def _name_processor(processor: Any, folder: Path, name: str, size: dict[str, int]) -> None:
    """Save an image processor under the class name and with the size that the hub's file has."""
    processor.save_pretrained(folder)
    file = folder / "preprocessor_config.json"
    settings = json.loads(file.read_text())
    for key in ("min_pixels", "max_pixels"):
        settings.pop(key, None)
    file.write_text(json.dumps(settings | {"image_processor_type": name, "size": size}))


WRITERS = {
    "llava": write_llava,
    "qwen2_vl": write_qwen2,
    "qwen2_5_vl": write_qwen,
    "qwen3_vl": write_qwen3,
    "internvl": write_internvl,
}
"""transformers' model_type → what writes a random checkpoint of it."""


def _save(model: torch.nn.Module, tok: PreTrainedTokenizerFast, folder: Path) -> None:
    with torch.no_grad():  # biases and norms start at 0 and 1: random ones let a forgotten bias show
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.add_(0.2 * torch.randn_like(parameter))
            elif "embed" in name or "lm_head" in name:
                parameter.mul_(1.5)
        # An answer that holds an image token would count as an image where answers are fed back as ids.
        for name in ("image_token_id", "video_token_id", "vision_start_token_id"):
            if (token := getattr(model.config, name, None)) is not None:
                model.lm_head.weight[token] = 0
    model.generation_config.eos_token_id = tok.eos_token_id
    model.generation_config.pad_token_id = tok.pad_token_id
    model.save_pretrained(folder, safe_serialization=True)
    tok.save_pretrained(folder)


def image_in_prompt(model: Any) -> str:
    """The image as the model's prompts write it: transformers 4.57 finds Qwen's images by the token before."""
    token = model.image_token
    return f"<|vision_start|>{token}<|vision_end|>" if "qwen" in model.model_type else token
