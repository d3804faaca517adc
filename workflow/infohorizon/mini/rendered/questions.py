"""Question families: from a scene to questions with answers. Every family is one small function."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from infohorizon.mini.rendered import countries as world
from infohorizon.mini.rendered.facts import ATTRIBUTE_OF, ATTRIBUTES, FACTS, NAMES, VALUES
from infohorizon.mini.rendered.handwriting import label_of
from infohorizon.mini.rendered.scenes import COLORS, GRID, SHAPES, Icon, Scene, Split, Word, pick, pick_one, split_of

LETTERS = "ABCD"
ORDINALS = ("first", "second", "third")


class RenderedQuestion(NamedTuple):
    """One question about a scene.

    Attributes:
        family: what kind of question it is.
        text: the question as the model reads it.
        look: False where the model has to answer from text alone (training only).
    """

    family: str
    text: str
    answer: str
    look: bool = True


# ---- reading ------------------------------------------------------------------------------------


def read_color(word: Word) -> RenderedQuestion:
    return RenderedQuestion("reading", f"read the {word.color} word", word.text)


def lone_words(scene: Scene) -> dict[str, Word]:
    """The word of each half of the image that holds exactly one."""
    halves = {
        "top": [word for word in scene.words if word.row < GRID // 2],
        "bottom": [word for word in scene.words if word.row >= GRID // 2],
    }
    return {half: words[0] for half, words in halves.items() if len(words) == 1}


def read_place(scene: Scene) -> list[RenderedQuestion]:
    """One question for each half of the image that holds exactly one word."""
    words = lone_words(scene).items()
    return [RenderedQuestion("place", f"read the word at the {half}", word.text) for half, word in words]


def read_letter_at(rng: np.random.Generator, scene: Scene) -> list[RenderedQuestion]:
    """The same for one of the word's characters."""
    questions = []
    for half, word in lone_words(scene).items():
        i = int(rng.integers(len(word.text)))
        text = f"read the {ORDINALS[i]} letter of the word at the {half}"
        questions.append(RenderedQuestion("letter", text, word.text[i]))
    return questions


def read_letter(rng: np.random.Generator, word: Word) -> RenderedQuestion:
    place = int(rng.integers(len(word.text)))
    return RenderedQuestion("letter", f"read the {ORDINALS[place]} letter of the {word.color} word", word.text[place])


def digits(scene: Scene) -> list[RenderedQuestion]:
    """One question for each handwritten digit."""
    return [
        RenderedQuestion("digit", f"what digit is at the {digit.quarter}?", label_of(digit.sample))
        for digit in scene.digits
    ]


# ---- perception ---------------------------------------------------------------------------------


def color(icon: Icon) -> RenderedQuestion:
    return RenderedQuestion("color", f"what color is the {icon.kind}?", icon.color)


def shape(icon: Icon) -> RenderedQuestion:
    return RenderedQuestion("shape", f"what shape is {icon.color}?", icon.kind)


def side(icon: Icon) -> RenderedQuestion:
    return RenderedQuestion("side", f"which side is the {icon.kind} on?", icon.side)


def existence_pair(rng: np.random.Generator, scene: Scene) -> list[RenderedQuestion]:
    """A shape that is there and one that is not."""
    present = [icon.kind for icon in scene.icons]
    absent = [kind for kind in SHAPES if kind not in present]
    kinds = (pick_one(rng, present), pick_one(rng, absent))
    return _pair("existence", [f"is there a {kind}?" for kind in kinds])


def color_pair(rng: np.random.Generator, scene: Scene) -> list[RenderedQuestion]:
    """An icon's own colour, and another one, more often than not one that the scene does show."""
    icon = pick_one(rng, scene.icons)
    others = [name for name in COLORS if name != icon.color]
    shown = [thing.color for thing in (*scene.icons, *scene.words) if thing.color != icon.color]
    wrong = pick_one(rng, shown if shown and rng.random() < 0.6 else others)
    return _pair("is_color", [f"is the {icon.kind} {name}?" for name in (icon.color, wrong)])


def side_pair(rng: np.random.Generator, scene: Scene) -> list[RenderedQuestion]:
    """An icon's own side, and the other one."""
    icon = pick_one(rng, scene.icons)
    wrong = {"left": "right", "right": "left"}[icon.side]
    return _pair("is_side", [f"is the {icon.kind} on the {name}?" for name in (icon.side, wrong)])


