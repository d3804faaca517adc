"""What a study will cost before it runs: jobs, GPU hours, memory and disk of every stage. All of it is estimated."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from infohorizon import strategies
from infohorizon.models.geometry import Geometry, batch_bytes
from infohorizon.study.catalogue import Size
from infohorizon.study.configuration import schedules_of, stages_of, strategies_of
from infohorizon.study.cost import (
    gpu_seconds,
    head_flops,
    image_bytes,
    layer_flops,
    prefill_flops,
    present_tokens,
    resume_flops,
    start_seconds,
    trace_bytes,
    vision_flops,
    weight_bytes,
)
from infohorizon.units import layers_of, tokens_of

Config = Mapping[str, Any]
PREFIX = 35  # tokens before the image: vicuna_v1's; Qwen2.5-VL has 15
# Bytes of a table's row on disk, compressed, as small runs have them; an index in the column `kept`.
INFORMATION_ROW, SWEEP_ROW, KEPT = 34, 40, 2
ELEMENT = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}


@dataclass(frozen=True)
class Case:
    """One model on one benchmark: N visual tokens per image, `element` bytes per weight."""

    model: str
    benchmark: str
    shape: Geometry
    element: int
    size: Size
    tokens: int

    @property
    def sequence(self) -> int:
        """Tokens of a prompt: prefix, image, text."""
        return PREFIX + self.tokens + self.size.text

    def asked(self, limit: int | None) -> Size:
        """The part of the benchmark that a stage with this limit works on."""
        share = min(1.0, (limit or self.size.questions) / self.size.questions)
        questions, images = math.ceil(self.size.questions * share), math.ceil(self.size.images * share)
        return self.size._replace(questions=questions, images=images)


class Work(NamedTuple):
    """FLOPs, how often the weights are read to generate a token, and bytes on disk."""

    flops: float = 0.0
    reads: float = 0.0
    disk: float = 0.0

    def __mul__(self, times: float) -> "Work":
        return Work(self.flops * times, self.reads * times, self.disk * times)

    def __add__(self, other: "Work") -> "Work":
        return Work(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


class Row(NamedTuple):
    """A rule of the plan: jobs, GPU seconds of all and of the longest one, least GPU memory and disk in bytes."""

    rule: str
    jobs: int
    seconds: float = 0.0
    longest: float = 0.0
    memory: float = 0.0
    disk: float = 0.0


def vision(case: Case) -> Work:
    """Every image once."""
    each = Work(vision_flops(case.shape, case.tokens), 0, image_bytes(case.shape, case.tokens, case.element))
    return each * case.size.images


def answers(case: Case) -> Work:
    """Full and blind answers, one question at a time."""
    blind = prefill_flops(case.shape, PREFIX + case.size.text)
    each = Work(prefill_flops(case.shape, case.sequence) + blind, 0, 2 * SWEEP_ROW)
    return (each + _decode(case, rows=2, calls=2)) * case.size.questions


def information(case: Case, config: Config) -> Work:
    """One prefill; per layer every window alone, and none."""
    settings, text = config["information"], case.size.text
    area = settings["window"] ** 2
    windows = math.ceil(case.tokens / area)
    windows = windows if settings["windows"] == "all" else min(windows, settings["windows"])
    kept = case.tokens if settings["removal"] == "zero" else case.tokens - area
    kept = area if settings["removal"] == "delete" and settings["context"] == "text" else kept
    flops, layers = prefill_flops(case.shape, case.sequence), layers_of(settings["layers"], case.shape.layers)
    for layer in layers:
        flops += windows * resume_flops(case.shape, layer, kept + text, PREFIX)
        flops += resume_flops(case.shape, layer, text, PREFIX)
    each = Work(flops, 0, len(layers) * windows * INFORMATION_ROW)
    return each * case.asked(settings.get("limit")).questions


def sweep(case: Case, config: Config) -> Work:
    """One prefill for all strategies; per strategy, layer, keep and repeat one row. Selecting is left out."""
    settings = config["sweep"]
    each = Work(prefill_flops(case.shape, case.sequence))
    for entry in (strategies.entry(name, config["strategies"]) for name in settings["strategies"]):
        layers = layers_of(settings["layers"], case.shape.layers, max(1, entry.first_layer))
        repeats = settings["repeats"] if entry.random else 1
        for keep in [0] if entry.keeps_none else settings["keep"]:
            kept = tokens_of(keep, case.tokens)
            rows = len(layers) * repeats
            flops = repeats * sum(resume_flops(case.shape, layer, kept + case.size.text, PREFIX) for layer in layers)
            each += Work(flops, 0, rows * (SWEEP_ROW + settings["store_kept"] * kept * KEPT)) + _decode(case, rows)
    return each * case.asked(settings.get("limit")).questions


def schedules(case: Case, config: Config) -> Work:
    """One prefill; every schedule from its first layer on."""
    each = Work(prefill_flops(case.shape, case.sequence))
    for name in schedules_of(config):
        random = any(strategies.entry(s, config["strategies"]).random for s in strategies_of(config, name))
        stages = stages_of(config, name, case.shape.layers)
        present = present_tokens(stages, case.tokens, case.shape.layers)
        kept = config["sweep"]["store_kept"] * sum(present[layer] for layer, _, _ in stages)
        changed = present[next((l for l, n in enumerate(present) if n < case.tokens), len(present)) :]
        flops = sum(layer_flops(case.shape, PREFIX + n + case.size.text) for n in changed) + head_flops(case.shape)
        row = Work(flops, 0, SWEEP_ROW + kept * KEPT) + _decode(case, rows=1)
        each += row * (config["sweep"]["repeats"] if random else 1)
    return each * case.asked(config["schedule_run"].get("limit")).questions


def _decode(case: Case, rows: int, calls: int = 1) -> Work:
    """Answer tokens after the first: rows of them, in so many batches."""
    tokens = case.size.answer - 1
    one = case.shape.layers * layer_flops(case.shape, 1, case.sequence) + head_flops(case.shape)
    return Work(rows * tokens * one, calls * tokens)


def plan(config: Config, cases: list[Case]) -> list[Row]:
    """Rows of all stages in the order in which they run; the sweep's strategies make one row."""
    shards = config["shards"]
    models = {case.model: case for case in cases}.values()
    rows = [
        Row("fetch_model", len(models), disk=sum(case.shape.parameters * case.element for case in models)),
        Row("build_benchmark", len({case.benchmark for case in cases})),
        _row("encode_images", cases, vision, shards, trace=False),
        _row("answer_questions", cases, answers, shards),
        _row("measure_information", cases, lambda case: information(case, config), shards),
        _row("sweep_strategies", cases, lambda case: sweep(case, config), shards),
    ]
    if schedules_of(config):
        rows.append(_row("run_schedules", cases, lambda case: schedules(case, config), shards))
    return rows


