"""An adapter folder and its language model → a model folder, as `save_pretrained` writes it."""

from pathlib import Path

from infohorizon.mini.pretrained.folder import assemble
from infohorizon.mini.pretrained.language_model import read
from infohorizon.mini.pretrained.wheel import SMOLLM2
from infohorizon.pipeline.job import Job, run


def main(job: Job) -> None:
    model, processor = assemble(Path(job.input[0]).parent, read(Path(job.input.language_model)), SMOLLM2)
    model.save_pretrained(job.output[0])
    processor.save_pretrained(job.output[0])


if __name__ == "__main__":
    run(main, snakemake)
