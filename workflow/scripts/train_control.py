"""A shorter training of smol-llava that differs from the others in one respect: an adapter folder and its curves."""

from pathlib import Path

import torch

from infohorizon.mini.pretrained import folder
from infohorizon.mini.pretrained.language_model import read
from infohorizon.mini.pretrained.training import new_adapter_training
from infohorizon.mini.pretrained.wheel import SMOLLM2
from infohorizon.mini.training.curves import write_history
from infohorizon.mini.training.decoder import train_model
from infohorizon.mini.training.recipe import AdapterRecipe
from infohorizon.pipeline.job import Job, log, run


def main(job: Job) -> None:
    torch.set_num_threads(job.threads)
    target = Path(job.output.model)
    checkpoint = target.with_suffix(".checkpoint")  # beside the output, which Snakemake removes when a job is killed
    tower = folder.shipped_tower(Path(job.input.adapter).parent)
    training = new_adapter_training(AdapterRecipe(**job.params.recipe), tower, read(Path(job.input.language_model)))
    records = train_model(training, checkpoint, lambda record: log.info("%s", record))
    folder.save(training.model, SMOLLM2, target)
    write_history(records, job.wildcards.control, job.output.history, job.output.svg, job.output.png)
    checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    run(main, snakemake)
