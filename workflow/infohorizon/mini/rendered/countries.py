"""Facts about the world that SmolLM2-135M-Instruct knows before any training.

Each is there because the language model, shown three other countries with their facts, says it of its own accord;
what it does not say is left out (-), and so are countries of which it says one fact. As the facts of facts.py, they
occur in training. HELD_OUT countries do not: they are asked in validation alone, and show what is left of what the
language model knew where nothing reminds it.
"""

from infohorizon.mini.rendered.scenes import SIGNS, Split

ATTRIBUTES = ("capital", "language", "continent", "currency")
SIGN_OF = dict(zip(ATTRIBUTES, SIGNS, strict=True))
ATTRIBUTE_OF = {sign: attribute for attribute, sign in SIGN_OF.items()}
HELD_OUT = ("Germany", "Norway", "China", "Israel", "Angola", "Canada")
UNKNOWN = "-"
_TABLE = """
    France;     Paris;           French;      Europe;        euro
    Germany;    Berlin;          German;      Europe;        euro
    Italy;      Rome;            Italian;     Europe;        euro
    Portugal;   Lisbon;          Portuguese;  Europe;        euro
    Greece;     Athens;          Greek;       Europe;        euro
    Poland;     Warsaw;          Polish;      Europe;        zloty
    Sweden;     Stockholm;       Swedish;     Europe;        -
    Norway;     Oslo;            Norwegian;   Europe;        -
    Denmark;    Copenhagen;      Danish;      Europe;        -
    Russia;     Moscow;          Russian;     Europe;        ruble
    Ukraine;    -;               Ukrainian;   Europe;        -
    Austria;    Vienna;          German;      Europe;        euro
    Ireland;    Dublin;          -;           Europe;        euro
    China;      Beijing;         Mandarin;    Asia;          yuan
    Japan;      Tokyo;           Japanese;    Asia;          yen
    Thailand;   Bangkok;         Thai;        Asia;          -
    Vietnam;    -;               Vietnamese;  Asia;          -
    Iran;       Tehran;          Persian;     Asia;          -
    Nepal;      Kathmandu;       -;           Asia;          -
    Israel;     Jerusalem;       Hebrew;      -;             shekel
    Syria;      Damascus;        Arabic;      -;             -
    Kenya;      Nairobi;         Swahili;     Africa;        -
    Nigeria;    -;               -;           Africa;        naira
    Morocco;    -;               Arabic;      Africa;        -
    Ethiopia;   Addis Ababa;     -;           Africa;        -
    Angola;     -;               Portuguese;  Africa;        -
    Mexico;     Mexico City;     Spanish;     -;             peso
    Peru;       Lima;            Spanish;     -;             -
    Chile;      Santiago;        Spanish;     -;             peso
    Colombia;   Bogota;          Spanish;     -;             -
    Brazil;     -;               Portuguese;  -;             real
    Canada;     -;               English;     North America; dollar
    Bolivia;    La Paz;          Spanish;     -;             -
"""
_ROWS = [[cell.strip() for cell in line.split(";")] for line in _TABLE.strip().splitlines()]
# Country → attribute → value.
WORLD = {
    country: {a: value for a, value in zip(ATTRIBUTES, values, strict=True) if value != UNKNOWN}
    for country, *values in _ROWS
}


def countries_with(attribute: str, split: Split) -> list[str]:
    """The countries that a split asks for this attribute."""
    held_out = split == "validation"
    return [country for country, facts in WORLD.items() if (country in HELD_OUT) == held_out and attribute in facts]
