"""Random checkpoints of all classes and tiny data sets in the hub's layout, for studies/smoke.yaml.

python tests/smoke_inputs.py build/smoke
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "tests")]

TASKS = ("mme", "textvqa")


def write(folder: Path, images: int = 4) -> None:
    """Write what studies/smoke.yaml names, where it is not there yet."""
    from benchmarks.fixtures import WRITERS
    from checkpoints import WRITERS as MODELS

    for name, make in MODELS.items():
        if not (folder / name / "config.json").exists():
            make(folder / name)
    for task in TASKS:
        if not (folder / task).exists():
            WRITERS[task](folder / task, images)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
