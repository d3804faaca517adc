"""A model's source → models/{model}.json: where it is and exactly which weights (hub: downloaded, commit resolved).

Keys: source (folder or hub id), folder (where a model that is not the hub's is: its source, or what an adapter was
merged into), commit (hub commit, null for a folder), revision (commit, or a digest of that folder's configuration and
weights), layers (of the decoder), dtype (as configured, or what `auto` means on the machine that runs this: all jobs of
the study use it, wherever they run).
"""

import json

from infohorizon.atomic import write_text
from infohorizon.models.geometry import decoder_config
from infohorizon.models.hub import SUFFIXES, is_local
from infohorizon.models.precision import resolved
from infohorizon.models.registry import fetch
from infohorizon.pipeline import pins
from infohorizon.pipeline.digest import content
from infohorizon.pipeline.job import Job, run


def main(job: Job) -> None:
    source, revision = job.params.settings["source"], job.params.settings.get("revision")
    dtype, device = job.params.settings["dtype"], job.params.settings.get("device", "auto")
    if is_local(source):
        folder, commit = fetch(str(job.input.merged) or source), None
    else:
        folder = fetch(source, revision or pins.pinned(job.output[0], source))
        commit = folder.name
        pins.pin(job.output[0], source, commit)
    files = [file for file in folder.iterdir() if file.suffix in SUFFIXES]
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    record = {
        "source": source,
        "folder": None if commit else str(folder),
        "commit": commit,
        "revision": commit or f"digest:{content(files)}",
        "layers": int(decoder_config(config)["num_hidden_layers"]),
        "dtype": resolved(dtype, device),
    }
    write_text(job.output[0], json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    run(main, snakemake)
