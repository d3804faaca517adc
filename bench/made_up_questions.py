"""Questions and pictures of a made-up study, as each benchmark has them."""

import io

import numpy as np
import polars as pl
from PIL import Image

from infohorizon.benchmarks.mmbench import ROTATION
from infohorizon.benchmarks.mme import COGNITION, PERCEPTION
from infohorizon.benchmarks.ocrbench import FORMULAS, TEXT
from infohorizon.study.catalogue import Size

CATEGORIES = {
    "mme": [*PERCEPTION, *COGNITION],
    "pope": ["adversarial", "popular", "random"],
    "ocrbench": [*(f"{kind} Recognition" for kind in TEXT), "Scene Text-centric VQA", "Doc-oriented VQA", FORMULAS],
    "scienceqa": ["natural science", "social science", "language science"],
    "mmbench": [f"ability {number}" for number in range(20)],
}


def scaled(size: Size, share: float) -> Size:
    """A share of a benchmark."""
    return size._replace(questions=max(1, round(size.questions * share)), images=max(1, round(size.images * share)))


def questions(task: str, size: Size) -> pl.DataFrame:
    """Rows of a benchmark table: images of about equally many questions, ids and categories as the task wants them."""
    number = np.arange(size.questions)
    image = number % size.images
    names = CATEGORIES.get(task, [""])
    category = (number // size.images if task == "pope" else image) % len(names)
    ids = {
        "mme": lambda n: f"{image[n]}.png#{n}",
        "pope": lambda n: f"{names[category[n]]}/{n}",
        "mmbench": lambda n: str(image[n] + ROTATION * (n // size.images)),
    }.get(task, str)
    yes_or_no, letters = task in ("mme", "pope"), task in ("scienceqa", "mmbench")
    right = [["Yes", "No"][n % 2] if yes_or_no else "ABCD"[n % 4] if letters else f"word {n}" for n in number]
    more = [f"{letter}. option" for letter in "ABCD"] if letters else ["another word"] * 9 * (task == "textvqa")
    return pl.DataFrame(
        {
            "question_id": [ids(n) for n in number.tolist()],
            "image_id": [f"{index:016x}" for index in image.tolist()],
            "question": [f"What is number {n} of this picture about?" for n in number.tolist()],
            "hint": "",
            "options": [more if letters else []] * size.questions,
            "ocr_tokens": [[]] * size.questions,
            "label": right,
            "answers": [[answer, *more] for answer in right],
            "category": [names[index] for index in category.tolist()],
        },
        schema_overrides={"options": pl.List(pl.String), "ocr_tokens": pl.List(pl.String)},
    )


def picture(side: int, seed: int) -> bytes:
    """A JPEG about as large as a photograph's of so many pixels."""
    values = np.random.default_rng(seed).integers(0, 255, (side // 4, side // 4, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(values).resize((side, side)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
