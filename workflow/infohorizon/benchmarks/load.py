"""Data sets → the two benchmark tables. Hub ids and local folders take the same road through `datasets`.

No remote code, nothing unpickled: `datasets` reads parquet, Arrow, JSON and image folders only.
"""

import errno
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from datasets import Dataset, Image, load_dataset, load_dataset_builder
from datasets.exceptions import DatasetNotFoundError
from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RevisionNotFoundError

from infohorizon import tables
from infohorizon.benchmarks import create, images
from infohorizon.benchmarks.base import Task
from infohorizon.errors import UserError

FORMATS = {".parquet": "parquet", ".arrow": "arrow", ".jsonl": "json", ".json": "json"}
GOLDEN = (5**0.5 - 1) / 2


class Benchmark(NamedTuple):
    """The tables `benchmark` and `images` of tables.py, and the commit they come from (None: a local source)."""

    questions: pa.Table
    images: pa.Table
    revision: str | None


class _Source(NamedTuple):
    """An opened split; `folder` is what relative image paths are relative to (None for the hub)."""

    rows: Dataset
    folder: Path | None
    revision: str | None


def load(name: str, settings: Mapping[str, Any]) -> Benchmark:
    """Load one benchmark.

    Args:
        name: the entry under `benchmarks:` in config.yaml; error messages quote it.
        settings: that entry: source (folder, file or hub id), and where wanted config, split, revision, task
            (default: `name`), options, and limit.

    `limit: N` takes whole images, spread evenly over the data set, until they carry N questions: all questions of an
    image stay together (MME's pairs, MMBench's rotations), so up to one image's questions more than N may come. The
    choice is deterministic and nested: a smaller limit takes a subset of a larger one's images.

    Raises:
        UserError: everything a user can mend, in one sentence.
    """
    task = create(settings.get("task") or name, settings.get("options"))
    source = _open(name, settings, settings.get("config"))
    pictures, positions = source, None
    if images_config := task.options.get("images_config"):
        pictures = _open(name, {**settings, "revision": source.revision}, images_config)
        _require(name, pictures.rows, ("id", task.image_column))
        positions = {str(image_id): position for position, image_id in enumerate(pictures.rows["id"])}
    _require(name, source.rows, task.columns)
    _require(name, pictures.rows, (task.image_column,))
    encoded = _Encoded(name, pictures, task.image_column)

    questions = _questions(name, task, source.rows, encoded, positions)
    chosen = _spread(Counter(question["image_id"] for question in questions), settings.get("limit"))
    questions = [question for question in questions if question["image_id"] in chosen]
    where = {question["image_id"]: question["position"] for question in questions}
    rows = [_image(encoded, image_id, where[image_id]) for image_id in chosen]
    return Benchmark(tables.from_rows("benchmark", questions), tables.from_rows("images", rows), source.revision)


class _Encoded:
    """The encoded images of a split by row number."""

    def __init__(self, name: str, source: _Source, column: str) -> None:
        self.name, self.folder, self.column = name, source.folder, column
        try:
            self.rows = source.rows.select_columns([column]).cast_column(column, Image(decode=False))
        except (ValueError, TypeError, pa.ArrowException) as error:
            raise UserError(
                f"Benchmark '{name}': column '{column}' holds no images (encoded bytes or file paths)."
            ) from error

    def __getitem__(self, position: int) -> bytes:
        value = self.rows[position][self.column]
        if value is None:
            raise self.error(position, "has no image: remove it, or take a config in which every row has one")
        if value["bytes"] is not None:
            return value["bytes"]
        if self.folder is None:
            raise self.error(position, f"names the file {value['path']} instead of holding the image's bytes")
        try:
            return (self.folder / value["path"]).read_bytes()
        except OSError as error:
            raise self.error(position, f"names an image that cannot be read: {self.folder / value['path']}") from error

    def error(self, position: int, text: str) -> UserError:
        return UserError(f"Benchmark '{self.name}': row {position} of column '{self.column}' {text}.")


