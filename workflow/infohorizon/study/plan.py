"""What a study will cost before it runs: jobs, GPU hours, memory and disk of every rule. All of it is estimated."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from infohorizon.capacity import CALL
from infohorizon.models.geometry import batch_bytes
from infohorizon.study import rules
from infohorizon.study.cards import CARDS
from infohorizon.study.configuration import Config, recommendable, schedules_of
from infohorizon.study.cost import IMPORTS, LOADING, start_seconds, trace_bytes, visual_tokens, weight_bytes
from infohorizon.study.protocols import protocol_of
from infohorizon.study.rates import decode_seconds, work_seconds
from infohorizon.study.sharding import SPLITS
from infohorizon.study.sizes import Tables, benchmark_size, model_geometry
from infohorizon.study.timings import Used, comparison
from infohorizon.study.workload import Cost, Workload

ELEMENT = {"auto": 2, "float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}
# The rules that run a model, in their order.
COSTS = {
    "encode_images": rules.encode_images,
    "answer_questions": rules.answer_questions,
    "answer_downsampled": rules.answer_downsampled,
    "measure_information": rules.measure_information,
    "measure_removals": rules.measure_removals,
    "measure_states": rules.measure_states,
    "sweep_strategies": rules.sweep_strategies,
    "run_schedules": rules.run_schedules,
}
# What `snakemake recommend` runs after them, on each split of the questions.
TRIALS = {"try_schedules": rules.try_schedules, "try_downsampled": rules.try_downsampled}
# Rules whose calls are those of another, whose rate was counted; and the rules that are counted themselves.
ALIKE = {
    "answer_downsampled": "answer_questions",
    "try_downsampled": "answer_questions",
    "try_schedules": "run_schedules",
}
COUNTED = [rule for rule in COSTS if rule not in ALIKE]
NOTES = f"""
Estimates throughout: nothing was run for them. GPU hours are those of the card that `plan: {{card: …}}` names, modelled
from the operations of the engine's calls at 7B (docs/cost.md): no GPU was available to measure them. Each job has
{IMPORTS} s of imports and its weights at {LOADING / 1e9:g} GB/s from disk. Not counted: Python between kernels, answers
that run on, the rounding floor; horizon, figures and report, which take minutes on a CPU.
GPU memory is weights, cached prefill and a batch of one row; batch_size: auto takes up to {100 * CALL:.0f} % of what is
then free.
Disk of fetch_model is the download, kept in HF_HOME; the data sets' downloads and images are not counted.
"""


class Row(NamedTuple):
    """A rule of the plan: jobs, GPU seconds of all and of the longest one, least GPU memory and disk in bytes.

    each: seconds of a job (of the longer one where there are two), by (model, benchmark).
    """

    rule: str
    jobs: int
    seconds: float = 0.0
    longest: float = 0.0
    memory: float = 0.0
    disk: float = 0.0
    each: Mapping[tuple[str, str], float] = {}


def page(config: Config, here: Mapping[str, Tables], used: Sequence[Used] = ()) -> str:
    """The whole plan as text: what each benchmark is taken for, the table, and what it rests on.

    Args:
        here: tables of benchmarks that are already there, by the benchmark's name.
        used: jobs that have been run, for a comparison.
    """
    loads, lines = [], []
    for benchmark in config["run"]["benchmarks"]:
        size, known = benchmark_size(benchmark, config["benchmarks"][benchmark], here.get(benchmark))
        tokens = {}
        for model in config["run"]["models"]:
            settings = config["models"][model]
            shape = model_geometry(model, settings)
            protocol = protocol_of(config, model, benchmark)
            tokens[model] = visual_tokens(shape, size.pixels, protocol["min_pixels"], protocol["max_pixels"])
            loads.append(Workload(model, benchmark, shape, ELEMENT[settings["dtype"]], size, tokens[model]))
        lines.append(
            f"{benchmark} ({known}): {size.questions} questions, {size.images} images; visual tokens of each: "
            + ", ".join(f"{model} {count}" for model, count in tokens.items())
        )
    rows = plan(config, loads)
    lines += ["", *table(rows), "", *remarks(rows, config)]
    if recommendable(config):
        lines += ["", "snakemake recommend, after the sweep, at most:", *table(trials(config, loads))]
    compared = comparison({row.rule: row.each for row in rows}, used)
    return "\n".join([*lines, *compared, NOTES])


def remarks(rows: Sequence[Row], config: Config) -> Iterator[str]:
    """Which card the hours are of, which job is the longest, and whether there is time and memory for it."""
    card, limit = config["plan"]["card"], config["longest_job"]
    seconds, rule, (model, benchmark) = max(
        (seconds, row.rule, names) for row in rows for names, seconds in row.each.items()
    )
    hours = f"{seconds / 3600:.1f} h" if seconds >= 360 else f"{seconds / 60:.1f} min"
    yield f"Hours are those of one {card}. The longest job is {rule} of {model} on {benchmark}: {hours}."
    if limit and seconds > 60 * limit:
        yield f"That is more than longest_job ({limit} min) allows: raise `shards`."
    if (memory := max(row.memory for row in rows)) > CARDS[card].memory:
        yield f"{memory / 1e9:.0f} GB are needed, more than one {card} has ({CARDS[card].memory / 1e9:.0f} GB)."


def plan(config: Config, loads: Sequence[Workload]) -> list[Row]:
    """Rows of all rules that download or run a model, in their order."""
    models = {load.model: load for load in loads}.values()
    rows = [
        Row("fetch_model", len(models), disk=sum(load.stored for load in models)),
        Row("build_benchmark", len({load.benchmark for load in loads})),
    ]
    idle = {
        "answer_downsampled": not config["answers"]["downsample"],
        "run_schedules": not schedules_of(config),
        "measure_removals": not config["removals"]["names"],
    }
    rows += [
        _row(rule, [(load, cost(load, config)) for load in loads], config)
        for rule, cost in COSTS.items()
        if not idle.get(rule)
    ]
    return rows


def trials(config: Config, loads: Sequence[Workload]) -> list[Row]:
    """Rows of the rules of `recommend` that run a model."""
    return [
        _row(rule, [(load, cost(load, config, split)) for load in loads for split in SPLITS], config)
        for rule, cost in TRIALS.items()
    ]


def _row(rule: str, costs: Sequence[tuple[Workload, Cost]], config: Config) -> Row:
    """One job per cost and shard."""
    shards, each, total, disk, memory = config["shards"], {}, 0.0, 0.0, 0.0
    for load, cost in costs:
        work = cost_seconds(rule, cost, load, config["plan"]["card"], config["compile"])
        seconds = start_seconds(load.stored) + work / shards
        each[load.model, load.benchmark] = max(seconds, each.get((load.model, load.benchmark), 0.0))
        total += seconds * shards
        disk += cost.disk
        memory = max(memory, _memory(rule, load))
    longest = max(each.values(), default=0)
    return Row(rule, len(costs) * shards, total, longest, memory, disk, each)


def cost_seconds(rule: str, cost: Cost, load: Workload, card: str, compiled: bool = False) -> float:
    """Seconds of a rule's work on a card."""
    seconds = work_seconds(ALIKE.get(rule, rule), card, cost.flops, cost.layers, load.element, compiled)
    return seconds + decode_seconds(card, load.shape, load.stored, cost.steps, cost.decoded) + cost.choosing


