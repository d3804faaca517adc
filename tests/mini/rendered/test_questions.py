"""Question families: answers that the scene supports, and none that can be had without looking."""

from collections import Counter

import numpy as np
import pytest

from infohorizon.mini.rendered import questions as q
from infohorizon.mini.rendered.facts import ATTRIBUTE_OF, ATTRIBUTES, FACTS, VALUES
from infohorizon.mini.rendered.lessons import training_questions
from infohorizon.mini.rendered.scenes import CHARACTERS, generator, sample_scene, split_of
from infohorizon.mini.training.processor import new_tokenizer


def scenes(count: int = 200) -> list:
    rngs = [generator(7, "train", index) for index in range(count)]
    return [(rng, sample_scene(rng, "train")) for rng in rngs]


def test_facts_are_balanced() -> None:
    for attribute in ATTRIBUTES:
        counts = Counter(facts[attribute] for facts in FACTS.values())
        assert set(counts) == set(VALUES[attribute]) and len(set(counts.values())) == 1


def test_place_is_asked_only_where_one_word_stands() -> None:
    for _, scene in scenes():
        for question in q.read_place(scene):
            half = question.text.removeprefix("read the word at the ")
            there = [word for word in scene.words if (word.row < 4) == (half == "top")]
            assert [word.text for word in there] == [question.answer]


@pytest.mark.parametrize("pair", q.PAIRS)
def test_pairs_hold_a_yes_and_a_no_that_the_scene_decides(pair) -> None:
    for rng, scene in scenes(60):
        yes, no = pair(rng, scene)
        assert (yes.answer, no.answer) == ("yes", "no") and yes.text != no.text
        kinds = {icon.kind: icon for icon in scene.icons}
        for question in (yes, no):
            *_, name, last = question.text.rstrip("?").split()
            match question.family:
                case "existence":
                    true = last in kinds
                case "is_color":
                    true = kinds[name].color == last
                case "is_side":
                    true = kinds[question.text.split()[2]].side == last
            assert true == (question.answer == "yes")


def test_knowledge_needs_the_fact_and_the_sign() -> None:
    for rng, scene in scenes():
        question = q.knowledge(rng, scene, "train")
        head, options = question.text.split(": ")
        name = head.split()[-1]
        options = dict(zip(options.split()[::2], options.split()[1::2], strict=True))
        meant = ATTRIBUTE_OF[scene.sign.kind]
        own = [letter for letter, value in options.items() if value in FACTS[name].values()]
        fitting = [letter for letter, value in options.items() if value in VALUES[meant]]
        assert len(own) == len(fitting) == 2
        assert {question.answer} == set(own) & set(fitting)


def test_letters_and_options_are_balanced_and_split() -> None:
    rng = np.random.default_rng(0)
    letters = Counter()
    for _ in range(800):
        name, options, letter = q.multiple_choice(rng, "test", "food")
        assert split_of(" ".join([name, *sorted(options)])) == "test"
        letters[letter] += 1
    assert min(letters.values()) > 150


def test_every_question_and_answer_is_in_the_vocabulary() -> None:
    tokenizer = new_tokenizer()
    for rng, scene in scenes(100):
        for question in training_questions(rng, scene, "train"):
            assert tokenizer.unk_token_id not in tokenizer.encode(f"{question.text} {question.answer}")


def test_words_to_read_are_one_token_a_character() -> None:
    tokenizer = new_tokenizer()
    tokens = tokenizer.encode(CHARACTERS, add_special_tokens=False)
    assert tokenizer.convert_ids_to_tokens(tokens) == list(CHARACTERS)
