"""Where a data set is: a folder, a file or a hub id → the rows of one split, and the commit they come from.

No remote code, nothing unpickled: `datasets` finds the files of a split, and reads Parquet, Arrow and image folders;
JSON lines, JSON, CSV and TSV are read by rows.py.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from datasets import DownloadManager, load_dataset, load_dataset_builder
from datasets.exceptions import DatasetNotFoundError
from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RevisionNotFoundError

from infohorizon.benchmarks.rows import TEXT_FORMATS, Rows, TextRows, TypedRows
from infohorizon.errors import FULL, PassingError, UserError, causes
from infohorizon.transient import is_transient, patient

TYPED_FORMATS = {".parquet": "parquet", ".arrow": "arrow"}
NO_DATA = ("dataset_info", "dataset_infos", "dataset_dict", "state", "config")  # JSON files that describe a folder


class NoSuchDataSet(UserError):
    """A hub id under which there is nothing, or nothing that may be seen."""


class Source(NamedTuple):
    """An opened split; `revision` is the commit of a hub data set (None: a local source)."""

    rows: Rows
    revision: str | None


def open_source(name: str, settings: Mapping[str, Any], config: str | None) -> Source:
    """Open one split of one config. Only that split is downloaded: some data sets are 9 GB beside a 1 GB split.

    Args:
        name: the benchmark, for sentences.
        settings: source, and where wanted split (the only one, where there is one) and revision.

    Raises:
        UserError: nothing there, unreadable, or a config or split that the data set lacks.
    """
    source = str(settings["source"])
    path = Path(source).expanduser()
    if not path.exists() and (path.is_absolute() or source.startswith((".", "~")) or source.count("/") != 1):
        raise UserError(f"Benchmark '{name}': source {source} does not exist: set it to a folder or a hub id.")
    with _explained(name, settings, config):
        return patient(_open)(name, settings, config, path)


def _open(name: str, settings: Mapping[str, Any], config: str | None, path: Path) -> Source:
    split = settings.get("split")
    if path.is_file():
        kind, files, split = _kind(name, path), {"train": [str(path)]}, None
    else:
        kind, files = _files(path, settings, config)
    if split is None and len(files) == 1:
        split = next(iter(files))
    if split not in files:
        had = f"there is no split '{split}'" if split else "`split:` must be set"
        raise UserError(f"Benchmark '{name}': {had}; {settings['source']} has {', '.join(files)}.")
    folder = path.parent if path.is_file() else path if path.is_dir() else None
    commit = re.search(r"@([0-9a-f]{40})/", files[split][0])
    return Source(_rows(name, kind, split, files[split], folder), commit[1] if commit else None)


def _rows(name: str, kind: str, split: str, files: Sequence[str], folder: Path | None) -> Rows:
    """The rows of one split's files; `kind` is the builder of `datasets` that is made for them."""
    described = [file for file in files if Path(file).stem == "metadata" and _ending(file) in TEXT_FORMATS]
    if kind == "imagefolder" and described:
        kind, files = "json", described
    if kind in ("json", "csv"):
        rows = TextRows(list(map(Path, DownloadManager().download(list(files)))), folder)
        if not len(rows):
            raise UserError(f"Benchmark '{name}': {', '.join(files)} holds no rows.")
        return rows
    return TypedRows(load_dataset(kind, data_files={split: list(files)}, split=split), folder)


def _files(path: Path, settings: Mapping[str, Any], config: str | None) -> tuple[str, dict[str, list[str]]]:
    """The kind of a folder's or a hub data set's files, and the files of each split."""
    if not path.is_dir():
        builder = load_dataset_builder(str(settings["source"]), config, revision=settings.get("revision"))
    elif own := _text_files(path):
        return "json", own
    else:
        builder = load_dataset_builder(str(path), config)
    return builder.name, {str(split): list(files) for split, files in builder.config.data_files.items()}


def _text_files(folder: Path) -> dict[str, list[str]]:
    """JSON and CSV files that lie directly in a folder of a user's own, one split each; shards of one are one.

    Folders in the hub's layout (a README that lists the files, or Parquet or Arrow files) are left to `datasets`,
    and so is an image folder's file called metadata.
    """
    names = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    if any(path.suffix in TYPED_FORMATS for path in names) or _lists_files(folder / "README.md"):
        return {}
    splits: dict[str, list[str]] = {}
    for path in names:
        stem = re.sub(r"-\d{5}-of-\d{5}$", "", path.name.removesuffix(".gz").removesuffix(_ending(path.name)))
        if _ending(path.name) in TEXT_FORMATS and stem not in NO_DATA:
            splits.setdefault(stem, []).append(str(path))
    return {} if "metadata" in splits else splits


def _lists_files(readme: Path) -> bool:
    return readme.is_file() and "data_files" in readme.read_text(encoding="utf-8", errors="replace")


def _ending(file: str) -> str:
    """A file's ending, without that of a compression."""
    return Path(file.removesuffix(".gz")).suffix.lower()


def _kind(name: str, path: Path) -> str:
    if _ending(path.name) in TEXT_FORMATS:
        return "json"
    if path.suffix not in TYPED_FORMATS:
        known = ", ".join([*TYPED_FORMATS, *TEXT_FORMATS])
        raise UserError(f"Benchmark '{name}': {path} is not a data file; known endings: {known}.")
    return TYPED_FORMATS[path.suffix]


@contextmanager
def _explained(name: str, settings: Mapping[str, Any], config: str | None) -> Iterator[None]:
    """Turn what `datasets` and the hub raise into one sentence."""
    try:
        yield
    except UserError as error:
        raise UserError(str(error) if str(error).startswith("Benchmark") else f"Benchmark '{name}': {error}") from error
    except Exception as error:  # they pass on whatever their file readers and HTTP client raise
        passing = is_transient(error) or any(getattr(link, "errno", None) in FULL for link in causes(error))
        kind = NoSuchDataSet if isinstance(error, DatasetNotFoundError) else PassingError if passing else UserError
        raise kind(f"Benchmark '{name}': {_sentence(error, settings, config)}") from error


def _sentence(error: BaseException, settings: Mapping[str, Any], config: str | None) -> str:
    source, revision = settings["source"], settings.get("revision")
    chain = causes(error)
    texts = [str(link) for link in chain]

    # by name, since which httpx it is differs between versions of the hub client
    transport = any(kind.__name__ == "TransportError" for link in chain for kind in type(link).__mro__)

    def any_is(*kinds: type[BaseException]) -> bool:
        return any(isinstance(link, kinds) for link in chain)

    def any_says(*words: str) -> bool:
        return any(word in text for text in texts for word in words)

    if any(getattr(link, "errno", None) in FULL for link in chain) or any_says("disk space"):
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
        return f"{source} holds no data files (Parquet, Arrow, JSON lines, JSON, CSV or TSV)."
    deepest = texts[-1] or texts[0]  # what `datasets` itself says at last is "an error occurred"
    return f"{source} cannot be read: {deepest.splitlines()[0] if deepest else type(error).__name__}."
