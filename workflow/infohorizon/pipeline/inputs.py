"""What the scripts that run a model open: the model, their share of the questions, and the digests of both."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import torch

from infohorizon import benchmarks, models, tables
from infohorizon.benchmarks.base import Task
from infohorizon.engine import Batch
from infohorizon.errors import PassingError, UserError
from infohorizon.models import own_forward
from infohorizon.models.base import VisionLanguageModel
from infohorizon.pipeline import gpus
from infohorizon.pipeline.job import Job, log
from infohorizon.seeding import digest_of
from infohorizon.study.sharding import select
from infohorizon.tables.resumable import Compute


@dataclass(frozen=True)
class Questions:
    """One job's questions.

    Attributes:
        rows: question_id → its row of the benchmark table, `question` being the user turn, in the table's order.
        digests: question_id → digest of the user turn, the label and the encoded image.
        benchmark: what the tables record of the data set.
    """

    rows: Mapping[str, dict[str, Any]]
    digests: Mapping[str, str]
    benchmark: Mapping[str, Any]

    def cells(self, **keys: list[Any]) -> pl.DataFrame:
        """Every question with every row of the given key columns (lists of one length)."""
        asked = pl.DataFrame({"question_id": list(self.rows)}, schema={"question_id": pl.String})
        return asked.join(pl.DataFrame(keys), how="cross", maintain_order="left_right")


def open_questions(
    job: Job, limit: int | None = None, among: Callable[[pl.DataFrame], pl.DataFrame] = lambda questions: questions
) -> Questions:
    """This shard's questions, as many as `limit` says of those that `among` leaves of the benchmark table."""
    path, vision = job.input.questions, tables.read_cells(job.input.vision)
    frame = select(among(tables.read(path, "benchmark")), limit, int(job.wildcards.shard), job.config["shards"])
    rows = {row["question_id"]: row for row in asked(job, frame).to_dicts()}
    image = {name: [digest, vision["groups"]] for name, digest in vision["items"].items()}
    digests = {
        name: digest_of([row["question"], row["label"], image.get(row["image_id"])]) for name, row in rows.items()
    }
    return Questions(rows, digests, tables.read_metadata(path)["benchmark"])


def naming(benchmark: str, compute: Compute, rows: Mapping[str, Mapping[str, Any]] | None = None) -> Compute:
    """`compute` whose errors name the benchmark and the item: a question with its image, or an image.

    What was not foreseen (a device's fault, a file system's) may pass; what a UserError says does not.

    Args:
        rows: question_id → its row of the benchmark table; None where items are images.
    """

    def named(item: str, missing: list[dict[str, Any]]) -> list[Mapping[str, Any]]:
        try:
            return compute(item, missing)
        except Exception as error:
            place = f"image {item}" if rows is None else f"question {item}, image {rows[item]['image_id']}"
            foreseen = isinstance(error, UserError)
            reason = str(error) if foreseen else f"{type(error).__name__}: {error}"
            kind = PassingError if not foreseen or isinstance(error, PassingError) else UserError
            raise kind(f"{benchmark}, {place}: {reason}") from error

    return named


def open_task(job: Job) -> Task:
    """The rules of the job's benchmark, scored as its protocol says."""
    task = job.config["benchmarks"][job.wildcards.benchmark]["task"]
    return benchmarks.create(task, job.params.protocol["options"])


def asked(job: Job, questions: pl.DataFrame) -> pl.DataFrame:
    """Rows of a benchmark table with the user turn of the job's protocol in place of the data set's question."""
    task, protocol = open_task(job), job.params.protocol
    turns = [task.prompt(row, protocol["form"], protocol["ocr_tokens"]) for row in questions.iter_rows(named=True)]
    return questions.with_columns(question=pl.Series(turns, dtype=pl.String))


def decoding(job: Job) -> list[Any]:
    """What of the job's protocol decides an answer beside its prompt: length, repetition penalty, where it ends."""
    protocol = job.params.protocol
    decisive = [protocol["max_new_tokens"], protocol["repetition_penalty"]]
    return decisive if protocol["stop"] == "end" else [*decisive, protocol["stop"], job.params.scoring]


def model_record(job: Job) -> dict[str, Any]:
    """What the tables record of the model: source, revision, layers, dtype."""
    record = json.loads(Path(job.input.model).read_text(encoding="utf-8"))
    return {key: record[key] for key in ("source", "revision", "layers", "dtype")}


def group_digest(job: Job, *decisive: Any) -> str:
    """Digest of what decides a cell beside its question: the model's weights, their dtype, and settings and code as
    given."""
    record = model_record(job)
    return digest_of([record["revision"], record["dtype"], *decisive])


def open_model(job: Job) -> VisionLanguageModel:
    """The job's model, on the job's threads and on a GPU of its own where there are several, set to its protocol."""
    name, configured = job.wildcards.model, job.config["models"][job.wildcards.model]
    if configured["device"] == "auto":
        gpus.lease()
    gpus.expect(configured["device"], name)
    torch.set_num_threads(job.threads)
    _into_the_log()
    record = json.loads(Path(job.input.model).read_text(encoding="utf-8"))
    settings = {**configured, **job.params.protocol, "revision": record["commit"], "dtype": record["dtype"]}
    model = models.load(record["folder"] or record["source"], settings)
    log.info("%s on %s", name, gpus.described(model))
    if job.config["compile"]:
        logging.getLogger("torch._dynamo").propagate = True  # what cannot be compiled
        own_forward.compile_checked(name, model)
        log.info("its layers are compiled")
    return model


def _into_the_log() -> None:
    """What transformers has to say goes to the job's log, and its progress bars nowhere: terminals show jobs."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.disable_default_handler()
    logging.enable_propagation()
    logging.set_verbosity_warning()


def open_batch(job: Job, model: VisionLanguageModel) -> Batch:
    """The token budget of the job's decoder calls."""
    return model.batch(job.config["batch_size"])
