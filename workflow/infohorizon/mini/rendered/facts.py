"""The table of facts that the models learn from text: 24 names × 4 attributes, 8 values each.

It is balanced: every value of an attribute belongs to three names, so no value is a better guess than another.
"""

import numpy as np

from infohorizon.mini.rendered.scenes import SIGNS

NAMES = (
    "alba", "bruno", "cora", "dario", "elsa", "fabio", "greta", "hugo", "irma", "jonas", "kira", "luca",
    "mira", "nilo", "olga", "pavel", "rosa", "sven", "tilda", "uwe", "vera", "wanda", "xenia", "yuri",
)  # fmt: skip
VALUES = {
    "food": ("apple", "bread", "cheese", "honey", "rice", "soup", "plum", "nuts"),
    "home": ("cave", "tree", "lake", "tower", "tent", "farm", "hill", "ship"),
    "tool": ("saw", "rope", "lamp", "needle", "wheel", "spade", "brush", "knife"),
    "friend": ("cat", "dog", "owl", "fox", "horse", "goat", "duck", "mouse"),
}
ATTRIBUTES = tuple(VALUES)
SIGN_OF = dict(zip(ATTRIBUTES, SIGNS, strict=True))
ATTRIBUTE_OF = {sign: attribute for attribute, sign in SIGN_OF.items()}


def _table() -> dict[str, dict[str, str]]:
    rng = np.random.default_rng(0)
    columns = {
        attribute: rng.permutation(np.repeat(values, len(NAMES) // len(values))).tolist()
        for attribute, values in VALUES.items()
    }
    return {name: {a: column[i] for a, column in columns.items()} for i, name in enumerate(NAMES)}


FACTS = _table()
