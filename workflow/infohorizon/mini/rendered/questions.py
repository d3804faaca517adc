"""Question families: from a scene to questions with answers. Every family is one small function."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from infohorizon.mini.rendered.facts import ATTRIBUTE_OF, ATTRIBUTES, FACTS, NAMES, VALUES
from infohorizon.mini.rendered.scenes import COLORS, GRID, SHAPES, Icon, Scene, Split, Word, pick, split_of

T = TypeVar("T")

LETTERS = "ABCD"
ORDINALS = ("first", "second", "third")


class Asked(NamedTuple):
    """One question; `look` is False where the model has to answer from text alone (training only)."""

    family: str
    question: str
    answer: str
    look: bool = True


def one(rng: np.random.Generator, items: Sequence[T]) -> T:
    """A random item."""
    return items[rng.integers(len(items))]


# ---- reading ------------------------------------------------------------------------------------


def read_color(word: Word) -> Asked:
    return Asked("reading", f"read the {word.color} word", word.text)


def read_place(scene: Scene) -> list[Asked]:
    """One question for each half of the image that holds exactly one word."""
    halves = {
        "top": [word for word in scene.words if word.row < GRID // 2],
        "bottom": [word for word in scene.words if word.row >= GRID // 2],
    }
    return [Asked("place", f"read the word at the {half}", w[0].text) for half, w in halves.items() if len(w) == 1]


def letter(rng: np.random.Generator, word: Word) -> Asked:
    place = int(rng.integers(len(word.text)))
    return Asked("letter", f"read the {ORDINALS[place]} letter of the {word.color} word", word.text[place])


# ---- perception ---------------------------------------------------------------------------------


def color(icon: Icon) -> Asked:
    return Asked("color", f"what color is the {icon.kind}?", icon.color)


def shape(icon: Icon) -> Asked:
    return Asked("shape", f"what shape is {icon.color}?", icon.kind)


def side(icon: Icon) -> Asked:
    return Asked("side", f"which side is the {icon.kind} on?", icon.side)


def existence_pair(rng: np.random.Generator, scene: Scene) -> list[Asked]:
    """A shape that is there and one that is not."""
    present = [icon.kind for icon in scene.icons]
    absent = [kind for kind in SHAPES if kind not in present]
    kinds = (one(rng, present), one(rng, absent))
    return _pair("existence", [f"is there a {kind}?" for kind in kinds])


def color_pair(rng: np.random.Generator, scene: Scene) -> list[Asked]:
    """An icon's own colour, and another one, more often than not one that the scene does show."""
    icon = one(rng, scene.icons)
    others = [name for name in COLORS if name != icon.color]
    shown = [thing.color for thing in (*scene.icons, *scene.words) if thing.color != icon.color]
    wrong = one(rng, shown if shown and rng.random() < 0.6 else others)
    return _pair("is_color", [f"is the {icon.kind} {name}?" for name in (icon.color, wrong)])


def side_pair(rng: np.random.Generator, scene: Scene) -> list[Asked]:
    """An icon's own side, and the other one."""
    icon = one(rng, scene.icons)
    wrong = {"left": "right", "right": "left"}[icon.side]
    return _pair("is_side", [f"is the {icon.kind} on the {name}?" for name in (icon.side, wrong)])


def _pair(family: str, questions: list[str]) -> list[Asked]:
    return [Asked(family, question, answer) for question, answer in zip(questions, ("yes", "no"), strict=True)]


PAIRS: tuple[Callable[[np.random.Generator, Scene], list[Asked]], ...] = (existence_pair, color_pair, side_pair)


# ---- knowledge ----------------------------------------------------------------------------------


def choice(rng: np.random.Generator, split: Split, attribute: str) -> tuple[str, list[str], str]:
    """A name, four options and the letter of the right one.

    Two options belong to the name and two answer the attribute asked for, and only one does both: who
    knows the facts but not what is asked can only guess between two, and so can who sees but does not know.
    A name with its set of options belongs to one split.
    """
    while True:
        name = one(rng, NAMES)
        other = one(rng, [a for a in ATTRIBUTES if a != attribute])
        options = []
        for a in (attribute, other):
            options += [FACTS[name][a], one(rng, [v for v in VALUES[a] if v != FACTS[name][a]])]
        if split_of(" ".join([name, *sorted(options)])) == split:
            break
    right = options[0]
    options = pick(rng, options, len(options))
    return name, options, LETTERS[options.index(right)]


def options_text(options: list[str]) -> str:
    return " ".join(f"{letter} {option}" for letter, option in zip(LETTERS, options, strict=True))


def knowledge_question(name: str) -> str:
    return f"the sign asks about {name}:"


def knowledge(rng: np.random.Generator, scene: Scene, split: Split) -> Asked:
    """The sign in the image says which attribute is meant; nothing else in the image matters."""
    name, options, answer = choice(rng, split, ATTRIBUTE_OF[scene.sign.kind])
    return Asked("knowledge", f"{knowledge_question(name)} {options_text(options)}", answer)


def fact(rng: np.random.Generator) -> Asked:
    """A fact as text alone, its value spelled out: how the table is learned."""
    name, attribute = one(rng, NAMES), one(rng, ATTRIBUTES)
    return Asked("fact", f"the {attribute} of {name}?", FACTS[name][attribute], look=False)


def fact_choice(rng: np.random.Generator, split: Split) -> Asked:
    """A fact as text alone, with options."""
    attribute = one(rng, ATTRIBUTES)
    name, options, answer = choice(rng, split, attribute)
    return Asked("fact_choice", f"the {attribute} of {name}: {options_text(options)}", answer, look=False)


def option(rng: np.random.Generator, split: Split) -> Asked:
    """The letter of an option that is named, as text alone: how options are learned."""
    _, options, _ = choice(rng, split, one(rng, ATTRIBUTES))
    place = int(rng.integers(len(options)))
    return Asked("option", f"which is {options[place]}: {options_text(options)}", LETTERS[place], look=False)


# ---- what one image is asked --------------------------------------------------------------------


def training_questions(rng: np.random.Generator, scene: Scene, split: Split, options: bool = True) -> list[Asked]:
    """About a dozen questions on one image, of every family but one of the two kinds of facts in simple scenes.

    options: whether to ask for a named option, too.
    """
    words, icons = pick(rng, scene.words, 2), pick(rng, scene.icons, 2)
    asked = [read_color(word) for word in words] + [letter(rng, words[0])]
    if len(scene.words) == 1:
        asked.append(letter(rng, words[0]))
    asked += pick(rng, read_place(scene), 1)
    asked += [color(icons[0]), shape(icons[-1]), side(icons[-1])]
    asked += existence_pair(rng, scene)
    asked.append(one(rng, one(rng, PAIRS[1:])(rng, scene)))
    facts = [fact(rng), fact_choice(rng, split)]
    facts = [one(rng, facts)] if len(scene.words) == 1 else facts
    asked += [knowledge(rng, scene, split), *facts]
    return [*asked, option(rng, split)] if options else asked


def finishing_questions(rng: np.random.Generator, scene: Scene, split: Split, sides: bool = True) -> list[Asked]:
    """The same and more of the families that are learned last; a family left out here would be forgotten.

    sides: whether to ask for a pair on the side of a shape, too.
    """
    asked = [*training_questions(rng, scene, split), *color_pair(rng, scene), knowledge(rng, scene, split)]
    return [*asked, *side_pair(rng, scene)] if sides else asked


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
