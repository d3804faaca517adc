"""Countries: the sign decides the answer, and a held-out country is asked in validation alone."""

from infohorizon.mini.rendered import countries as world
from infohorizon.mini.rendered import questions as q
from infohorizon.mini.rendered.lessons import adapter_questions
from infohorizon.mini.rendered.scenes import generator, sample_scene


def test_every_country_has_facts_to_choose_between() -> None:
    assert all(len(facts) >= 2 for facts in world.WORLD.values())
    assert set(world.HELD_OUT) < set(world.WORLD) and len(world.WORLD) == 33
    for attribute in world.ATTRIBUTES:
        for split in ("train", "validation", "test"):
            assert len(world.countries_with(attribute, split)) >= 4


def test_the_sign_says_which_fact_is_meant_and_validation_asks_held_out_countries() -> None:
    answers = set()
    for split in ("train", "validation", "test"):
        for index in range(60):
            rng = generator(4, split, index)
            scene = sample_scene(rng, split)
            asked = q.countries(rng, scene, split, 2)
            names = [question.text.removeprefix("the sign asks about ").rstrip(":") for question in asked]
            assert len(set(names)) == 2
            for name, question in zip(names, asked, strict=True):
                assert question.answer == world.WORLD[name][world.ATTRIBUTE_OF[scene.sign.kind]]
                assert (name in world.HELD_OUT) == (split == "validation")
                answers.add((name, question.answer))
            named = [question.text for question in adapter_questions(rng, scene, split) if "country" in question.family]
            assert len(named) == 2
            assert any(name in text for text in named for name in world.HELD_OUT) == (split == "validation")
    assert len(answers) > len({name for name, _ in answers})  # one country, several signs, several answers


def test_a_letter_at_a_place_is_that_words() -> None:
    seen = 0
    for index in range(60):
        rng = generator(5, "train", index)
        scene = sample_scene(rng, "train")
        for question in q.read_letter_at(rng, scene):
            _, _, ordinal, *_, half = question.text.split()
            (word,) = [w for w in scene.words if (w.row < 4) == (half == "top")]
            assert question.answer == word.text[q.ORDINALS.index(ordinal)]
            seen += 1
    assert seen > 30
