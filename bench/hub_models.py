"""Three models as their folders on the hub describe them: config.json, names of weights, shards, processors, prompts.

What changes nothing here is left out. Sizes are those of the catalogue (tests/bench/test_rehearsal.py compares them).
"""

from typing import Any, NamedTuple

CLIP_COLOURS = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
RESIZING = {"do_convert_rgb": True, "do_normalize": True, "do_rescale": True, "do_resize": True, "resample": 3}
# transformers' names of weights → the hub's, which are those of the versions that wrote the files.
LLAVA_NAMES = (
    (r"^model\.language_model\.", "language_model.model."),
    (r"^lm_head\.", "language_model.lm_head."),
    (r"^model\.vision_tower\.(vision_model\.)?", "vision_tower.vision_model."),
    (r"^model\.multi_modal_projector\.", "multi_modal_projector."),
)
QWEN_NAMES = ((r"^model\.language_model\.", "model."), (r"^model\.visual\.", "visual."))
QWEN_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}<|im_start|>system\n"
    "You are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{ message['role'] }}\n"
    "{% for content in message['content'] %}{% if content['type'] == 'image' %}<|vision_start|><|image_pad|>"
    "<|vision_end|>{% else %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
INTERLEAVE_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }} "
    "{% for content in message['content'] if content['type'] == 'image' %}<image>\n{% endfor %}"
    "{% for content in message['content'] if content['type'] == 'text' %}{{ content['text'] }}{% endfor %}<|im_end|>"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class HubModel(NamedTuple):
    """What the files of a model's folder say, beside the weights themselves.

    Attributes:
        config, generation, processor: of config.json, generation_config.json and preprocessor_config.json.
        names: regular expressions and what takes their place, from transformers' names of weights to the hub's.
        shard: bytes of a weights file at most.
        vocabulary: whose tokenizer, `llama` or `qwen2`; special: its tokens beside those, with their ids.
        template: the chat template.
    """

    config: dict[str, Any]
    generation: dict[str, Any]
    processor: dict[str, Any]
    names: tuple[tuple[str, str], ...]
    shard: float
    vocabulary: str
    special: dict[str, int]
    template: str | None


LLAVA = HubModel(
    config={
        "architectures": ["LlavaForConditionalGeneration"],
        "image_token_index": 32000,
        "model_type": "llava",
        "pad_token_id": 32001,
        "projector_hidden_act": "gelu",
        "text_config": {
            "architectures": ["LlamaForCausalLM"], "max_position_embeddings": 4096, "model_type": "llama",
            "rms_norm_eps": 1e-05, "torch_dtype": "float16", "vocab_size": 32064,
        },
        "tie_word_embeddings": False,
        "torch_dtype": "float16",
        "vision_config": {
            "hidden_size": 1024, "image_size": 336, "intermediate_size": 4096, "model_type": "clip_vision_model",
            "num_attention_heads": 16, "num_hidden_layers": 24, "patch_size": 14, "projection_dim": 768,
            "vocab_size": 32000,
        },
        "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default",
    },
    generation={"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 32001},
    processor={
        "image_processor_type": "CLIPImageProcessor", "crop_size": {"height": 336, "width": 336},
        "do_center_crop": True, "size": {"shortest_edge": 336}, **RESIZING, **CLIP_COLOURS,
    },
    names=LLAVA_NAMES,
    shard=5e9,
    vocabulary="llama",
    special={},
    template=None,
)  # fmt: skip

INTERLEAVE = HubModel(
    config={
        "architectures": ["LlavaForConditionalGeneration"],
        "image_token_index": 151646,
        "model_type": "llava",
        "projector_hidden_act": "gelu",
        "text_config": {
            "architectures": ["Qwen2ForCausalLM"], "hidden_size": 1024, "intermediate_size": 2816,
            "max_position_embeddings": 32768, "model_type": "qwen2", "num_attention_heads": 16,
            "num_hidden_layers": 24, "num_key_value_heads": 16, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0,
            "tie_word_embeddings": True, "torch_dtype": "float16", "use_sliding_window": False, "vocab_size": 152000,
        },
        "tie_word_embeddings": True,
        "torch_dtype": "float16",
        "vision_config": {
            "hidden_size": 1152, "image_size": 384, "intermediate_size": 4304, "model_type": "siglip_vision_model",
            "num_attention_heads": 16, "num_hidden_layers": 26, "patch_size": 14, "vision_use_head": False,
        },
        "vision_feature_layer": -1,
        "vision_feature_select_strategy": "full",
    },
    generation={"bos_token_id": 151643, "eos_token_id": 151645},
    processor={
        "image_processor_type": "SiglipImageProcessor", "size": {"height": 384, "width": 384}, **RESIZING,
        "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
    },
    names=LLAVA_NAMES,
    shard=5e9,
    vocabulary="qwen2",
    special={"<image>": 151646},
    template=INTERLEAVE_TEMPLATE,
)  # fmt: skip

QWEN = HubModel(
    config={
        "architectures": ["Qwen2_5_VLForConditionalGeneration"],
        "attention_dropout": 0.0, "bos_token_id": 151643, "eos_token_id": 151645, "vision_start_token_id": 151652,
        "vision_end_token_id": 151653, "vision_token_id": 151654, "image_token_id": 151655, "video_token_id": 151656,
        "hidden_act": "silu", "hidden_size": 3584, "initializer_range": 0.02, "intermediate_size": 18944,
        "max_position_embeddings": 128000, "max_window_layers": 28, "model_type": "qwen2_5_vl",
        "num_attention_heads": 28, "num_hidden_layers": 28, "num_key_value_heads": 4, "rms_norm_eps": 1e-06,
        "rope_theta": 1000000.0, "sliding_window": 32768, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
        "use_cache": True, "use_sliding_window": False, "vocab_size": 152064,
        "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]},
        "vision_config": {
            "depth": 32, "hidden_act": "silu", "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16,
            "in_chans": 3, "out_hidden_size": 3584, "patch_size": 14, "spatial_merge_size": 2,
            "spatial_patch_size": 14, "window_size": 112, "fullatt_block_indexes": [7, 15, 23, 31],
            "tokens_per_second": 2, "temporal_patch_size": 2,
        },
    },
    generation={
        "bos_token_id": 151643, "pad_token_id": 151643, "eos_token_id": [151645, 151643], "do_sample": True,
        "repetition_penalty": 1.05, "temperature": 0.000001,
    },
    processor={
        "image_processor_type": "Qwen2VLImageProcessor", "min_pixels": 3136, "max_pixels": 12845056, "patch_size": 14,
        "temporal_patch_size": 2, "merge_size": 2, **CLIP_COLOURS,
    },
    names=QWEN_NAMES,
    shard=4e9,
    vocabulary="qwen2",
    special={},
    template=QWEN_TEMPLATE,
)  # fmt: skip

HUB_MODELS = {
    "llava-hf/llava-interleave-qwen-0.5b-hf": INTERLEAVE,
    "Qwen/Qwen2.5-VL-7B-Instruct": QWEN,
    "llava-hf/llava-1.5-7b-hf": LLAVA,
}
