"""Copy a model that `snakemake train` has made into a folder that a study can name, with its metrics and its card.

python -m infohorizon.mini.training.bundle results/train/mini-llava resources/models/mini-llava
"""

import argparse
import shutil
import sys
from pathlib import Path

from infohorizon.errors import UserError


def bundle(trained: Path, target: Path) -> None:
    """Copy the files of a model folder; <folder>.metrics.json becomes metrics.json, <folder>.card.md README.md.

    Raises:
        UserError: the folder, its metrics or its card is missing.
    """
    beside = {trained.with_name(f"{trained.name}.metrics.json"): "metrics.json"}
    beside[trained.with_name(f"{trained.name}.card.md")] = "README.md"
    for needed in (trained / "config.json", *beside):
        if not needed.is_file():
            raise UserError(f"{needed} does not exist: run `snakemake train` first.")
    target.mkdir(parents=True, exist_ok=True)
    for file in trained.glob("[!.]*"):  # Snakemake leaves a hidden file of its own
        shutil.copyfile(file, target / file.name)
    for file, name in beside.items():
        shutil.copyfile(file, target / name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trained", type=Path, help="the folder of a trained model: results/train/NAME")
    parser.add_argument("target", type=Path, help="where it goes: resources/models/NAME")
    arguments = parser.parse_args()
    try:
        bundle(arguments.trained, arguments.target)
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
