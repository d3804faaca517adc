"""One packed sequence of many questions against one ordinary sequence per question."""

import pytest
import torch
from PIL import Image
from transformers import LlavaForConditionalGeneration, LlavaProcessor

from infohorizon.mini.rendered.drawing import draw_scene
from infohorizon.mini.rendered.lessons import training_questions
from infohorizon.mini.rendered.questions import RenderedQuestion
from infohorizon.mini.rendered.scenes import generator, sample_scene
from infohorizon.mini.training.model import start_projector, tower_features
from infohorizon.mini.training.packing import Turn, answer_logits, exact_matches, pack
from infohorizon.mini.training.tower import normalized

PATCHES = 64


def scene(index: int) -> tuple:
    rng = generator(3, "train", index)
    sampled = sample_scene(rng, "train")
    return draw_scene(sampled, rng), training_questions(rng, sampled, "train")


@torch.no_grad()
def test_packed_logits_are_those_of_the_processor_and_the_model(
    model: LlavaForConditionalGeneration, processor: LlavaProcessor
) -> None:
    images, questions = zip(*(scene(index) for index in range(2)), strict=True)
    looking = [[question for question in row if question.look] for row in questions]
    packed = pack(looking, Turn(processor), PATCHES)
    logits = answer_logits(model, packed, tower_features(model, normalized(list(images))))
    row = 0
    for image, row_questions in zip(images, looking, strict=True):
        for question in row_questions:
            prompt = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question.text}]}]
            text = processor.apply_chat_template(prompt, add_generation_prompt=True) + " " + question.answer
            inputs = processor(images=Image.fromarray(image), text=text, return_tensors="pt")
            count = len(processor.tokenizer.encode(question.answer, add_special_tokens=False)) + 1
            expected = model(**inputs).logits[0, -count:]
            torch.testing.assert_close(logits[row : row + count], expected, atol=1e-5, rtol=1e-5)
            row += count
    assert row == len(logits)


@torch.no_grad()
def test_a_question_that_may_not_look_does_not_depend_on_the_image(
    model: LlavaForConditionalGeneration, processor: LlavaProcessor
) -> None:
    image, questions = scene(0)
    turn = Turn(processor)
    turn.after = turn.ids("the")  # as templates have it that write something between image and question
    packed = pack([[question._replace(look=False) for question in questions]], turn, PATCHES)
    features = tower_features(model, normalized([image]))
    torch.testing.assert_close(
        answer_logits(model, packed, features), answer_logits(model, packed, torch.randn_like(features))
    )


def test_an_answer_counts_only_if_all_of_it_is_right(processor: LlavaProcessor) -> None:
    questions = [
        [RenderedQuestion("a", "read the red word", "K7M"), RenderedQuestion("b", "is there a star?", "yes")],
        [RenderedQuestion("c", "a", "B")],
    ]
    packed = pack(questions, Turn(processor), PATCHES)
    logits = torch.nn.functional.one_hot(packed.targets[packed.targets != -100], len(processor.tokenizer)).float()
    assert [right for _, right in exact_matches(packed, logits)] == [True, True, True]
    logits[1] = logits[0]  # the second character
    assert [right for _, right in exact_matches(packed, logits)] == [False, True, True]
    logits[5] = 0  # where the second answer should stop
    logits[5, 0] = 1
    assert [right for _, right in exact_matches(packed, logits)] == [False, False, True]


@torch.no_grad()
def test_the_projector_starts_white(model: LlavaForConditionalGeneration) -> None:
    projector = model.model.multi_modal_projector
    features = torch.randn(500, projector.linear_1.in_features) @ torch.randn(projector.linear_1.in_features, 16)
    start_projector(projector, features)
    white = projector.linear_1(features)
    torch.testing.assert_close(torch.cov(white.T), torch.eye(16), atol=2e-2, rtol=0)
    assert projector(features).pow(2).mean().sqrt() == pytest.approx(0.5, rel=1e-4)
