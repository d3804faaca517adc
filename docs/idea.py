"""The picture of the README: one question, asked again with fewer and fewer visual tokens, and its information horizon.

    python docs/idea.py docs/idea.png

Heat maps and curve are measured, on the bundled mini-llava (8 layers, 64 visual tokens); the rest is a sketch.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from PIL import Image

from infohorizon.figures import style
from infohorizon.measure import Asked, token_information
from infohorizon.models import load

ROOT = Path(__file__).resolve().parents[1]
QUESTION, LABEL = "what shape is red?", "ring"
SHOWN = (0, 4, 5, 6)  # layers with a heat map
VISUAL, TEXT, GONE = "#0072B2", "#7a7a7a", "#dddddd"
BEYOND = "#D55E00"


def measure(picture: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Of each layer: information of the windows, (layers, rows, columns), and what the label is worth without any."""
    model = load(str(ROOT / "resources/models/mini-llava"))
    asked = Asked("1", QUESTION, LABEL, model.encode([picture])[0])
    rows = token_information(model, asked, range(model.depth), model.batch())
    information = np.array([row["information"] for row in rows]).reshape(model.depth, 4, 4)
    blind = np.array([row["text_probability"] for row in rows]).reshape(model.depth, 16)[:, 0]
    return information, blind


def draw(picture: Image.Image, information: np.ndarray, blind: np.ndarray) -> Figure:
    """Four steps from left to right."""
    figure = Figure(figsize=(10.8, 3.4), layout="constrained")
    columns = figure.subfigures(1, 4, width_ratios=[0.95, 1.7, 1.15, 1.75], wspace=0.03)
    titles = ("1  Ask a question", "2  Run once, resume with fewer tokens")
    for column, title in zip(columns, (*titles, "3  Which windows tell?", "4  Find the horizon"), strict=True):
        column.suptitle(title, fontsize=10, fontweight="bold", x=0.02, ha="left")
    draw_question(columns[0].subplots(), picture)
    passes = columns[1].subplots(1, 2)
    draw_pass(passes[0], "the pass", len(information), len(information))
    draw_pass(passes[1], "a window from layer 4", len(information), 4)
    maps = columns[2].subplots(2, 2).ravel()
    draw_maps(maps, picture, information)
    draw_horizon(columns[3].subplots(), information, blind)
    return figure


def draw_question(panel: Axes, picture: Image.Image) -> None:
    """The image under the grid of its visual tokens, with question and answer."""
    panel.imshow(picture, interpolation="nearest")
    ticks = np.arange(0, picture.width + 1, picture.width / 8)
    panel.set(xticks=ticks, yticks=ticks, xticklabels=[], yticklabels=[])
    panel.grid(color="white", linewidth=0.5, alpha=0.6)
    panel.set_axisbelow(False)
    panel.tick_params(length=0)
    panel.set_xlabel(f"“{QUESTION}”\nlabel: {LABEL}", fontsize=11)


def draw_pass(panel: Axes, title: str, depth: int, left: int) -> None:
    """A row of tokens for each layer's input, bottom up; from layer `left` on only one window of visual tokens."""
    kept = (5, 6)
    for layer in range(depth):
        for token in range(16):
            there = layer < left or token in kept
            edge = "none" if there else GONE
            style_of = {"facecolor": VISUAL if there else "none", "edgecolor": edge, "linewidth": 0.6}
            panel.add_patch(Rectangle((token, layer), 0.7, 0.6, **style_of, alpha=0.45 if layer < left < depth else 1))
        for token in range(17, 21):
            panel.add_patch(Rectangle((token, layer), 0.7, 0.6, color=TEXT, alpha=0.45 if layer < left < depth else 1))
    panel.add_patch(FancyArrowPatch((20.35, depth - 0.3), (20.35, depth + 0.75), arrowstyle="-|>", mutation_scale=9))
    panel.text(19.6, depth + 0.3, f"p({LABEL})", ha="right", va="center", fontsize=10)
    if left < depth:
        panel.axhline(left - 0.2, color=BEYOND, linewidth=1.3)
    panel.set(xlim=(-0.6, 21.6), ylim=(-0.3, depth + 0.9), xticks=[8, 19], yticks=np.arange(depth) + 0.3)
    panel.set_xticklabels(["visual tokens", "text"], fontsize=9)
    panel.set_yticklabels([str(layer) for layer in range(depth)])
    panel.grid(False)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    panel.set_title(title, fontsize=9.5)
    if left == depth:
        panel.set_ylabel("layer", fontsize=10)


def draw_maps(panels: Sequence[Axes], picture: Image.Image, information: np.ndarray) -> None:
    """Over the image, the information of each window at some layers."""
    for panel, layer in zip(panels, SHOWN, strict=True):
        edge = (-0.5, picture.width - 0.5, picture.height - 0.5, -0.5)
        panel.imshow(picture.convert("L"), cmap="gray", extent=edge, alpha=0.75)
        shade = np.clip(np.abs(information[layer]), 0, 1)
        panel.imshow(np.ones_like(shade), cmap="Oranges", vmin=0, vmax=1.3, extent=edge, alpha=0.7 * shade)
        panel.set(xticks=[], yticks=[])
        panel.set_title(f"layer {layer}", fontsize=10)


def draw_horizon(panel: Axes, information: np.ndarray, blind: np.ndarray) -> None:
    """The largest information of a window, and the label's probability without any visual token, by layer."""
    depth = len(information)
    horizon = next(l for l in range(depth) if np.abs(information[l:]).max() <= 0.1)
    panel.axvspan(horizon, depth - 0.6, color=BEYOND, alpha=0.12, linewidth=0)
    panel.axvline(horizon, color=BEYOND, linewidth=1.5)
    panel.plot(np.abs(information).max((1, 2)), "o-", color=VISUAL, label="best window")
    panel.plot(blind, "s--", color=style.INK, label="p(ring), no image")
    note = {"color": BEYOND, "fontsize": 10, "va": "center"}
    panel.text(horizon, 1.14, "information horizon", ha="center", **note)
    panel.text((horizon + depth - 0.6) / 2, 0.5, "drop\nthem\nall", ha="center", **note)
    panel.set(xlim=(-0.3, depth - 0.6), ylim=(-0.04, 1.08), xticks=range(depth))
    panel.set_xlabel("layer at whose input tokens leave", fontsize=10)
    panel.set_ylabel("information; probability", fontsize=10)
    panel.legend(fontsize=9, loc="center left", bbox_to_anchor=(0, 0.5))


def main() -> None:
    picture = Image.open(ROOT / "docs/picture.png").convert("RGB")
    draw(picture, *measure(picture)).savefig(sys.argv[1], dpi=150, metadata={"Software": None})


if __name__ == "__main__":
    main()
