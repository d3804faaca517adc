"""Heat maps of token information over example images, layer by layer, on one signed scale."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from infohorizon.benchmarks.images import decode
from infohorizon.figures import style
from infohorizon.figures.examples import Example, spaced

LOSS, GAIN = "#2166ac", "#b2182b"  # as in the report's explorer
PADDING = "grey"
COLOURS = LinearSegmentedColormap.from_list("information", [LOSS, "white", GAIN])


def heatmaps_figure(examples: Sequence[Example], columns: int = 8) -> Figure:
    """One row an example: its image, then the maps at up to `columns` layers; one colour bar for all."""
    if not examples:
        return style.empty("No token information was measured in this study.")
    columns = min(columns, max(len(example.layers) for example in examples))
    limit = max(float(np.nanmax(np.abs(example.information))) for example in examples) or 1.0
    figure, axes = style.panels(len(examples), 1 + columns, 1.35, 1.95)
    for row, example in enumerate(examples):
        picture = seen(example)
        shown = spaced(len(example.layers), columns)
        for panel in axes[row]:
            panel.set_axis_off()
        axes[row, 0].imshow(picture)
        axes[row, 0].set_title("\n\n\nimage", fontsize=8)  # empty lines: room for the caption, which spans the row
        caption = {"xytext": (0, 18), "xycoords": "axes fraction", "textcoords": "offset points", "fontsize": 8}
        axes[row, 0].annotate(_caption(example, 24 * (1 + columns)), (0, 1), **caption).set_in_layout(False)
        for place, index in enumerate(shown):
            panel = axes[row, 1 + place]
            panel.imshow(overlaid(picture, upsampled(example, index), limit))
            panel.set_title(f"layer {example.layers[index]}", fontsize=8)
    bar = ScalarMappable(Normalize(-limit, limit), COLOURS)
    figure.colorbar(
        bar,
        ax=axes,
        location="bottom",
        shrink=0.5,
        aspect=40,
        pad=0.01,
        label="information of the window (difference in probability)",
    )
    return figure


def seen(example: Example, limit: int = 224) -> Image.Image:
    """The image as the model saw it: cropped, squashed or padded (grey) to the token grid, `limit` pixels a side."""
    image, frame, (rows, columns) = decode(example.image), example.frame, example.grid
    left, top, right, bottom = (round(edge) for edge in frame)
    covered = Image.new("RGB", (max(1, right - left), max(1, bottom - top)), PADDING)
    covered.paste(image, (-left, -top))
    token = min(limit, max(covered.size)) / max(rows, columns)
    return covered.resize((max(1, round(columns * token)), max(1, round(rows * token))))


def upsampled(example: Example, index: int) -> NDArray[np.float64]:
    """Information of each token (rows, columns) of the grid: that of its window, at layer number `index`."""
    rows, columns = example.grid
    across = -(-columns // example.window)
    windows = example.information[index].reshape(-1, across)
    return windows.repeat(example.window, 0).repeat(example.window, 1)[:rows, :columns]


def overlaid(picture: Image.Image, values: NDArray[np.float64], limit: float) -> NDArray[np.uint8]:
    """The picture in pale grey under the colours of `values`: the larger |value|, the more opaque; NaN: none."""
    backdrop = 255 - (255 - np.asarray(picture.convert("L"), dtype=float)) * 0.5
    values = np.nan_to_num(values)
    spread = np.array(Image.fromarray(values.astype(np.float32)).resize(picture.size, Image.Resampling.NEAREST))
    colour = 255 * COLOURS((spread > 0).astype(float))[..., :3]
    opacity = np.minimum(1, np.abs(spread) / limit)[..., None] * 0.9
    return (opacity * colour + (1 - opacity) * backdrop[..., None]).round().astype(np.uint8)


def _caption(example: Example, width: int) -> str:
    """Model and benchmark, then question and label, cut to two lines of `width` characters, over the whole row."""
    asked = f"Question: {_line(example.question)} — label: {_line(example.label)}"
    lines = textwrap.wrap(asked, width, max_lines=2, placeholder=" …")
    return "\n".join([f"{example.model} on {example.benchmark}", *lines])


def _line(text: str) -> str:
    return " ".join(text.split())
