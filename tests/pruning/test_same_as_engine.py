"""Greedy tokens of a pruned generate are those of the engine's run of the same schedule, for every strategy."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from PIL import Image, ImageOps
from transformers import AutoModelForImageTextToText

from infohorizon import models, prune
from pruning.batches import Asking, kept_sets, schedules

ROOT = Path(__file__).resolve().parents[2]
SHAPES = ["what shape is red?", "what color is the ring?", "is there a blue circle?", "on which side is the ring?"]


def ids(numbers: Any) -> list[str]:
    return [str(number) for number in numbers]


def test_a_padded_batch_of_questions(any_asking: Asking, tmp_path: Path) -> None:
    """Every strategy in two schedules, two to five questions: more than 500 pairs in all."""
    asking = any_asking
    inputs, numbers = asking.inputs(), range(len(asking.questions))
    kept = kept_sets(tmp_path, [asking.model.tokens(image.size) for _, image in asking.questions])
    plans = schedules(asking.model, kept)
    assert len(plans) >= 26 and (inputs["attention_mask"] == 0).any()
    for plan in plans:
        with prune(asking.plain, plan) as pruned:
            pruned.question_ids = ids(numbers)
            output = asking.plain.generate(**inputs, max_new_tokens=6, do_sample=False)
        expected = [asking.engine(number, plan) for number in numbers]
        assert asking.answers(output, inputs) == expected, plan


def test_questions_one_by_one(asking: Asking, tmp_path: Path) -> None:
    """Nothing is padded, so that the attention gets no mask; answers differ from the unpruned one."""
    kept, changed = kept_sets(tmp_path, [asking.model.tokens(image.size) for _, image in asking.questions]), 0
    for turn, plan in enumerate(schedules(asking.model, kept)):
        number = turn % len(asking.questions)
        inputs = asking.inputs([number])
        with prune(asking.plain, plan) as pruned:
            pruned.question_ids = [str(number)]
            output = asking.plain.generate(**inputs, max_new_tokens=6, do_sample=False)
        assert asking.answers(output, inputs) == [asking.engine(number, plan)], plan
        whole = asking.plain.generate(**inputs, max_new_tokens=6, do_sample=False)
        changed += not torch.equal(output, whole)
    assert changed > 10


@pytest.mark.skipif(transformers.__version__ < "5", reason="the bundled models are saved by transformers 5")
@pytest.mark.parametrize("name", ["mini-llava", "mini-llava-weak"])
def test_the_bundled_models(name: str, tmp_path: Path) -> None:
    folder, picture = ROOT / "resources/models" / name, Image.open(ROOT / "docs/picture.png").convert("RGB")
    plain = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    images = [picture, ImageOps.mirror(picture), ImageOps.flip(picture), picture.rotate(90)]
    asking = Asking(models.load(str(folder)), plain, list(zip(SHAPES, images, strict=True)))
    inputs = asking.inputs()
    for plan in schedules(asking.model, kept_sets(tmp_path, [64] * len(images))):
        with prune(plain, plan) as pruned:
            pruned.question_ids = ids(range(len(images)))
            output = plain.generate(**inputs, max_new_tokens=6, do_sample=False)
        expected = [asking.engine(number, plan) for number in range(len(images))]
        assert asking.answers(output, inputs) == expected, plan
