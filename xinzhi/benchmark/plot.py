"""The results as one SVG picture. Needs the extra `plots`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, filterwarnings

from ..compat import require
from .contenders import CONTENDERS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT, COLUMNS = 5.0, 3.2, 3  # inches of one panel, panels in a row
OURS, OTHERS = "#1f6f8b", "#b8b8b8"


def plot(results: dict[str, Any], path: Path) -> None:
    """Draw throughput, the ratios and, if measured, the scaling curves.

    results (dict): As from `benchmark`.
    path (Path): An .svg file; it appears when it is complete.
    RAISES (XinzhiError): matplotlib is not installed.
    """
    require("matplotlib", "'xinzhi[plots]'", "the plot")
    from matplotlib import rc_context

    work = path.with_name(f".{path.name}.tmp")
    with rc_context({"svg.hashsalt": "xinzhi", "svg.fonttype": "none"}), catch_warnings():
        filterwarnings("ignore", "Glyph", UserWarning)  # Han in names: the viewer has the font
        _draw(_panels(results)).savefig(work, format="svg", metadata={"Date": None})
    work.replace(path)


def _draw(panels: list[tuple[Any, str, Any]]) -> Figure:
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(WIDTH * columns, HEIGHT * rows), layout="constrained")
    for i, (draw, title, data) in enumerate(panels, 1):
        axes = figure.add_subplot(rows, columns, i)
        axes.set_title(title, fontsize=10)
        draw(axes, data)
    return figure


def _panels(results: dict[str, Any]) -> list[tuple[Any, str, Any]]:
    measured = {f"Prediction: {k}": v for k, v in results.get("predict", {}).items()}
    if "train" in results:
        measured["Training"] = results["train"]
    panels: list[tuple[Any, str, Any]] = [
        (_bars, f"{title}, characters/s", data) for title, data in measured.items()
    ]
    if results["spreads"]:
        panels.append((_ratios, "Times better than the other", results["spreads"]))
    for name, points in results.get("scaling", {}).items():
        panels.append((_curves, f"Prediction by {name}, characters/s", points))
    return panels


def _bars(axes: Any, measured: dict[str, Any]) -> None:
    rows = measured["contenders"]
    speeds = [row["characters_per_second"] for row in rows.values()]
    _horizontal(axes, [CONTENDERS[name].title for name in rows], speeds, list(rows))
    for precision, limit in measured["limit"].items():
        if precision != "flops":
            axes.axvline(limit["characters_per_second"], linestyle=":", color="black", linewidth=1)
            axes.annotate(
                f"limit {precision}", (limit["characters_per_second"], 0.4), fontsize=7, rotation=90
            )


def _ratios(axes: Any, spreads: dict[str, Any]) -> None:
    _horizontal(axes, list(spreads), list(spreads.values()), ["ours"] * len(spreads))
    axes.axvline(1, linestyle=":", color="black", linewidth=1)


def _horizontal(axes: Any, labels: list[str], values: list[dict], names: list[str]) -> None:
    """Bars of the medians, with whiskers from the lowest to the highest round."""
    medians = [value["median"] for value in values]
    whiskers = [
        [value["median"] - value["low"] for value in values],
        [value["high"] - value["median"] for value in values],
    ]
    colours = [OURS if name == "ours" else OTHERS for name in names]
    axes.barh(range(len(values)), medians, xerr=whiskers, color=colours, capsize=3)
    axes.set_yticks(range(len(values)), labels, fontsize=8)
    axes.invert_yaxis()


def _curves(axes: Any, points: list[dict[str, Any]]) -> None:
    size, *names = points[0]
    for name in names:
        axes.plot(
            [point[size] for point in points],
            [point[name]["median"] for point in points],
            marker="o",
            label=CONTENDERS[name].title,
        )
    axes.set_xscale("log", base=2)
    axes.set_xticks([point[size] for point in points], [f"{point[size]:,}" for point in points])
    axes.set_xlabel(size)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8)
