"""Candidates and what they did on the search split → chosen.json: for each budget the schedule of every role."""

import json
from pathlib import Path

from infohorizon.analysis.trials import Candidate, choose, mean_over_benchmarks, meets, read_trials
from infohorizon.atomic import write_text
from infohorizon.pipeline.job import Job, log, run


def main(job: Job) -> None:
    found = json.loads(Path(job.input.candidates).read_text(encoding="utf-8"))
    trials = read_trials(job.input, job.wildcards.model, job.params.settings["loss"])
    losses, shares = (mean_over_benchmarks(trials, column) for column in ("loss", "share"))
    candidates = [Candidate(**one) for one in found["candidates"]]
    for one in candidates:
        if not meets(one, shares[one.schedule]):
            kept = f"keeps {shares[one.schedule]:.3f} of the tokens, {one.tokens:.3f} were planned"
            log.warning("budget %g: %s is left out, it %s", one.budget, one.schedule, kept)
    roles = []
    for budget in dict.fromkeys(one.budget for one in candidates):
        chosen = choose([one for one in candidates if one.budget == budget], losses, shares)
        roles.append({"budget": budget, "roles": {role: one.schedule for role, one in chosen.items()}})
    names = {name for one in roles for name in one["roles"].values()}
    schedules = {name: plan for name, plan in found["schedules"].items() if name in names}
    write_text(job.output[0], json.dumps({"chosen": roles, "schedules": schedules}, indent=2) + "\n")


if __name__ == "__main__":
    run(main, snakemake)