def _pair(family: str, texts: list[str]) -> list[RenderedQuestion]:
    return [RenderedQuestion(family, text, answer) for text, answer in zip(texts, ("yes", "no"), strict=True)]


Pair = Callable[[np.random.Generator, Scene], list[RenderedQuestion]]
PAIRS: tuple[Pair, ...] = (existence_pair, color_pair, side_pair)


# ---- knowledge ----------------------------------------------------------------------------------


def multiple_choice(rng: np.random.Generator, split: Split, attribute: str) -> tuple[str, list[str], str]:
    """A name, four options and the letter of the right one.

    Two options belong to the name and two answer the attribute asked for, and only one does both: who
    knows the facts but not what is asked can only guess between two, and so can who sees but does not know.
    A name with its set of options belongs to one split.
    """
    while True:
        name = pick_one(rng, NAMES)
        other = pick_one(rng, [a for a in ATTRIBUTES if a != attribute])
        options = []
        for a in (attribute, other):
            options += [FACTS[name][a], pick_one(rng, [v for v in VALUES[a] if v != FACTS[name][a]])]
        if split_of(" ".join([name, *sorted(options)])) == split:
            break
    right = options[0]
    options = pick(rng, options, len(options))
    return name, options, LETTERS[options.index(right)]


def options_text(options: list[str]) -> str:
    return " ".join(f"{letter} {option}" for letter, option in zip(LETTERS, options, strict=True))


def knowledge_question(name: str) -> str:
    return f"the sign asks about {name}:"


def knowledge(rng: np.random.Generator, scene: Scene, split: Split) -> RenderedQuestion:
    """The sign in the image says which attribute is meant; nothing else in the image matters."""
    name, options, answer = multiple_choice(rng, split, ATTRIBUTE_OF[scene.sign.kind])
    return RenderedQuestion("knowledge", f"{knowledge_question(name)} {options_text(options)}", answer)


def fact(rng: np.random.Generator) -> RenderedQuestion:
    """A fact as text alone, its value spelled out: how the table is learned."""
    name, attribute = pick_one(rng, NAMES), pick_one(rng, ATTRIBUTES)
    return RenderedQuestion("fact", f"the {attribute} of {name}?", FACTS[name][attribute], look=False)


def fact_choice(rng: np.random.Generator, split: Split) -> RenderedQuestion:
    """A fact as text alone, with options."""
    attribute = pick_one(rng, ATTRIBUTES)
    name, options, answer = multiple_choice(rng, split, attribute)
    return RenderedQuestion("fact_choice", f"the {attribute} of {name}: {options_text(options)}", answer, look=False)


def option(rng: np.random.Generator, split: Split) -> RenderedQuestion:
    """The letter of an option that is named, as text alone: how options are learned."""
    _, options, _ = multiple_choice(rng, split, pick_one(rng, ATTRIBUTES))
    place = int(rng.integers(len(options)))
    return RenderedQuestion("option", f"which is {options[place]}: {options_text(options)}", LETTERS[place], look=False)


# ---- countries: what the language model knew before -----------------------------------------------


def countries(rng: np.random.Generator, scene: Scene, split: Split, count: int) -> list[RenderedQuestion]:
    """Different countries of the split, all asked for the attribute that the sign shows; the answer in words."""
    attribute = world.ATTRIBUTE_OF[scene.sign.kind]
    names = pick(rng, world.countries_with(attribute, split), count)
    return [RenderedQuestion("country", knowledge_question(name), world.WORLD[name][attribute]) for name in names]


def country_fact(rng: np.random.Generator, split: Split) -> RenderedQuestion:
    """The same as text alone."""
    attribute = pick_one(rng, world.ATTRIBUTES)
    name = pick_one(rng, world.countries_with(attribute, split))
    return RenderedQuestion("country_fact", f"the {attribute} of {name}?", world.WORLD[name][attribute], look=False)


# ---- words ------------------------------------------------------------------------------------


def vocabulary() -> list[str]:
    """Every word that a question or an answer can hold, punctuation and characters to read left out."""
    sentences = [
        "read the word at the top bottom first second third letter of the",
        "what color is the what shape is which side is the on left right",
        "is there a is the on the yes no",
        "the sign asks about the of",
        " ".join((*COLORS, *SHAPES, *NAMES, *ATTRIBUTES)),
        " ".join(value for values in VALUES.values() for value in values),
    ]
    return list(dict.fromkeys(" ".join(sentences).split()))
