"""The learning curves of one model: loss and speed, and the share of exact answers per question family."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from infohorizon.figures import style

GROUPS = {
    "reading": ("reading", "place", "letter"),
    "perception": ("color", "shape", "side", "existence", "is_color", "is_side"),
    "knowledge": ("knowledge", "fact", "fact_choice", "option", "country", "country_fact"),
}


def write_history(records: Sequence[Mapping[str, Any]], name: str, history: str, svg: str, png: str) -> None:
    """Write what `train_model` recorded as CSV, and draw it."""
    frame = pl.DataFrame(records, infer_schema_length=None)
    frame.write_csv(history)
    style.save(curves_figure(frame, name), svg, png)


def curves_figure(history: pl.DataFrame, title: str) -> Figure:
    """history: the records of `train_model`, one row each; validation is drawn as dots over the training lines."""
    figure = Figure(figsize=(9.5, 5.5), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(2, 2, sharex=True).ravel()
    train = history.filter(split="train")
    validation = history.filter(split="validation")
    loss, speed = panels[0], panels[0].twinx()
    loss.plot(train["step"], train["loss"], color=style.INK)
    loss.set(title="loss (black) and speed (grey)", ylabel="loss", ylim=(0, 2))
    speed.plot(train["step"], train["images_per_second"], color=style.GREY, linewidth=0.8)
    speed.set(ylabel="images per second", ylim=(0, None))
    for panel, (group, families) in zip(panels[1:], GROUPS.items(), strict=True):
        for index, family in enumerate(family for family in families if family in history.columns):
            look = style.series_look(index)
            panel.plot(train["step"], train[family], color=look.color, label=family)
            panel.plot(validation["step"], validation[family], "o", color=look.color, markersize=3)
        panel.set(title=group, ylabel="exact answers", ylim=(-0.03, 1.03))
        panel.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=7)
    for panel in panels[2:]:
        panel.set_xlabel("step")
    return figure
