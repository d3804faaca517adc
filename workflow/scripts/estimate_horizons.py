"""All tables of a run → the horizons, the paired comparisons and the paper's findings."""

from typing import Any

import polars as pl

from infohorizon import tables
from infohorizon.analysis import observations
from infohorizon.analysis.collapse import collapses
from infohorizon.analysis.comparisons import comparisons
from infohorizon.analysis.criteria import Criterion, Settings, criteria
from infohorizon.analysis.findings import READING_TASKS, Study, findings
from infohorizon.analysis.horizons import Whose, horizons, out_of_reach
from infohorizon.analysis.panels import Tables, read_tables
from infohorizon.analysis.selection import selections
from infohorizon.pipeline.job import Job, log, run


def main(job: Job) -> None:
    configuration = job.params.settings
    settings = Settings(**configuration["horizon"], seed=configuration["seed"])
    places = [tables.place(path, "answers") for path in job.input.answers]
    pairs = list(dict.fromkeys((found["model"], found["benchmark"]) for found in places))
    rows: dict[str, list[dict[str, Any]]] = {"horizon": [], "comparison": []}
    every = {}
    for model, benchmark in job.progress(pairs, len(pairs), "benchmark"):
        whose = Whose(model, benchmark, configuration["depths"][model])
        own = read_tables(job.input, model, benchmark, whose.depth, configuration["matched"])
        found, every[whose] = measured(whose, own, settings)
        for sentence in [*out_of_reach(found, settings), *unequal(own, found)]:
            log.warning(sentence)
        rows["horizon"] += found
        rows["comparison"] += comparisons(own, configuration["baselines"], settings)
        rows["comparison"] += selections(own, configuration["oracles"], settings)
        del own  # before the next ones are read
    questions = observations.questions(job.input.questions)
    rows["findings"] = findings(
        Study(
            every,
            pl.DataFrame(tables.from_rows("comparison", rows["comparison"])),
            observations.answers(job.input.answers, questions),
            frozenset(name for name, task in configuration["tasks"].items() if READING_TASKS & {name, task}),
            frozenset(configuration["oracles"]),
            collapses(observations.states(job.input.states, questions)),
        ),
        settings,
    )
    metadata = job.metadata(**observations.sources(job.input.answers))
    for name, table in rows.items():
        tables.write(job.output[name], name, table, metadata)


def measured(whose: Whose, own: Tables, settings: Settings) -> tuple[list[dict[str, Any]], list[Criterion]]:
    """Rows of the horizon table, and the criteria that the findings take.

    A criterion keeps its resamples: those of a category or a removal, which may be many, go once their rows are made.
    """
    rows, kept = [], []
    for criterion in criteria(own, settings):
        rows += horizons(whose, [criterion], settings)
        if not (criterion.category or criterion.removal):
            kept.append(criterion)
    return rows, kept


def unequal(own: Tables, found: list[dict[str, Any]]) -> list[str]:
    """A sentence for each strategy without a row of the horizon table: it never kept as many tokens as its random."""
    decided = {row["strategy"] for row in found}
    return [
        f"{own.model} on {own.benchmark}: {strategy} never keeps as many tokens as {own.random_for(strategy)}: it has "
        f"no horizon against random; add a strategy {{strategy: random, match: {strategy}}} to the sweep"
        for strategy in own.compared_with_random()
        if strategy not in decided
    ]


if __name__ == "__main__":
    run(main, snakemake)
