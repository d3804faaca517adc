"""Prompts and labels in the real tokenizers, and the check that a known model's tokenizer is the real one."""

import json

import pytest
from tokenizers import pre_tokenizers

import vocabularies
from benchmarks.test_golden_scores import FOLDER
from checkpoints import WRITERS, write_llava, write_qwen
from infohorizon import models
from infohorizon.errors import UserError
from infohorizon.models.base import VICUNA_V1
from infohorizon.models.known_ids import KNOWN, QUESTION, check
from models.test_prompts import QWEN_TEMPLATE

TOKENS = json.loads((FOLDER / "tokens.json").read_text())
# Every prompt, and every answer behind the last word of one.
TEXTS = [prompt["llama"]["text"] for prompt in TOKENS["prompts"]]
TEXTS += [VICUNA_V1.replace("{image}", "<image>").replace("{question}", QUESTION)]
TEXTS += [f"ASSISTANT: {answer['text']}" for answer in TOKENS["answers"]]
FAMILIES = {
    "llama": (write_llava, lambda: vocabularies.llama(TEXTS), 32000),
    "qwen2_5": (write_qwen, vocabularies.qwen2, 151655),
}
SOURCES = {"llama": "llava-hf/llava-1.5-7b-hf", "qwen2_5": "Qwen/Qwen2.5-VL-7B-Instruct"}

# The hub's templates for one user turn with an image and a text.
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% for content in message['content'] %}"
    "{% if content['type'] == 'image' %}IMAGE{% else %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
OTHERS = {  # source → architecture, the image's placeholder, what is special beside Qwen2's tokens, the image token
    "Qwen/Qwen2-VL-2B-Instruct": ("qwen2_vl", None, {}, 151655),
    "Qwen/Qwen3-VL-8B-Instruct": ("qwen3_vl", "<|vision_start|><|image_pad|><|vision_end|>", {}, 151655),
    "OpenGVLab/InternVL3-1B-hf": (
        "internvl",
        "<IMG_CONTEXT>\n",
        {"<img>": 151665, "</img>": 151666, "<IMG_CONTEXT>": 151667},
        151667,
    ),
}


@pytest.mark.parametrize("source", OTHERS)
def test_prompts_of_the_other_families_in_qwens_tokenizer(source, tmp_path):
    """The known ids are what Qwen2's vocabulary makes of each family's own prompt; without a token they are not."""
    kind, image, special, token = OTHERS[source]
    model = models.load(str(WRITERS[kind](tmp_path)), {})
    model.tokenizer, model.model.config.image_token_id = vocabularies.qwen2(special), token
    model.tokenizer.chat_template = CHATML.replace("IMAGE", image) if image else QWEN_TEMPLATE
    check(source, model)
    model.tokenizer.chat_template = model.tokenizer.chat_template.replace("assistant\n", "assistant")
    with pytest.raises(UserError, match="its tokenizer is not the real one: token"):
        check(source, model)


@pytest.fixture(scope="module", params=FAMILIES)
def real(request, tmp_path_factory):
    """A random checkpoint of each family with the real tokenizer, prompted as its big sibling."""
    write, tokenizer, image = FAMILIES[request.param]
    model = models.load(str(write(tmp_path_factory.mktemp(request.param))), {})
    model.tokenizer, model.model.config.image_token_id = tokenizer(), image
    model.tokenizer.chat_template = QWEN_TEMPLATE
    model.settings["prompt"] = KNOWN[SOURCES[request.param]].prompt
    return request.param, model


def test_golden_scores_of_prompt_ids(real):
    family, model = real
    for prompt in TOKENS["prompts"]:
        golden = prompt[family]
        ids = [model.image_token_id if token == -200 else token for token in golden["ids"]]
        assert model.text(prompt["question"]) == golden["text"]
        assert model.token_ids(prompt["question"]) == ids
        assert ids.index(model.image_token_id) == golden["image_at"] == (35 if family == "llama" else 15)


def test_golden_scores_of_label_ids(real):
    family, model = real
    answers = [answer for answer in TOKENS["answers"] if answer["text"] == answer["text"].strip()]
    assert len(answers) > 50
    for answer in answers:
        assert model.label_ids(answer["text"], QUESTION) == answer[family], answer["text"]


def test_a_known_model_with_its_own_tokenizer_passes_and_an_unknown_one_is_not_asked(real):
    family, model = real
    check(SOURCES[family], model)
    check("someone/else", model)


def test_another_pre_tokenizer_is_found_out(tmp_path):
    model = models.load(str(write_llava(tmp_path)), {"prompt": "vicuna_v1"})
    model.tokenizer, model.model.config.image_token_id = vocabularies.llama(TEXTS), 32000
    raw = model.tokenizer.backend_tokenizer
    raw.normalizer, raw.pre_tokenizer = None, pre_tokenizers.Metaspace("▁", prepend_scheme="first", split=False)
    with pytest.raises(UserError, match=r"its tokenizer is not the real one: token 3\d of a known prompt is"):
        check("llava-hf/llava-1.5-7b-hf", model)
