"""The figures of the evaluation pages, as SVG that follows the page's light and dark mode."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Mapping
from typing import Any, Final

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure

SIZE: Final = (5.2, 4.2)
"""Inches; small, so that the words in a figure stay readable on a phone."""

_INK: Final = "#010203"
"""Stands for the page's text colour: `image` gives it the colour of the reader's mode."""
_BLUE: Final = "#3b82d0"
_ORANGE: Final = "#e08a1e"
_SHADES: Final[Colormap] = LinearSegmentedColormap.from_list(
    "shades", [(0.23, 0.51, 0.82, a) for a in (0, 1)]
)
"""From nothing to blue, so that the page shows through."""
_YEARS_A_CELL: Final = 2

_STYLE: Final[dict[Any, Any]] = {
    # Words stay words: a tenth of the size of outlines, and the reader's own fonts.
    "svg.fonttype": "none",
    # Names inside the SVG, else random: the same figures give the same page.
    "svg.hashsalt": "headcount",
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"),
        _INK,
    ),
}
_MODES: Final = "<style>svg{color:#222}@media(prefers-color-scheme:dark){svg{color:#ddd}}</style>"


def age_density(true: np.ndarray, predicted: np.ndarray) -> str:
    """How many faces were predicted which age, by true age; both in years, [n]."""
    top = float(np.ceil(max(true.max(), predicted.max()) / 10 + 0.1) * 10)
    cells = np.arange(0, top + _YEARS_A_CELL, _YEARS_A_CELL)
    counts = np.histogram2d(predicted, true, bins=(cells, cells))[0]
    # Square root: a lone face must stay visible next to the crowd of young adults.
    shades = np.sqrt(counts / counts.max())

    def draw(axes: Axes) -> None:
        ends = (0, cells[-1], 0, cells[-1])
        axes.imshow(shades, _SHADES, origin="lower", extent=ends, interpolation="none", vmin=0, vmax=1)
        axes.plot((0, top), (0, top), color=_ORANGE, linewidth=1)
        axes.set(xlabel="true age, years", ylabel="predicted age, years", xlim=(0, top), ylim=(0, top))

    alt = f"Predicted against true age of {len(true):,} faces: near the diagonal the age is right."
    return _image(draw, alt)


def error_by_band(by_band: Mapping[str, Mapping[str, Any]]) -> str:
    """Mean absolute error and bias of the age in each band that has both."""
    rows = {band: row for band, row in by_band.items() if "age.mae" in row and "age.bias" in row}

    def draw(axes: Axes) -> None:
        at = np.arange(len(rows))
        axes.bar(at - 0.2, [row["age.mae"] for row in rows.values()], 0.4, color=_BLUE, label="error")
        axes.bar(at + 0.2, [row["age.bias"] for row in rows.values()], 0.4, color=_ORANGE, label="bias")
        axes.axhline(0, color=_INK, linewidth=0.8)
        axes.set_xticks(at, list(rows), fontsize="small")
        axes.set(xlabel="true age, years", ylabel="years")
        axes.legend()

    parts = (f"{band}: {row['age.mae']:.1f} and {row['age.bias']:+.1f}" for band, row in rows.items())
    return _image(draw, f"Mean error and bias of the predicted age, by true age. {'; '.join(parts)}.")


def reliability(confidence: np.ndarray, right: np.ndarray, lowest: float, what: str) -> str:
    """How often answers were right by how sure they were.

    `confidence` is the probability of the likeliest answer, from `lowest` (chance) to 1, and `right` bool,
    both [n]. Bars behind the line say how many answers are that sure.
    """
    edges = np.linspace(lowest, 1, 11)
    place = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, 9)
    counts = np.bincount(place, minlength=10)
    some = counts > 0
    said = np.bincount(place, confidence, 10)[some] / counts[some]
    held = np.bincount(place, right, 10)[some] / counts[some]

    def draw(axes: Axes) -> None:
        widths = np.diff(edges)
        axes.bar(edges[:-1], counts / counts.sum(), widths, align="edge", color=_BLUE, alpha=0.25)
        axes.plot((lowest, 1), (lowest, 1), color=_INK, linewidth=0.8, linestyle="--")
        axes.plot(said, held, color=_BLUE, marker="o")
        axes.set(xlabel=f"probability given to the {what}", ylabel="share that was right", ylim=(0, 1.02))

    points = ", ".join(
        f"{100 * s:.0f} % sure: {100 * h:.0f} % right" for s, h in zip(said, held, strict=True)
    )
    return _image(draw, f"Reliability of {what} over {len(right):,} faces. {points}.")


def confusion(counts: Mapping[str, Mapping[str, int]]) -> str:
    """Which mood was predicted for which true mood, as shares of each true mood in %."""
    true = [mood for mood, row in counts.items() if sum(row.values())]
    predicted = list(dict.fromkeys(mood for row in counts.values() for mood in row))
    table = np.array([[counts[t].get(mood, 0) for mood in predicted] for t in true], float)
    shares = table / table.sum(1, keepdims=True)

    def draw(axes: Axes) -> None:
        axes.imshow(shares, _SHADES, interpolation="none", vmin=0, vmax=1, aspect="auto")
        for (row, column), share in np.ndenumerate(shares):
            axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center")
        axes.set_xticks(range(len(predicted)), predicted, rotation=35, ha="right")
        axes.set_yticks(
            range(len(true)), [f"{t} ({n:,.0f})" for t, n in zip(true, table.sum(1), strict=True)]
        )
        axes.set(xlabel="predicted mood", ylabel="true mood (faces)")

    both = [(i, mood) for i, mood in enumerate(true) if mood in predicted]
    right = "; ".join(f"{mood}: {100 * shares[i, predicted.index(mood)]:.0f} %" for i, mood in both)
    return _image(draw, f"Predicted against true mood, in % of each true mood. Right: {right}.")


def recall_and_precision(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]], chosen: Mapping[str, tuple[float, float]]
) -> str:
    """Precision by recall of each detector, and the point at the threshold in use.

    `curves` are recall and precision, each [n], `chosen` one of both.
    """

    def draw(axes: Axes) -> None:
        for name, (recall, precision) in curves.items():
            (line,) = axes.plot(recall, precision, label=name)
            axes.plot(*chosen[name], marker="o", color=line.get_color())
        axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
        axes.legend(loc="lower left")

    predicted = "; ".join(f"{name}: {100 * r:.1f} % and {100 * p:.1f} %" for name, (r, p) in chosen.items())
    return _image(draw, f"Precision by recall. At the threshold in use, recall and precision: {predicted}.")


def _image(draw: Callable[[Axes], None], alt: str) -> str:
    """An `img` element with the figure that `draw` makes on its axes."""
    buffer = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=SIZE, layout="constrained")
        draw(figure.subplots())
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue().decode().replace(_INK, "currentColor")
    head, defs, rest = svg.partition("<defs>")
    data = base64.b64encode(f"{head}{_MODES}{defs}{rest}".encode()).decode()
    return f'<img class="plot" src="data:image/svg+xml;base64,{data}" alt="{html.escape(alt)}">'
