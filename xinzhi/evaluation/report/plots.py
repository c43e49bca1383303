"""The charts of the report as inline SVG; colours come from the page, by class."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ...svg import element, picture, text

WIDTH, HEIGHT = 360.0, 250.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 12.0, 10.0, 40.0
SERIES_COLOURS = 8  # the page defines so many: .s0, .s1, …


@dataclass(frozen=True)
class Axis:
    """What an axis shows.

    name (str): What stands beside it.
    low, high (float): Its ends.
    percent (bool): Whether to write values as per cent.
    ticks (int): How many steps.
    log (bool): Whether equal steps are equal factors.
    """

    name: str
    low: float = 0.0
    high: float = 1.0
    percent: bool = False
    ticks: int = 4
    log: bool = False

    def place(self, value: float) -> float:
        """RETURNS (float): From 0 (the low end) to 1 (the high end)."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(max(value, low))
        return min(1.0, max(0.0, (value - low) / (high - low)))

    def marks(self) -> list[tuple[float, str]]:
        """RETURNS (list): Where to write which value."""
        if self.log:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            values = [10.0**i for i in range(first, last + 1)]
        else:
            step = (self.high - self.low) / self.ticks
            values = [self.low + step * i for i in range(self.ticks + 1)]
        return [(value, self._write(value)) for value in values]

    def _write(self, value: float) -> str:
        if self.percent:
            return f"{100 * value:.0f} %"
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


@dataclass(frozen=True)
class Series:
    """Points to draw.

    name (str): For the legend.
    x, y (list): Their places; a y of None breaks the line.
    dots (bool): Draw points, not a line.
    style (str): Its class; the number of the series decides if it is empty.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    dots: bool = False
    style: str = ""


def lines(series: Sequence[Series], x: Axis, y: Axis, *, extra: Sequence[Markup] = ()) -> Markup:
    """Draw lines or points in one coordinate system.

    series (list): What to draw.
    x, y (Axis): The axes.
    extra (list): More parts, drawn first.
    RETURNS (Markup): An <svg> element.
    """
    parts = [*_frame(x, y), *extra]
    for i, item in enumerate(series):
        style = item.style or series_class(i)
        points = [
            (_x(x, a), _y(y, b), f"{item.name}: {a:.4g}, {b:.4g}")
            for a, b in zip(item.x, item.y, strict=True)
            if b is not None and math.isfinite(b)
        ]
        if item.dots:
            parts += [_dot(a, b, style, title) for a, b, title in points]
        elif points:
            path = " ".join(f"{a:.1f},{b:.1f}" for a, b, _ in points)
            parts.append(
                element(
                    "polyline", element("title", item.name), points=path, class_=f"line {style}"
                )
            )
    return picture(WIDTH, HEIGHT, parts, f"{y.name} by {x.name}")


def reliability(bins: Sequence[Mapping[str, Any]]) -> Markup:
    """Accuracy by confidence: bars on the diagonal are honest, below it overconfident.

    bins (list): See `confidence.reliability`; the share of the cases in each bin is drawn as a
        second, faint bar.
    RETURNS (Markup): An <svg> element.
    """
    x, y = Axis("confidence", percent=True), Axis("accuracy", percent=True)
    total = sum(row["n"] for row in bins)
    parts = [*_frame(x, y), diagonal(x, y)]
    for row in bins:
        left, right = _x(x, row["low"]) + 1, _x(x, row["high"]) - 1
        title = element(
            "title",
            f"confidence {row['confidence']:.3f}, accuracy {row['accuracy']:.3f}, n = {row['n']}",
        )
        share = row["n"] / total
        for value, style in ((row["accuracy"], "bar s0"), (share, "bar faint")):
            top = _y(y, value)
            box = {"x": left, "width": right - left, "y": top, "height": _y(y, 0) - top}
            if style == "bar faint":
                box |= {"x": left + (right - left) / 4, "width": (right - left) / 2}
            parts.append(element("rect", title, class_=style, **box))
        parts.append(_dot(_x(x, row["confidence"]), _y(y, row["accuracy"]), "s1", ""))
    return picture(WIDTH, HEIGHT, parts, "accuracy by confidence")


def diagonal(x: Axis, y: Axis) -> Markup:
    """RETURNS (Markup): The line from the low ends to the high ends."""
    ends = {"x1": _x(x, x.low), "y1": _y(y, y.low), "x2": _x(x, x.high), "y2": _y(y, y.high)}
    return element("line", class_="guide", **ends)


def round_top(value: float) -> float:
    """RETURNS (float): The end of an axis of shares that takes this value in, with round marks."""
    return next((top for top in (0.04, 0.08, 0.2, 0.4, 0.6, 0.8) if value <= top), 1.0)


def upright(x: Axis, y: Axis, value: float, name: str) -> Markup:
    """RETURNS (Markup): A dashed line at a value of the x axis, with its name."""
    place = _x(x, value)
    left = place > WIDTH * 0.6
    line = element("line", class_="guide", x1=place, x2=place, y1=_y(y, y.low), y2=_y(y, y.high))
    label = text(
        place + (-4 if left else 4),
        HEIGHT - BOTTOM - 6,
        name,
        longest=40,
        text_anchor="end" if left else "start",
    )
    return Markup("").join([line, label])


def score_bar(value: float | None, ends: Sequence[float] | None) -> Markup:
    """A score from 0 to 1 with its interval, small enough for a cell of a table.

    RETURNS (Markup): An <svg> element.
    """
    width, height = 120.0, 14.0
    parts = [element("line", class_="grid", x1=0.0, x2=width, y1=height / 2, y2=height / 2)]
    if ends is not None:
        low, high = ends
        box = {"x": width * low, "width": max(1.5, width * (high - low)), "y": 4.0, "height": 6.0}
        parts.append(
            element("rect", element("title", f"{low:.4f} to {high:.4f}"), class_="range", **box)
        )
    if value is not None:
        parts.append(_dot(width * value, height / 2, "s0", f"{value:.4f}"))
    return element(
        "svg",
        *parts,
        viewBox=f"-4 0 {width + 8:.0f} {height:.0f}",
        class_="score",
        aria_hidden="true",
    )


def series_class(number: int) -> str:
    """RETURNS (str): The style class of a series."""
    return f"s{number % SERIES_COLOURS}"


def _frame(x: Axis, y: Axis) -> list[Markup]:
    parts = []
    for value, label in y.marks():
        place = _y(y, value)
        parts.append(element("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=place, y2=place))
        parts.append(text(LEFT - 5, place + 4, label, text_anchor="end", class_="tick"))
    for value, label in x.marks():
        place = _x(x, value)
        parts.append(text(place, HEIGHT - BOTTOM + 15, label, text_anchor="middle", class_="tick"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(text(middle, HEIGHT - 6, x.name, longest=60, text_anchor="middle"))
    centre = (TOP + HEIGHT - BOTTOM) / 2
    turned = {"transform": f"rotate(-90 11 {centre:.0f})"}
    parts.append(text(11.0, centre, y.name, longest=60, text_anchor="middle", **turned))
    return parts


def _dot(x: float, y: float, style: str, title: str) -> Markup:
    return element("circle", element("title", title), cx=x, cy=y, r=3.2, class_=f"dot {style}")


def _x(axis: Axis, value: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * axis.place(value)


def _y(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * axis.place(value)