def _memory(rule: str, load: Workload) -> float:
    """Bytes that a job needs at least: the weights, and where the decoder runs a trace and one row."""
    weights = weight_bytes(load.shape, load.element)
    if rule == "encode_images":
        return weights
    queries = load.size.text + (load.tokens if rule == "measure_states" else 0)
    trace = trace_bytes(load.shape, load.sequence, queries, load.element)
    return weights + trace + batch_bytes(load.shape, load.sequence, load.element)


def table(rows: Sequence[Row]) -> Iterator[str]:
    """The plan's table with its total, a line at a time."""
    yield f"{'rule':19}{'jobs':>7}{'GPU hours':>12}{'longest job':>13}{'GPU memory':>12}{'disk':>10}"
    total = Row(
        "total",
        jobs=sum(row.jobs for row in rows),
        seconds=sum(row.seconds for row in rows),
        disk=sum(row.disk for row in rows),
    )
    for row in [*rows, total]:
        hours = f"{row.seconds / 3600:.1f}" if row.seconds else "–"
        longest = f"{row.longest / 3600:.1f} h" if row.longest else "–"
        memory = f"{row.memory / 1e9:.0f} GB" if row.memory else "–"
        disk = f"{row.disk / 1e9:.1f} GB" if row.disk else "–"
        yield f"{row.rule:19}{row.jobs:>7}{hours:>12}{longest:>13}{memory:>12}{disk:>10}"
