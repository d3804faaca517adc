"""A model's source → models/{model}.json: where it is and exactly which weights (hub: downloaded, commit resolved).

Keys: source (folder or hub id), commit (hub commit, null for a folder), revision (commit, or a digest of the folder's
configuration and weights).
"""

import hashlib
import json
import os
from pathlib import Path

from infohorizon.models.hub import SUFFIXES, download
from infohorizon.pipeline import pins as lock
from infohorizon.pipeline.job import Job, run
from infohorizon.study.configuration import is_local


def digest(folder: Path) -> str:
    """sha256 over the names and bytes of the files that define a model."""
    sha = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.suffix in SUFFIXES:
            sha.update(file.name.encode() + b"\0")
            with file.open("rb") as stream:
                while block := stream.read(1 << 24):
                    sha.update(block)
    return "sha256:" + sha.hexdigest()


def main(job: Job) -> None:
    source, revision = job.params.configuration["source"], job.params.configuration.get("revision")
    if is_local(source):
        record = {"source": source, "commit": None, "revision": digest(Path(source).expanduser())}
    else:
        commit = download(source, revision or lock.pinned(job.output[0], source))
        lock.pin(job.output[0], source, commit)
        record = {"source": source, "commit": commit, "revision": commit}
    target = Path(job.output[0])
    temporary = target.with_suffix(".tmp")
    temporary.write_text(json.dumps(record, indent=2) + "\n")
    os.replace(temporary, target)


if __name__ == "__main__":
    run(main, snakemake)
