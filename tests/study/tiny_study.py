"""A model and a benchmark small enough to work out their costs by hand, and configurations for them."""

import copy
from pathlib import Path

import yaml

from infohorizon.models.geometry import Geometry
from infohorizon.study.catalogue import Size
from infohorizon.study.workload import Workload

ROOT = Path(__file__).resolve().parents[2]
STUDY = ("config.yaml", "studies/mini.yaml")
# d 4, m 8, k 2, L 3, V 10; a tower of 100 parameters, one patch per visual token, 9 tokens per image
SHAPE = Geometry(3, 4, 8, 2, 10, 100, 1, None, 9, feature_width=6, key_width=2)
# P 35, N 9, M 5: a prompt of 49 tokens; 10 questions about 4 images; 2 answer tokens after the first
LOAD = Workload("m", "b", SHAPE, element=2, size=Size(10, 4, 100, text=5, answer=3), tokens=9)


def full_study():
    """config.yaml extended by studies/mini.yaml: every stage, layer and strategy."""
    config, study = (yaml.safe_load((ROOT / name).read_text(encoding="utf-8")) for name in STUDY)
    return merged(config, study)


def merged(config, changes):
    """What `--configfile` does: dictionaries merge, everything else replaces."""
    config = copy.deepcopy(config)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(config.get(key), dict)
        config[key] = merged(config[key], value) if both else value
    return config


def configuration(**changes):
    """The full study with some sections' keys replaced."""
    config = full_study()
    for section, values in changes.items():
        config[section] = {**config[section], **values} if isinstance(values, dict) else values
    return config
