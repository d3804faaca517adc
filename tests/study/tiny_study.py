"""A model and a benchmark small enough to work out their costs by hand, and configurations for them."""

from pathlib import Path

import yaml

from infohorizon.models.geometry import Geometry
from infohorizon.study.catalogue import Size
from infohorizon.study.workload import Workload

ROOT = Path(__file__).resolve().parents[2]
# d 4, m 8, k 2, L 3, V 10; a tower of 100 parameters, one patch per visual token, 9 tokens per image
SHAPE = Geometry(3, 4, 8, 2, 10, 100, 1, None, 9, feature_width=6, key_width=2)
# P 35, N 9, M 5: a prompt of 49 tokens; 10 questions about 4 images; 2 answer tokens after the first
LOAD = Workload("m", "b", SHAPE, element=2, size=Size(10, 4, 100, text=5, answer=3), tokens=9)


def configuration(**changes):
    """config.yaml with some sections' keys replaced."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    for section, values in changes.items():
        config[section] = {**config[section], **values} if isinstance(values, dict) else values
    return config