def _row(rule: str, cases: list[Case], work: Callable[[Case], Work], shards: int, trace: bool = True) -> Row:
    seconds, disk, memory = [], 0.0, 0.0
    for case in cases:
        weights = weight_bytes(case.shape, case.element)
        held = trace_bytes(case.shape, case.sequence, case.size.text, case.element) if trace else 0
        memory = max(memory, weights + held + trace * batch_bytes(case.shape, case.sequence, case.element))
        stored = case.shape.parameters * case.element
        done = work(case)
        seconds.append(start_seconds(stored) + gpu_seconds(done.flops, done.reads, stored) / shards)
        disk += done.disk
    return Row(rule, len(seconds) * shards, sum(seconds) * shards, max(seconds, default=0), memory, disk)


def text(rows: list[Row]) -> Iterator[str]:
    """The plan's table, a line at a time."""
    yield f"{'rule':19}{'jobs':>7}{'GPU hours':>12}{'longest job':>13}{'GPU memory':>12}{'disk':>10}"
    total = Row(
        "total", *(sum(column) for column in list(zip(*rows, strict=True))[1:3]), disk=sum(r.disk for r in rows)
    )
    for row in [*rows, total]:
        hours = f"{row.seconds / 3600:.1f}" if row.seconds else "–"
        longest = f"{row.longest / 3600:.1f} h" if row.longest else "–"
        memory = f"{row.memory / 1e9:.0f} GB" if row.memory else "–"
        disk = f"{row.disk / 1e9:.1f} GB" if row.disk else "–"
        yield f"{row.rule:19}{row.jobs:>7}{hours:>12}{longest:>13}{memory:>12}{disk:>10}"
