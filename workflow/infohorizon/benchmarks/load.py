"""Data sets → the two benchmark tables. Hub ids and local folders are opened alike (sources.py)."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from infohorizon import tables
from infohorizon.benchmarks import create, images
from infohorizon.benchmarks.base import Question, Task
from infohorizon.benchmarks.columns import missing
from infohorizon.benchmarks.rows import Rows
from infohorizon.benchmarks.sources import open_source
from infohorizon.errors import UserError, listed

GOLDEN = (5**0.5 - 1) / 2


class Benchmark(NamedTuple):
    """A loaded data set.

    Attributes:
        questions, images: the tables `benchmark` and `images`.
        revision: the commit they come from; None for a local source.
        skipped: why each image that was left out was (`on_error: skip`), in words that name its row or its id.
    """

    questions: pa.Table
    images: pa.Table
    revision: str | None
    skipped: list[str]


class _Pictures(NamedTuple):
    """The images of a data set: in a column of the questions' rows, or in rows of their own (`positions` by id)."""

    rows: Rows
    column: str
    positions: Mapping[str, int] | None


def load(name: str, settings: Mapping[str, Any]) -> Benchmark:
    """Load one benchmark.

    Args:
        name: the entry under `benchmarks:` in config.yaml; error messages quote it.
        settings: that entry: source (folder, file or hub id), and where wanted config, split, revision, task
            (default: `name`), options, limit, on_error and pixel_limit.

    `limit: N` takes whole images, spread evenly over the data set, until they carry N questions: all questions of an
    image stay together (MME's pairs, MMBench's rotations), so up to one image's questions more than N may come. The
    choice is deterministic and nested: a smaller limit takes a subset of a larger one's images.

    `on_error: skip` leaves out images that cannot be read, with their questions, and takes others in their place.

    Raises:
        UserError: everything that the user can put right, in one sentence; all rows concerned at once.
    """
    task = create(settings.get("task") or name, settings.get("options"))
    source = open_source(name, settings, settings.get("config"))
    pictures = _Pictures(source.rows, task.image_column, None)
    if images_config := task.options.get("images_config"):
        rows = open_source(name, {**settings, "revision": source.revision}, images_config).rows
        _require(name, rows, ["id", task.image_column])
        positions = {str(record["id"]): position for position, record in enumerate(rows.records())}
        pictures = _Pictures(rows, task.image_column, positions)
    _require(name, source.rows, task.columns)
    _require(name, pictures.rows, [task.image_column])

    skips = settings.get("on_error", "stop") == "skip"
    questions, skipped = _questions(name, task, source.rows, pictures, skips)
    limit, pixel_limit = settings.get("limit"), settings.get("pixel_limit", images.PIXEL_LIMIT)
    rows, unreadable = _images(pictures, questions, limit, pixel_limit, skips)
    _refuse(name, unreadable if not skips else [])
    if not rows:
        raise UserError(f"Benchmark '{name}': no image can be read: {listed([*skipped, *unreadable], 3)}.")
    kept = {row["image_id"] for row in rows}
    questions = [question for question in questions if question["image_id"] in kept]
    return Benchmark(
        tables.from_rows("benchmark", questions),
        tables.from_rows("images", rows),
        source.revision,
        [*skipped, *unreadable],
    )


def _questions(
    name: str, task: Task, rows: Rows, pictures: _Pictures, skips: bool
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of the table `benchmark` with the `position` of each one's image; which unreadable images were skipped."""
    questions, problems, skipped = [], [], []
    seen: set[str] = set()
    digests: dict[str, str] = {}
    for index, record in enumerate(rows.records()):
        try:
            question = _question(task, record, index, seen)
        except UserError as error:
            problems.append(f"row {index}: {error}")
            continue
        if pictures.positions is None:
            position = index
            try:
                digest = hashlib.sha256(pictures.rows.image(index, pictures.column)).hexdigest()
            except UserError as error:
                (skipped if skips else problems).append(f"row {index} of column '{pictures.column}' {error}")
                continue
            image_id = question.image_id if question.image_id is not None else digest[:16]
            if digests.setdefault(image_id, digest) != digest:
                problems.append(f"row {index}: image id '{image_id}' is given to two different images")
        else:
            image_id = question.image_id
            position = pictures.positions.get(image_id, -1)
            if position < 0:
                problems.append(f"row {index}: image '{image_id}' is not in config '{task.options['images_config']}'")
        questions.append(
            {
                "question_id": question.question_id,
                "image_id": image_id,
                "question": question.question,
                "hint": question.hint,
                "options": list(question.options),
                "ocr_tokens": list(question.ocr_tokens),
                "label": question.label.strip(),
                "answers": list(question.answers),
                "category": question.category,
                "position": position,
            }
        )
    _refuse(name, problems)
    return questions, skipped


def _question(task: Task, record: Mapping[str, Any], index: int, seen: set[str]) -> Question:
    """One row as a question whose id is not among those `seen`.

    Raises:
        UserError: in words that follow "row 3:".
    """
    try:
        question = task.read(record, index)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"it does not fit task '{task.name}' ({type(error).__name__}: {error})") from error
    if not question.label.strip():
        raise UserError(f"question {question.question_id} has no answer: choose a split with answers")
    if question.question_id in seen:
        raise UserError(f"question id '{question.question_id}' occurs twice; ids must be unique")
    seen.add(question.question_id)
    return question


def _images(
    pictures: _Pictures, questions: list[dict[str, Any]], limit: int | None, pixel_limit: int | None, skips: bool
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of the table `images` that carry `limit` questions, in the data set's order, and what cannot be read.

    The bytes pass through untouched. An image that is skipped makes place for the next one.
    """
    counts = Counter(question["image_id"] for question in questions)
    positions = {question["image_id"]: question["position"] for question in reversed(questions)}
    order = {image_id: place for place, image_id in enumerate(counts)}
    rows, unreadable, total = [], [], 0
    for image_id in _spread(list(counts)):
        if limit is not None and total >= limit:
            break
        position = positions[image_id]
        try:
            data = pictures.rows.image(position, pictures.column)
            width, height = images.decode(data, pixel_limit).size
        except UserError as error:
            unreadable.append(f"row {position} of column '{pictures.column}' {error}")
            if skips:
                continue
        else:
            rows.append({"image_id": image_id, "image": data, "width": width, "height": height})
        total += counts[image_id]
    return sorted(rows, key=lambda row: order[row["image_id"]]), unreadable


def _spread(ids: list[str]) -> Iterator[str]:
    """Ids in the order of frac(i · golden ratio): every beginning of that order is spread evenly."""
    return (ids[index] for index in sorted(range(len(ids)), key=lambda index: index * GOLDEN % 1))


def _require(name: str, rows: Rows, columns: Mapping[str, Any] | list[str]) -> None:
    if lacking := missing(columns, rows.columns):
        raise UserError(
            f"Benchmark '{name}': column '{lacking[0]}' is missing; the data set has {', '.join(rows.columns)}. "
            "Rename a column, or set `task:` to the benchmark these columns belong to."
        )


def _refuse(name: str, problems: list[str]) -> None:
    if problems:
        raise UserError(f"Benchmark '{name}': {listed(problems)}.")
