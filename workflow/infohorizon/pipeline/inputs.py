"""What the scripts that run a model open: the model, their share of the questions, the encoded images."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from infohorizon import models, tables
from infohorizon.engine.batching import Batch
from infohorizon.errors import UserError
from infohorizon.models.base import Encoded, VisionLanguageModel
from infohorizon.models.geometry import batch_bytes, geometry
from infohorizon.pipeline.job import Job
from infohorizon.pipeline.sharding import select


def open_model(job: Job) -> tuple[VisionLanguageModel, dict[str, Any]]:
    """The job's model, on the job's threads, and what the tables record of it (source, revision, layers)."""
    torch.set_num_threads(job.threads)
    record = json.loads(Path(job.input.model).read_text())
    settings = {**job.params.configuration["model"], "revision": record["commit"]}
    model = models.load(record["source"], settings)
    return model, {"source": record["source"], "revision": record["revision"], "layers": model.depth}


def open_batch(job: Job, model: VisionLanguageModel) -> Batch:
    per_token = int(batch_bytes(geometry(model.model.config.to_dict()), 1, model.dtype.itemsize))
    return Batch(job.params.configuration["batch_size"], per_token, model.device)


def open_questions(job: Job, limit: int | None) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """This shard's questions as dicts, in the table's order, and what the tables record of the benchmark."""
    path = job.input.questions
    shards = job.params.configuration["shards"]
    chosen = select(tables.read(path, "benchmark"), limit, int(job.wildcards.shard), shards)
    return chosen.to_dicts(), tables.read_metadata(path)["benchmark"]


class Images(Mapping[str, Encoded]):
    """image_id → Encoded, from one part of the vision table; the file stays memory-mapped."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.table = tables.read_arrow(path, "vision")
        self.rows = {image_id: row for row, image_id in enumerate(self.table["image_id"].to_pylist())}

    def __getitem__(self, image_id: str) -> Encoded:
        if image_id not in self.rows:
            raise UserError(f"{self.path} lacks image {image_id}: delete it and run snakemake again.")
        row = self.rows[image_id]

        def value(name: str) -> Any:
            return self.table[name][row].as_py()

        def matrix(name: str, width: str) -> torch.Tensor:
            values = self.table[name][row].values
            return torch.from_numpy(np.array(values).reshape(-1, value(width)))

        return Encoded(
            (value("grid_height"), value("grid_width")),
            matrix("features", "feature_width"),
            torch.from_numpy(np.array(self.table["saliency"][row].values)),
            matrix("keys", "key_width"),
        )

    def __iter__(self) -> Any:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def vision_row(image_id: str, encoded: Encoded, wide: bool) -> dict[str, Any]:
    """One row of the vision table; features and keys in float32 where `wide`, else float16.

    Raises:
        UserError: a value that is not finite (or does not fit float16).
    """
    kind = np.float32 if wide else np.float16
    features, keys = (t.float().cpu().numpy().astype(kind) for t in (encoded.features, encoded.keys))
    if not (np.isfinite(features).all() and np.isfinite(keys).all()):
        raise UserError(f"image {image_id}: the vision tower gave values that are not finite; set dtype: float32.")
    return {
        "image_id": image_id,
        "grid_height": encoded.grid[0],
        "grid_width": encoded.grid[1],
        "frame": list(encoded.frame),
        "feature_width": features.shape[1],
        "features": features.ravel(),
        "saliency": encoded.saliency.float().cpu().numpy(),
        "key_width": keys.shape[1],
        "keys": keys.ravel(),
    }
