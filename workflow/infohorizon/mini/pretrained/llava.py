"""A LlavaForConditionalGeneration around a pretrained language model: the mini models' tower, a projector, a decoder.

Nothing of the language model is resized: a control token that it does not use, renamed, is the image token. Without an
image the whole is the language model.
"""

import torch
from transformers import (
    CLIPVisionConfig,
    GenerationConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from infohorizon.mini.pretrained.language_model import LanguageModel, new_tokenizer
from infohorizon.mini.rendered.scenes import PATCH
from infohorizon.mini.training.processor import new_image_processor
from infohorizon.mini.training.tower import FEATURE_LAYER

IMAGE = "<image>"
UNUSED = "<jupyter_start>"
BEGIN, END, PAD = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
# The language model's own template without its system turn, with a place for the image.
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] if part['type'] == 'image' %}{{ '<image>\n' }}{% endfor %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }}{% endfor %}{% endif %}"
    "{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# A capital or digit that no small letter follows: the characters of a word to read are tokens of their own.
CHARACTER = " ?[A-Z0-9](?![a-z])"


def new_processor(read: LanguageModel) -> LlavaProcessor:
    """The mini models' images, and the language model's tokenizer."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=new_tokenizer(read, {UNUSED: IMAGE}, CHARACTER),
        bos_token=BEGIN,
        eos_token=END,
        pad_token=PAD,
        unk_token=PAD,
        extra_special_tokens={"image_token": IMAGE},
        padding_side="left",
        model_max_length=read.config.max_position_embeddings,
        clean_up_tokenization_spaces=False,
    )
    return LlavaProcessor(
        image_processor=new_image_processor(),
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,  # the class token of the tower
        chat_template=CHAT_TEMPLATE,
    )


def new_llava(read: LanguageModel, vision: CLIPVisionConfig, pretrained: bool = True) -> LlavaForConditionalGeneration:
    """The language model as it is, in float32, behind a tower and a projector that are fresh.

    pretrained: False for the same language model with random weights, as transformers initialises them.
    """
    config = LlavaConfig(
        vision_config=vision,
        text_config=read.config,
        image_token_id=read.tokens.index(UNUSED),
        vision_feature_layer=FEATURE_LAYER,
        vision_feature_select_strategy="default",
        image_seq_length=(vision.image_size // vision.patch_size) ** 2,
        tie_word_embeddings=True,
    )
    model = LlavaForConditionalGeneration(config).eval()
    if pretrained:
        model.model.language_model.load_state_dict(read.weights)
    model.tie_weights()
    model.generation_config = GenerationConfig(
        bos_token_id=read.config.bos_token_id,
        eos_token_id=read.config.eos_token_id,
        pad_token_id=read.config.pad_token_id,
    )
    return model


def half_precision_decoder(model: LlavaForConditionalGeneration) -> None:
    """Put the decoder, and it alone, into bfloat16: what is trained beside it stays in float32."""
    model.model.language_model.to(torch.bfloat16)
    model.lm_head.weight = model.model.language_model.embed_tokens.weight
