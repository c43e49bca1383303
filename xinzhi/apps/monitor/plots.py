"""The charts of the dashboard as inline SVG; colours come from the page, by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from markupsafe import Markup

from ...svg import element, picture, text

WIDTH, HEIGHT = 360.0, 170.0
LEFT, RIGHT, TOP, BOTTOM = 30.0, 8.0, 8.0, 22.0
TICKS = 4  # days that are named below a chart
SPARK_WIDTH, SPARK_HEIGHT = 110.0, 18.0


def trend(
    counts: Mapping[str, Sequence[int]], days: Sequence[str], marks: Sequence[tuple[str, str]]
) -> Markup:
    """Lines of daily counts, one per sentiment.

    counts (Mapping): Sentiment to its texts on each day.
    days (Sequence[str]): The days, ISO 8601.
    marks (Sequence): Days with an alarm, and what to say of it.
    RETURNS (Markup): An <svg> element.
    """
    top = _round(max((value for values in counts.values() for value in values), default=1))
    place = {day: number for number, day in enumerate(days)}
    parts = _frame(top, days)
    for day, title in marks:
        if day in place:
            x = _x(place[day], len(days))
            line = element("line", class_="alarm", x1=x, x2=x, y1=TOP, y2=HEIGHT - BOTTOM)
            dot = element("circle", element("title", title), class_="alarm", cx=x, cy=TOP, r=4.0)
            parts += [line, dot]
    for name, values in reversed(list(counts.items())):
        points = " ".join(
            f"{_x(number, len(days)):.1f},{_y(value, top):.1f}"
            for number, value in enumerate(values)
        )
        title = element("title", f"{name}: {sum(values)}")
        parts.append(element("polyline", title, points=points, class_=f"line {style_of(name)}"))
    return picture(WIDTH, HEIGHT, parts, "texts a day: " + ", ".join(counts))


def style_of(sentiment: str) -> str:
    """RETURNS (str): The style class of a sentiment."""
    known = {"negative": "bad", "positive": "good", "neutral": "plain"}
    return known.get(sentiment, "other")


def spark(values: Sequence[int]) -> Markup:
    """RETURNS (Markup): Bars of daily counts, small enough for a cell of a table."""
    top = max(values, default=0) or 1
    width = SPARK_WIDTH / max(1, len(values))
    bars = [
        element(
            "rect",
            class_="bar",
            x=number * width,
            y=SPARK_HEIGHT * (1 - value / top),
            width=max(0.6, width - 0.6),
            height=SPARK_HEIGHT * value / top,
        )
        for number, value in enumerate(values)
        if value
    ]
    return element(
        "svg",
        *bars,
        viewBox=f"0 0 {SPARK_WIDTH:.0f} {SPARK_HEIGHT:.0f}",
        class_="spark",
        aria_hidden="true",
    )


def _frame(top: int, days: Sequence[str]) -> list[Markup]:
    parts = []
    for value in (0, top // 2, top) if top > 1 else (0, 1):
        y = _y(value, top)
        parts.append(element("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y))
        parts.append(text(LEFT - 5, y + 4, str(value), text_anchor="end", class_="tick"))
    step = max(1, len(days) // TICKS)
    for number in range(0, len(days), step):
        day = date.fromisoformat(days[number])
        x = _x(number, len(days))
        anchor = "start" if number == 0 else "middle"
        label = f"{day.month}-{day.day:02d}"
        parts.append(text(x, HEIGHT - 6, label, text_anchor=anchor, class_="tick"))
    return parts


def _x(number: int, count: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * (number / max(1, count - 1))


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top


def _round(value: int) -> int:
    """RETURNS (int): An even number that is not smaller, with few digits."""
    step = 10 ** max(0, len(str(value)) - 2)
    rounded = -(-max(value, 2) // step) * step
    return rounded + rounded % 2
