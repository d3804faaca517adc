"""What one image is asked in training: questions of every family that a model is to learn."""

import numpy as np

from infohorizon.mini.rendered import questions as q
from infohorizon.mini.rendered.scenes import Scene, Split, pick, pick_one


def training_questions(
    rng: np.random.Generator, scene: Scene, split: Split, options: bool = True
) -> list[q.RenderedQuestion]:
    """About a dozen questions on one image, of every family but one of the two kinds of facts in simple scenes.

    options: whether to ask also for a named option.
    """
    words, icons = pick(rng, scene.words, 2), pick(rng, scene.icons, 2)
    questions = [q.read_color(word) for word in words] + [q.read_letter(rng, words[0])]
    if len(scene.words) == 1:
        questions.append(q.read_letter(rng, words[0]))
    questions += pick(rng, q.read_place(scene), 1)
    questions += [q.color(icons[0]), q.shape(icons[-1]), q.side(icons[-1])]
    questions += q.existence_pair(rng, scene)
    questions.append(pick_one(rng, pick_one(rng, q.PAIRS[1:])(rng, scene)))
    facts = [q.fact(rng), q.fact_choice(rng, split)]
    facts = [pick_one(rng, facts)] if len(scene.words) == 1 else facts
    questions += [q.knowledge(rng, scene, split), *facts]
    return [*questions, q.option(rng, split)] if options else questions


def finishing_questions(
    rng: np.random.Generator, scene: Scene, split: Split, sides: bool = True
) -> list[q.RenderedQuestion]:
    """The same and more of the families that are learned last; a family left out here would be forgotten.

    sides: whether to ask also for a pair on the side of a shape.
    """
    questions = [*training_questions(rng, scene, split), *q.color_pair(rng, scene), q.knowledge(rng, scene, split)]
    return [*questions, *q.side_pair(rng, scene)] if sides else questions


def adapter_questions(rng: np.random.Generator, scene: Scene, split: Split) -> list[q.RenderedQuestion]:
    """About fifteen questions on one image, for a language model that knows its language and some of the world.

    Words are asked for by place alone: those asked for by colour were not learned in the time available (0.4).
    """
    icons = pick(rng, scene.icons, 2)
    questions = [*q.read_place(scene), *q.read_letter_at(rng, scene)]
    questions += [q.color(icons[0]), q.shape(icons[-1]), q.side(icons[-1])]
    questions += q.existence_pair(rng, scene)
    questions += [pick_one(rng, pair(rng, scene)) for pair in q.PAIRS[1:]]
    questions += [q.knowledge(rng, scene, split), q.knowledge(rng, scene, split), q.fact(rng)]
    questions.append(pick_one(rng, [q.fact_choice(rng, split), q.option(rng, split)]))
    return [*questions, *q.countries(rng, scene, split, 1), q.country_fact(rng, split)]


def adapter_finishing_questions(rng: np.random.Generator, scene: Scene, split: Split) -> list[q.RenderedQuestion]:
    """As many, with more of the families that are learned last: whole pairs on colour and side, and knowledge."""
    icons = pick(rng, scene.icons, 2)
    questions = [*q.read_place(scene), q.color(icons[0]), q.shape(icons[-1]), q.side(icons[-1])]
    for pair in q.PAIRS:
        questions += pair(rng, scene)
    questions += [q.knowledge(rng, scene, split) for _ in range(3)]
    questions += [q.fact(rng), q.fact_choice(rng, split)]
    return [*questions, *q.countries(rng, scene, split, 1), q.country_fact(rng, split)]
