"""Small plots as inline SVG: no script, no style sheet, nothing from the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from ..svg import element, picture, text

COLOURS = ("#2b6cb0", "#dd8a2b", "#4b9e5f", "#9b59b6", "#7f8c8d")
WIDTH, LABEL, BAR = 720, 190, 12
BINS = 30


def label_bars(counts: Mapping[str, Mapping[str, int]], labels: Sequence[str]) -> Markup:
    """Bars that show how often each file uses each label.

    counts (Mapping): File to label to number.
    labels (Sequence[str]): The labels, in order.
    RETURNS (Markup): An SVG element.
    """
    top = max((n for found in counts.values() for n in found.values()), default=0) or 1
    step = BAR * len(counts) + 8
    parts = []
    for row, label in enumerate(labels):
        y = row * step
        parts.append(text(LABEL - 8, y + step / 2, label, text_anchor="end"))
        for index, (name, found) in enumerate(counts.items()):
            count = found.get(label, 0)
            width = (WIDTH - LABEL - 70) * count / top
            place = y + index * BAR + 2
            parts.append(_bar(LABEL, place, width, BAR - 2, index, f"{name}, {label}: {count}"))
            parts.append(text(LABEL + width + 5, place + BAR - 3, f"{count:,}"))
    return _svg(step * len(labels), parts, list(counts))


def histogram(values: Mapping[str, Sequence[int]]) -> Markup:
    """A histogram of lengths, one colour per file, as shares of the file's texts.

    values (Mapping): File to lengths; the longest 1 % are in the last bin.
    RETURNS (Markup): An SVG element.
    """
    ordered = sorted(n for lengths in values.values() for n in lengths)
    end = max(1, ordered[round(0.99 * (len(ordered) - 1))]) if ordered else 1
    size = max(1, -(-(end + 1) // BINS))
    shares = {name: _shares(lengths, size) for name, lengths in values.items() if len(lengths)}
    top = max((share for bins in shares.values() for share in bins), default=1) or 1
    height, slot = 160, (WIDTH - 40) / BINS
    width = slot / max(1, len(shares)) - 1
    parts = []
    for index, (name, bins) in enumerate(shares.items()):
        for number, share in enumerate(bins):
            tall = height * share / top
            x = 20 + number * slot + index * (width + 1)
            title = f"{name}, {number * size} to {(number + 1) * size - 1}: {share:.1%}"
            parts.append(_bar(x, height - tall, width, tall, index, title))
    ticks = range(0, BINS, 5)
    parts += [text(20 + number * slot, height + 14, str(number * size)) for number in ticks]
    return _svg(height + 20, parts, list(shares))


def _shares(lengths: Sequence[int], size: int) -> list[float]:
    bins = [0] * BINS
    for length in lengths:
        bins[min(BINS - 1, length // size)] += 1
    return [count / len(lengths) for count in bins]


def _bar(x: float, y: float, width: float, height: float, colour: int, title: str) -> Markup:
    fill = COLOURS[colour % len(COLOURS)]
    width, height = max(width, 0.0), max(height, 0.0)
    return element("rect", element("title", title), x=x, y=y, width=width, height=height, fill=fill)


def _svg(height: float, parts: list[Markup], names: list[str]) -> Markup:
    """Put the parts together, with a legend of the files below."""
    for index, name in enumerate(names):
        x = 20 + index * (WIDTH - 40) / max(1, len(names))
        parts += [_bar(x, height + 12, 10, 10, index, name), text(x + 15, height + 21, name)]
    return picture(WIDTH, height + 30, parts, ", ".join(names))
