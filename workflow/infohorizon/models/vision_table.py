"""The vision table: what the vision tower gave for each image, written once and read by every other stage."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from infohorizon import tables
from infohorizon.errors import UserError
from infohorizon.models.base import Encoded

ATTENTION = ("saliency", "early_saliency", "received", "middle_received")


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

        attention: dict[str, Any] = {
            name: torch.from_numpy(np.array(self.table[name][row].values)) for name in ATTENTION
        }
        return Encoded(
            (value("grid_height"), value("grid_width")),
            matrix("features", "feature_width"),
            keys=matrix("keys", "key_width"),
            **attention,
        )

    def grid(self, image_id: str) -> tuple[int, int]:
        """Rows and columns of an image's visual tokens, without its features."""
        row = self.rows[image_id]
        return self.table["grid_height"][row].as_py(), self.table["grid_width"][row].as_py()

    def __iter__(self) -> Iterator[str]:
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
        "frame": encoded.frame,
        "feature_width": features.shape[1],
        "features": features.ravel(),
        **{name: getattr(encoded, name).float().cpu().numpy() for name in ATTENTION},
        "key_width": keys.shape[1],
        "keys": keys.ravel(),
    }
