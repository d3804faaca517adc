"""Do confidence sets and intervals hold the truth as often as they say, and do tests err no more often than they say?

Made-up studies with a known truth (simulated_scores.py, simulated_information.py) are analysed by the project's own
functions, again and again:

    python bench/coverage.py [studies] [--out docs/coverage.md]

Each line is a setting: what was simulated, how often the truth was covered (at least 0.95 is claimed), and how often a
test erred (at most 0.05 is claimed). The standard error of a rate of 0.05 over 2000 studies is 0.005.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import simulated_information as information
import simulated_scores as scores
from simulated_scores import Setting
from tqdm import tqdm


@dataclass(frozen=True)
class Rates:
    """Over many studies: how often the truth was covered and a test erred; None where the setting has no such thing."""

    what: str
    coverage: float | None
    errors: float | None


def run(setting: Setting, studies: int, seed: int) -> Rates:
    """Analyse so many studies; equal seeds give equal rates."""
    found = [setting.study(np.random.default_rng([seed, number])) for number in range(studies)]
    covered, erred = zip(*found, strict=True)
    rates = [None if column[0] is None else float(np.mean(column)) for column in (covered, erred)]
    return Rates(setting.what, *rates)


def settings() -> Iterator[Setting]:
    """All settings of the published table."""
    yield from scores.settings()
    yield from information.settings()


def table(found: list[Rates], studies: int) -> str:
    """The rates as Markdown."""
    lines = [
        "# Coverage of intervals",
        "",
        "How often confidence sets and intervals contain a known truth (at least 0.95 is claimed), and how often tests",
        "err (at most 0.05 is claimed), by simulation.",
        "",
        f"{studies} studies each; 95 % confidence, 5 % level.",
        "",
        "| setting | covered | erred |",
        "|---|---|---|",
    ]
    for rates in found:
        cells = ["–" if rate is None else f"{rate:.3f}" for rate in (rates.coverage, rates.errors)]
        lines.append(f"| {rates.what} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", extremes(found)]) + "\n"


def extremes(found: list[Rates]) -> str:
    """The lowest coverage and the highest rate of errors."""
    least = min((rates.coverage, rates.what) for rates in found if rates.coverage is not None)
    most = max((rates.errors, rates.what) for rates in found if rates.errors is not None)
    return f"Lowest coverage: {least[0]:.3f} ({least[1]}).\nHighest rate of errors: {most[0]:.3f} ({most[1]})."


def main() -> None:
    parser = argparse.ArgumentParser(description="Coverage of intervals and error rates of tests, by simulation.")
    parser.add_argument("studies", type=int, nargs="?", default=2000)
    parser.add_argument("--out", type=Path, help="Markdown file to write the table to")
    arguments = parser.parse_args()
    found = [run(setting, arguments.studies, seed=0) for setting in tqdm(list(settings()))]
    text = table(found, arguments.studies)
    print(text)
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
