"""A GGUF file as transformers has it, against its own numbers read and run by other code."""

from pathlib import Path

import numpy as np
import pytest
import tiny_gguf
import torch
from transformers import CLIPVisionModel

from infohorizon.errors import UserError
from infohorizon.mini.pretrained import language_model, llava
from infohorizon.mini.pretrained.language_model import LanguageModel
from infohorizon.mini.training.packing import Turn

IDS = [1, 40, 41, 40, 17, 99, 200, 7, 40, 41]


@torch.no_grad()
def test_without_an_image_the_logits_are_the_files_own(gguf: Path, read: LanguageModel, tower: CLIPVisionModel) -> None:
    whole = llava.new_llava(read, tower.config)(input_ids=torch.tensor([IDS])).logits[0]
    np.testing.assert_allclose(whole.numpy(), tiny_gguf.naive_logits(gguf, IDS), atol=2e-5, rtol=2e-5)


def test_characters_to_read_are_tokens_of_their_own_and_names_are_not(read: LanguageModel) -> None:
    tokenizer = llava.new_processor(read).tokenizer
    assert tokenizer.tokenize("A7K") == ["A", "7", "K"]
    assert tokenizer.tokenize("abc tA") == ["abc", "Ġt", "A"]
    assert tokenizer.decode(tokenizer.encode("<|im_start|>abc: A7K t\n")) == "<|im_start|>abc: A7K t\n"


def test_the_image_token_is_a_renamed_one(read: LanguageModel, tower: CLIPVisionModel) -> None:
    processor = llava.new_processor(read)
    model = llava.new_llava(read, tower.config)
    place = read.tokens.index("<jupyter_start>")
    assert processor.tokenizer.convert_tokens_to_ids("<image>") == processor.image_token_id == place
    assert model.config.image_token_id == place and len(processor.tokenizer) == len(read.tokens)
    turn = Turn(processor)
    assert processor.tokenizer.decode([*turn.head, turn.image, *turn.after, *turn.tail]) == (
        "<|im_start|>user\n<image>\n<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_damaged_file_and_another_layout_are_one_sentence(tmp_path: Path, gguf: Path) -> None:
    (tmp_path / "cut.gguf").write_bytes(gguf.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"cut.gguf is not a GGUF file, or is damaged"):
        language_model.read(tmp_path / "cut.gguf")
    tiny_gguf.write(tmp_path / "other.gguf", "falcon")
    with pytest.raises(UserError, match="holds a model of the layout 'falcon'"):
        language_model.read(tmp_path / "other.gguf")
