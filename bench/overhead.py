"""How a finished study's time divides: the rules' own computing against Snakemake and imports.

    python bench/overhead.py results --cores 2

Reads the `benchmark:` files (seconds and peak memory of every job) and the logs ("computed in … s" starts after the
imports; the first and the last line of all logs bound the wall time).
"""

import argparse
import re
from datetime import datetime
from pathlib import Path

import polars as pl


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--cores", type=int, required=True)
    arguments = parser.parse_args()
    rows, times = [], []
    for file in sorted((arguments.results / "timings").rglob("*.tsv")):
        log = arguments.results / "logs" / file.relative_to(arguments.results / "timings").with_suffix(".log")
        text = log.read_text() if log.exists() else ""
        computed = re.search(r"computed in ([\d.]+) s", text)
        if computed is None:  # not of this run
            continue
        times += [datetime.fromisoformat(stamp) for stamp in re.findall(r"^(\d{4}-\S+ [\d:]+),", text, re.M)]
        job = pl.read_csv(file, separator="\t", null_values=["-", "NA"])
        rule = file.relative_to(arguments.results / "timings").parts[0].removesuffix(".tsv")
        rows.append((rule, float(job["s"][0]), float(computed[1]), float(job["max_rss"][0] or 0)))
    frame = pl.DataFrame(rows, schema=["rule", "seconds", "computed", "peak_mb"], orient="row")
    table = frame.group_by("rule").agg(pl.len().alias("jobs"), pl.sum("seconds", "computed"), pl.max("peak_mb"))
    print("| rule | jobs | seconds | of them computing | peak MB of a job |\n|---|---|---|---|---|")
    for rule, jobs, seconds, computed, peak in table.sort("seconds", descending=True).iter_rows():
        print(f"| {rule} | {jobs} | {seconds:.0f} | {computed:.0f} | {peak:.0f} |")
    wall, computing = (max(times) - min(times)).total_seconds(), frame["computed"].sum()
    share = 1 - computing / (wall * arguments.cores)
    print(f"\nWall time {wall / 60:.1f} min on {arguments.cores} cores; {share:.0%} of core time not the rules' own.")


if __name__ == "__main__":
    main()
