r"""Time and memory of the analysis of a large study: its real rules on made-up tables (made_up.py), growing.

    python bench/whole_study.py build/analysis --shares 1/64 1/16 1/4 1 --figure docs/growth_analysis.png \
        --docs docs/cost.md

Each share of the questions of studies/paper.yaml is written to the folder; Snakemake runs one group of rules after the
other on one core, each in a process of its own whose processor time and largest resident memory are taken; these depend
little on what else the machine does. `--keep` leaves the tables there, `--docs` writes the table between the markers of
a page.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from infohorizon import tables
from infohorizon.figures import style
from infohorizon.pipeline.docs import ROOT, renew

STUDY = "studies/paper.yaml"
FIGURES = ("information", "removals", "states", "sweep", "horizon", "schedules", "heatmaps")
# What is measured together: rules and what they make.
GROUPS = {
    "metrics": (["compute_metrics"], ["metrics.arrow", "losses.arrow"]),
    "horizons, comparisons, findings": (["estimate_horizons"], ["horizon.arrow", "comparison.arrow", "findings.arrow"]),
    "figures": (
        [*(f"draw_{name}" for name in FIGURES if name != "horizon"), "draw_horizons"],
        [f"figures/{name}.svg" for name in FIGURES],
    ),
    "report": (["build_report"], ["report.html"]),
}


class Used(NamedTuple):
    """What a group of rules took at one share of the questions."""

    share: Fraction
    questions: int
    group: str
    seconds: float
    processor: float  # seconds, of all threads
    peak: float  # bytes of the largest process


def write(folder: Path, share: Fraction) -> int:
    """Write a share of the study, unless it is there; returns its questions.

    In a process of its own: the peak of a process that is started is never below that of the one which starts it.
    """
    if not folder.exists():
        script = Path(__file__).with_name("made_up.py")
        subprocess.run([sys.executable, script, folder, "--study", STUDY, "--share", str(share)], check=True)
    paths = folder.glob("benchmarks/*.arrow")
    return sum(tables.read(path, "benchmark").height for path in paths if not path.stem.endswith("images"))


def run(folder: Path, group: str) -> tuple[float, float, float]:
    """Run a group of rules on the tables of a folder: seconds, processor time, and bytes of the largest process."""
    rules, outputs = GROUPS[group]
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--configfile", ROOT / STUDY]
    command += ["--directory", folder.parent, "--config", f"results={folder.name}", "--cores", "1", "--quiet", "all"]
    command += ["--rerun-triggers", "mtime", "--forcerun", *rules, "--allowed-rules", *rules, "--"]
    start = time.perf_counter()
    targets = [f"{folder.name}/{output}" for output in outputs]
    job = subprocess.Popen([*map(str, command), *targets], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(job.pid, 0)
    if status:
        sys.exit(f"{group} failed: see {folder}/logs")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024.0


def page(used: Sequence[Used]) -> str:
    """A line for each group, processor time and memory at each size."""
    sizes = {one.questions: one.share for one in used}
    lines = ["| rules | " + " | ".join(f"{count} questions" for count in sizes) + " |", "|---" * (1 + len(sizes)) + "|"]
    for group in GROUPS:
        cells = {one.questions: f"{one.processor:.0f} s, {one.peak / 1e9:.1f} GB" for one in used if one.group == group}
        lines.append(f"| {group} | " + " | ".join(cells.get(count, "–") for count in sizes) + " |")
    totals = [[one for one in used if one.questions == count] for count in sizes]
    cells = [f"{sum(one.processor for one in at):.0f} s, {max(one.peak for one in at) / 1e9:.1f} GB" for at in totals]
    return "\n".join([*lines, "| all | " + " | ".join(cells) + " |"])


def draw(used: Sequence[Used]) -> Figure:
    """Processor time and largest memory of each group against questions."""
    figure = Figure(figsize=(8, 2.9), layout="constrained")
    seconds, memory = figure.subplots(1, 2)
    for index, group in enumerate(GROUPS):
        own = sorted(one for one in used if one.group == group)
        amounts, look = [one.questions for one in own], style.series_look(index)
        seconds.plot(amounts, [one.processor for one in own], **look.line(), label=group)
        memory.plot(amounts, [one.peak / 1e9 for one in own], **look.line(), label=group)
    seconds.set(xlabel="questions", ylabel="processor time (s)", xlim=(0, None), ylim=(0, None))
    memory.set(xlabel="questions", ylabel="largest memory (GB)", xlim=(0, None), ylim=(0, None))
    seconds.legend(fontsize=7)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shares", nargs="+", type=Fraction, default=[Fraction(1, 64), Fraction(1, 16)])
    parser.add_argument("--groups", nargs="+", choices=list(GROUPS), default=list(GROUPS))
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--docs", type=Path)
    chosen = parser.parse_args()
    used: list[Used] = []
    for share in chosen.shares:
        folder = chosen.folder.resolve() / f"share-{share.denominator}"
        start = time.perf_counter()
        questions = write(folder, share)
        size = sum(file.stat().st_size for file in folder.rglob("*.arrow"))
        print(f"{questions} questions: {size / 1e9:.2f} GB written in {time.perf_counter() - start:.0f} s", flush=True)
        for group in chosen.groups:
            used.append(Used(share, questions, group, *run(folder, group)))
            seconds, processor, peak = used[-1][3:]
            print(f"{group}: {seconds:.0f} s, processor {processor:.0f} s, {peak / 1e9:.2f} GB", flush=True)
        if not chosen.keep:
            shutil.rmtree(folder)
    print(page(used))
    if chosen.figure:
        draw(used).savefig(chosen.figure, dpi=150)
    if chosen.docs:
        renew(chosen.docs, "analysis", page(used), "bench/whole_study.py")


if __name__ == "__main__":
    main()
