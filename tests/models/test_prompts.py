"""What a model reads, benchmark by benchmark: literal prompts, and where the visual tokens are in them.

Neither Llama's nor Qwen's own tokenizer is here: positions are those of the random checkpoints' tokenizer, which makes
every character but white space a token. With Llama's, image tokens start at index 35; that number is not tested.
"""

import json

import pytest
import torch
from tokenizers.processors import TemplateProcessing

from benchmarks.conftest import own_cache  # noqa: F401
from benchmarks.fixtures import WRITERS
from benchmarks.test_golden_scores import FOLDER
from infohorizon import benchmarks
from infohorizon.benchmarks.load import load
from infohorizon.errors import UserError

# conv_vicuna_v1 of haotian-liu/LLaVA, llava/conversation.py, up to and after the user's turn
VICUNA = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, "
    "and polite answers to the user's questions. USER: <image>\n",
    " ASSISTANT:",
)
# Qwen2.5-VL-7B-Instruct's chat template; its branches for videos and numbered pictures are left out
QWEN_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}<|im_start|>system\n"
    "You are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n{% else %}"
    "{% for content in message['content'] %}{% if content['type'] == 'image' or 'image' in content or 'image_url' in "
    "content %}<|vision_start|><|image_pad|><|vision_end|>{% elif 'text' in content %}{{ content['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QWEN = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
    "<|vision_start|><|image_pad|><|vision_end|>",
    "<|im_end|>\n<|im_start|>assistant\n",
)
SHORT = "\nAnswer the question using a single word or phrase."
LETTER = "\nAnswer with the option's letter from the given choices directly."
FORMS = {"llava": ("llava", True), "qwen2_5_vl": ("lmms-eval", False)}  # as the protocol `paper` asks
QUESTIONS = {  # of the first row that fixtures.py writes, in lmms-eval's words
    "mme": f"Is there a block in this image?{SHORT}",
    "textvqa": f"What does the sign say?{SHORT}",
    "scienceqa": f"Which colour is the largest block?\nA. red\nB. green{LETTER}",
    "pope": f"Is there a block in the image?{SHORT}",
    "mmbench": f"Which colour is in the corner? There are several options:\nA. red\nB. green\nC. blue\n{LETTER}",
    "ocrbench": "what is written in the image?",
    "gqa": f"Is it overcast?{SHORT}",
    "docvqa": f"What is the date on the letter?{SHORT}",
    "chartqa": "How many bars are red?\nAnswer the question with a single word.",
    "vqa": f"What is this?{SHORT}",
}
LLAVA_QUESTIONS = QUESTIONS | {  # in LLaVA's, where they differ
    "textvqa": f"What does the sign say?\nReference OCR token: STOP, No. 5{SHORT}",
    "mmbench": f"Which colour is in the corner?\nA. red\nB. green\nC. blue{LETTER}",
    "ocrbench": f"what is written in the image?{SHORT}",
    "chartqa": f"How many bars are red?{SHORT}",
}


@pytest.fixture(scope="module")
def first_rows(tmp_path_factory, own_cache):  # noqa: F811
    folder = tmp_path_factory.mktemp("data")
    return {name: load(name, write(folder / name)).questions.to_pylist()[0] for name, write in WRITERS.items()}


@pytest.fixture
def model(case, monkeypatch):
    """The case's model, prompted as its big sibling."""
    if case.model.model_type == "llava":
        monkeypatch.setitem(case.model.settings, "prompt", "vicuna_v1")
    else:
        monkeypatch.setattr(case.model.tokenizer, "chat_template", QWEN_TEMPLATE)
    return case.model


@pytest.mark.parametrize("name", WRITERS)
def test_prompt_of_each_benchmark(name, model, case, first_rows):
    form, ocr_tokens = FORMS[model.model_type]
    question = benchmarks.create(name).prompt(first_rows[name], form, ocr_tokens and name == "textvqa")
    before, after = VICUNA if model.model_type == "llava" else QWEN
    assert question == (LLAVA_QUESTIONS if model.model_type == "llava" else QUESTIONS)[name]
    assert model.text(question) == before + question + after
    # one token a character; the special tokens before the image are one each
    start = len("".join(before.removesuffix("<image>\n").split())) if model.model_type == "llava" else None
    start = start if start is not None else len("<system" + "Youareahelpfulassistant." + "><user" + "<")
    prompt = model.prompt(question, case.encoded)
    assert (prompt.start, prompt.count) == (start, len(case.encoded.features))
    ids = model.token_ids(question)
    assert prompt.suffix == len(ids) - 1 - start
    assert prompt.embeddings.shape[0] == len(ids) - 1 + prompt.count
    visual = prompt.embeddings[start : start + prompt.count]
    assert torch.equal(visual, model.visual_embeddings(case.encoded.features))


WRAPPED = json.loads((FOLDER / "prompts.json").read_text())["wrapped"]


@pytest.mark.parametrize("number", range(len(WRAPPED)))
def test_golden_scores_of_wrapped_prompts(number, model):
    key = "llava_vicuna_v1" if model.model_type == "llava" else "lmms_eval_qwen2_5_vl"
    assert model.text(WRAPPED[number]["text"]) == WRAPPED[number][key]


def test_label_tokens_follow_the_prompt(model, case):
    plain = model.prompt("what?", case.encoded)
    forced = model.prompt("what?", case.encoded, forced=model.label_ids("Yes")[:-1])
    assert (forced.start, forced.count, forced.forced) == (plain.start, plain.count, 2)
    assert torch.equal(forced.embeddings[:-2], plain.embeddings)
    assert torch.equal(forced.embeddings[-2:], model.language_model.embed(torch.tensor(model.label_ids("Ye"))))


def test_one_beginning_of_sequence(case, monkeypatch):
    """A tokenizer that adds the token adds it once, also where the template writes it itself."""
    if case.model.model_type != "llava":
        pytest.skip("Qwen has no such token")
    tokenizer, bos = case.model.tokenizer, case.model.tokenizer.bos_token_id
    post = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", bos)])
    monkeypatch.setattr(tokenizer.backend_tokenizer, "post_processor", post)
    for prompt in ("{image} {question}", "<s>{image} {question}"):
        monkeypatch.setitem(case.model.settings, "prompt", prompt)
        assert case.model.token_ids("hi")[:2] == [bos, case.model.image_token_id]
        assert case.model.token_ids("hi").count(bos) == 1


def test_a_question_that_holds_the_image_token(case):
    with pytest.raises(UserError, match=r"must hold exactly one .* found 2 in"):
        case.model.token_ids(f"what is {case.model.image_token}?")


def test_a_question_with_braces_stays_as_it_is(case, monkeypatch):
    monkeypatch.setitem(case.model.settings, "prompt", "Q: {question} {image} A:")
    assert case.model.text("{image} {question} {x}") == f"Q: {{image}} {{question}} {{x}} {case.model.image_token} A:"


def test_a_model_without_a_chat_template(case, monkeypatch):
    monkeypatch.setattr(case.model.tokenizer, "chat_template", None)
    with pytest.raises(UserError, match="no chat template: set `prompt`"):
        case.model.text("hi")