def _questions(
    name: str, task: Task, rows: Dataset, encoded: _Encoded, positions: Mapping[str, int] | None
) -> list[dict[str, Any]]:
    """Rows of the table `benchmark`, and for each the `position` of its image."""
    pictures = [key for key, feature in rows.features.items() if key == task.image_column or isinstance(feature, Image)]
    texts = rows.remove_columns(pictures)  # images are not needed here, and would be decoded
    questions, seen, digests = [], set(), {}
    for index, row in enumerate(texts):
        place = f"Benchmark '{name}': row {index}"
        try:
            question = task.question(row, index)
        except UserError as error:
            raise UserError(f"{place}: {error}.") from error
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise UserError(
                f"{place} does not fit task '{task.name}' ({type(error).__name__}: {error}); "
                "does this split come with answers?"
            ) from error
        if not question.label.strip():
            raise UserError(f"{place} (question {question.question_id}) has no answer: choose a split with answers.")
        if question.question_id in seen:
            raise UserError(f"{place}: question id '{question.question_id}' occurs twice; ids must be unique.")
        seen.add(question.question_id)
        if positions is None:
            position, digest = index, hashlib.sha256(encoded[index]).hexdigest()
            image_id = question.image_id if question.image_id is not None else digest[:16]
            if digests.setdefault(image_id, digest) != digest:
                raise UserError(f"{place}: image id '{image_id}' stands for two different images.")
        elif (image_id := question.image_id) in positions:
            position = positions[image_id]
        else:
            raise UserError(f"{place}: image '{image_id}' is not in config '{task.options['images_config']}'.")
        questions.append(
            {
                "question_id": question.question_id,
                "image_id": image_id,
                "question": question.question,
                "label": question.label,
                "answers": list(question.answers),
                "category": question.category,
                "position": position,
            }
        )
    return questions


def _spread(questions: Mapping[str, int], limit: int | None) -> list[str]:
    """Image ids in order of first appearance, as many as `limit` asks for; `questions` counts those of each image.

    Image i is taken in the order of frac(i · golden ratio): every beginning of that order is spread evenly.
    """
    ids = list(questions)
    taken, total = [], 0
    for index in sorted(range(len(ids)), key=lambda index: index * GOLDEN % 1):
        if limit is not None and total >= limit:
            break
        taken.append(index)
        total += questions[ids[index]]
    return [ids[index] for index in sorted(taken)]


def _image(encoded: _Encoded, image_id: str, position: int) -> dict[str, Any]:
    """A row of the table `images`; the bytes pass through untouched."""
    data = encoded[position]
    try:
        width, height = images.measure(data)
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged data
        raise encoded.error(position, f"cannot be decoded ({error}): replace or remove it") from error
    return {"image_id": image_id, "image": data, "width": width, "height": height}


def _require(name: str, rows: Dataset, columns: tuple[str, ...]) -> None:
    if missing := [column for column in columns if column not in rows.column_names]:
        raise UserError(
            f"Benchmark '{name}': column '{missing[0]}' is missing; the data set has {', '.join(rows.column_names)}. "
            "Set `task:` to the benchmark these columns belong to."
        )


def _open(name: str, settings: Mapping[str, Any], config: str | None) -> _Source:
    """Open one split of one config. Only that split is downloaded: some data sets are 9 GB beside a 1 GB split."""
    source, split = str(settings["source"]), settings.get("split")
    path = Path(source).expanduser()
    if not path.exists() and (path.is_absolute() or source.startswith((".", "~")) or source.count("/") != 1):
        raise UserError(f"Benchmark '{name}': source {source} does not exist: set it to a folder or a hub id.")
    with _explained(name, settings, config):
        if path.is_file():
            kind, files = _kind(name, path), {"train": [str(path)]}
            split = None
        else:
            local = path.is_dir()
            builder = load_dataset_builder(
                str(path) if local else source, config, revision=None if local else settings.get("revision")
            )
            kind, files = builder.name, {str(key): list(value) for key, value in builder.config.data_files.items()}
            if local and kind == "imagefolder" and (own := _beside_images(path)):
                kind, files = "json", own
        if split is None and len(files) == 1:
            split = next(iter(files))
        if split not in files:
            had = f"there is no split '{split}'" if split else "`split:` must be set"
            raise UserError(f"Benchmark '{name}': {had}; {source} has {', '.join(files)}.")
        rows = load_dataset(kind, data_files={split: files[split]}, split=split)
    commit = re.search(r"@([0-9a-f]{40})/", files[split][0])
    folder = path.parent if path.is_file() else path if path.is_dir() else None
    return _Source(rows, folder, commit[1] if commit else None)


