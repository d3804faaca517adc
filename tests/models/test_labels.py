"""Labels as the model would write them: tokenised as the continuation of its prompt."""

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from infohorizon.errors import UserError

TEXTS = ["USER: is it? ASSISTANT: Yes No Paris yes", "what is it? Yes\nNo\n Paris :Yes :No"] * 50


def byte_level():
    """As Qwen2's and Llama 3's: a space belongs to the word behind it, "ĠYes"."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<image>", "<s>", "</s>"]
    raw.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, special_tokens=special)
    )
    return raw


def prepended():
    """As Llama's: a space before every text and for every space a ▁."""
    raw = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    raw.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    raw.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    special = ["<unk>", "<image>", "<s>", "</s>"]
    raw.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=400, special_tokens=special))
    return raw


@pytest.fixture(params=[byte_level, prepended])
def model(request, case, monkeypatch):
    """The LLaVA case with another tokenizer."""
    if case.model.model_type != "llava":
        pytest.skip("one architecture is enough: the tokenizer decides")
    fast = PreTrainedTokenizerFast(tokenizer_object=request.param(), additional_special_tokens=["<image>"])
    monkeypatch.setattr(case.model, "tokenizer", fast)
    monkeypatch.setattr(
        type(case.model), "image_token_id", property(lambda self: fast.convert_tokens_to_ids("<image>"))
    )
    return case.model


@pytest.mark.parametrize("label", ["Yes", "No", "Paris", " Yes\n"])
def test_behind_a_colon_the_label_begins_with_a_space(model, monkeypatch, label):
    monkeypatch.setitem(model.settings, "prompt", "USER: {image}{question} ASSISTANT:")
    tokens = model.tokenizer.convert_ids_to_tokens(model.label_ids(label, "is it?"))
    assert tokens[0] in (f"Ġ{label.strip()}", f"▁{label.strip()}")


def test_behind_a_line_break_it_does_not(model, monkeypatch):
    monkeypatch.setitem(model.settings, "prompt", "{image}{question}\n")
    tokens = model.tokenizer.convert_ids_to_tokens(model.label_ids("Yes", "what is it?"))
    assert "".join(tokens) == "Yes"


def test_a_label_that_changes_the_prompts_tokens_is_refused(model, monkeypatch):
    monkeypatch.setitem(model.settings, "prompt", "{image}{question}")
    monkeypatch.setattr(model, "text", lambda question: f"<image>{question}")
    monkeypatch.setattr(type(model), "token_ids", lambda self, question, answer="": [1, 2 + len(answer)])
    with pytest.raises(UserError, match="label 'es' changes the prompt's tokens before it"):
        model.label_ids("es", "Y")


def test_a_label_without_tokens_is_refused(model, monkeypatch):
    monkeypatch.setitem(model.settings, "prompt", "{image}{question}\n")
    with pytest.raises(UserError, match="label '' has no tokens"):
        model.label_ids("", "is it?")
