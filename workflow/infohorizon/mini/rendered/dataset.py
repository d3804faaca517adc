"""The rendered benchmarks as data set folders in the layout of the Hugging Face hub.

    render("reading", "test", folder)        # writes folder/test-00000-of-00001.parquet
    datasets.load_dataset(str(folder), split="test")

| column | meaning |
|---|---|
| question_id | stable id, unique in the split |
| image_id | the image; its questions share it |
| image | 96 × 96 RGB, PNG |
| question | the question; for knowledge without its options |
| choices | knowledge only: the four options in the order of the letters |
| answer | what the model should say: a word of three characters, "yes", "red", "B" … |
| category | the question family (rendered/questions.py), or the attribute of a fact |

Nothing of a test image is seen in training: the scenes have seeds of their own, words to read and names with
their options belong to one split (`scenes.split_of`), and so do combinations of font and size, and handwritten digits.
"""

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from datasets import Dataset, Features, Image, List, Value
from PIL import Image as PILImage

from infohorizon.errors import UserError
from infohorizon.mini.rendered import countries as world
from infohorizon.mini.rendered import questions as q
from infohorizon.mini.rendered.drawing import draw_scene
from infohorizon.mini.rendered.facts import ATTRIBUTE_OF
from infohorizon.mini.rendered.handwriting import digit_scene
from infohorizon.mini.rendered.scenes import Scene, Split, generator, pick, pick_one, sample_scene

SEED = 2027  # of the scenes of every split that is stored
Row = dict[str, Any]


def reading(rng: np.random.Generator, scene: Scene, split: Split, index: int) -> Iterator[Row]:
    """Two words by their colour, and one by its place if a half of the image holds exactly one."""
    for question in [*map(q.read_color, pick(rng, scene.words, 2)), *pick(rng, q.read_place(scene), 1)]:
        yield _row(question)


def perception(rng: np.random.Generator, scene: Scene, split: Split, index: int) -> Iterator[Row]:
    """A pair of yes/no questions and one question for an attribute, their families taking turns."""
    pair = q.PAIRS[index % len(q.PAIRS)](rng, scene)
    attribute = (q.color, q.shape, q.side)[index // len(q.PAIRS) % 3]
    for question in [*pair, attribute(pick_one(rng, scene.icons))]:
        yield _row(question)


def knowledge(rng: np.random.Generator, scene: Scene, split: Split, index: int) -> Iterator[Row]:
    """Two different names, both asked for the attribute that the sign shows."""
    names: list[str] = []
    while len(names) < 2:
        name, choices, letter = q.multiple_choice(rng, split, ATTRIBUTE_OF[scene.sign.kind])
        if name not in names:
            names.append(name)
            row = {"question": q.knowledge_question(name), "choices": choices, "answer": letter}
            yield row | {"category": ATTRIBUTE_OF[scene.sign.kind]}


def places(rng: np.random.Generator, scene: Scene, split: Split, index: int) -> Iterator[Row]:
    """The word of each half of the image that holds exactly one."""
    yield from map(_row, q.read_place(scene))


def countries(rng: np.random.Generator, scene: Scene, split: Split, index: int) -> Iterator[Row]:
    """Two different countries, both asked for the attribute that the sign shows."""
    for question in q.countries(rng, scene, split, 2):
        yield {**_row(question), "category": world.ATTRIBUTE_OF[scene.sign.kind]}


def digits(rng: np.random.Generator, scene: Scene, split: Split, index: int) -> Iterator[Row]:
    """All handwritten digits of the scene."""
    yield from map(_row, q.digits(scene))


def _row(question: q.RenderedQuestion) -> Row:
    return {"question": question.text, "answer": question.answer, "category": question.family}


class RenderedBenchmark(NamedTuple):
    """The questions of one scene, how many scenes a split holds, and how they are sampled."""

    rows: Callable[[np.random.Generator, Scene, Split, int], Iterator[Row]]
    images: int
    sample: Callable[[np.random.Generator, Split], Scene] = sample_scene


BENCHMARKS = {
    "knowledge": RenderedBenchmark(knowledge, 200),
    "perception": RenderedBenchmark(perception, 150),
    "reading": RenderedBenchmark(reading, 160),
    "places": RenderedBenchmark(places, 330),
    "countries": RenderedBenchmark(countries, 160),
    "digits": RenderedBenchmark(digits, 120, digit_scene),
}


def render(task: str, split: Split, folder: Path) -> None:
    """Write one split of one benchmark as a parquet file that `datasets.load_dataset(folder)` reads."""
    if task not in BENCHMARKS:
        raise UserError(f"There is no rendered benchmark {task!r}, only {', '.join(BENCHMARKS)}.")
    columns = {name: Value("string") for name in ("question_id", "image_id", "question", "answer", "category")}
    if task == "knowledge":
        columns["choices"] = List(Value("string"))
    rows = list(_rows(task, split))
    table = Dataset.from_list(rows, features=Features({"image": Image(), **columns}))
    folder.mkdir(parents=True, exist_ok=True)
    table.to_parquet(folder / f"{split}-00000-of-00001.parquet")


def _rows(task: str, split: Split) -> Iterator[Row]:
    seed = SEED + list(BENCHMARKS).index(task)
    for index in range(BENCHMARKS[task].images):
        rng = generator(seed, split, index)
        scene = BENCHMARKS[task].sample(rng, split)
        png = BytesIO()
        PILImage.fromarray(draw_scene(scene, rng)).save(png, format="png")
        image_id = f"{task}-{split}-{index:03}"
        for number, row in enumerate(BENCHMARKS[task].rows(rng, scene, split, index)):
            yield {
                "question_id": f"{image_id}-{number}",
                "image_id": image_id,
                "image": {"bytes": png.getvalue(), "path": f"{image_id}.png"},
                **row,
            }