def _kind(name: str, path: Path) -> str:
    if path.suffix not in FORMATS:
        raise UserError(f"Benchmark '{name}': {path} is no data file; known endings: {', '.join(FORMATS)}.")
    return FORMATS[path.suffix]


def _beside_images(folder: Path) -> dict[str, list[str]]:
    """JSON files beside image files, one per split. (`datasets` knows only one called metadata.jsonl by itself.)"""
    files = [path for path in sorted(folder.iterdir()) if path.suffix in (".jsonl", ".json")]
    return {} if any(path.stem == "metadata" for path in files) else {path.stem: [str(path)] for path in files}


@contextmanager
def _explained(name: str, settings: Mapping[str, Any], config: str | None) -> Iterator[None]:
    """Turn what `datasets` and the hub raise into one sentence."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # they pass on whatever their file readers and HTTP client raise
        raise UserError(f"Benchmark '{name}': {_sentence(error, settings, config)}") from error


def _sentence(error: BaseException, settings: Mapping[str, Any], config: str | None) -> str:
    source, revision = settings["source"], settings.get("revision")
    chain = [error]
    while cause := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(cause)
    texts = [str(link) for link in chain]

    # by name, since which httpx it is differs between versions of the hub client
    transport = any(kind.__name__ == "TransportError" for link in chain for kind in type(link).__mro__)

    def any_is(*kinds: type[BaseException]) -> bool:
        return any(isinstance(link, kinds) for link in chain)

    def any_says(*words: str) -> bool:
        return any(word in text for text in texts for word in words)

    if any(getattr(link, "errno", None) in (errno.ENOSPC, errno.EDQUOT) for link in chain) or any_says("disk space"):
        return f"the disk is full while {source} is loaded: free some space, or set HF_HOME to a larger disk."
    if any_is(GatedRepoError) or any_says("gated dataset"):
        return (
            f"{source} is gated: ask for access at https://huggingface.co/datasets/{source}, "
            "then set HF_TOKEN to a token of that account."
        )
    if any_is(RevisionNotFoundError) or any_says("Revision '"):
        return f"{source} has no revision '{revision}': correct `revision:`, or leave it out."
    if transport or any_is(ConnectionError, TimeoutError, LocalEntryNotFoundError):
        return (
            f"there is no folder {source} and the hub cannot be reached: check the network and HF_HUB_OFFLINE, "
            "or set `source:` to a folder with a copy."
        )
    if any_is(DatasetNotFoundError):
        return f"{source} is neither a folder here nor a data set on the hub (private ones need HF_TOKEN)."
    if any_says("BuilderConfig '", "Config name is missing"):
        had = f"there is no config '{config}'" if config else "`config:` must be set"
        available = re.search(r"\[(.*?)\]", " ".join(texts))
        return f"{had}; {source} has {available[1].replace(chr(39), '') if available else 'others'}."
    if any_says("corresponds to no data"):
        return f"split '{settings.get('split') or 'train'}' of {source} is empty."
    if any_says("doesn't contain any data files", "No (supported) data files"):
        return f"{source} holds no data files (parquet, Arrow or JSON lines)."
    return f"{source} cannot be read: {texts[0].splitlines()[0] if texts[0] else type(error).__name__}."
