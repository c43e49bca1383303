"""Two charts as SVG text: no library, no script, colours from the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

Scale = Callable[[float], float]
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 260, 60, 34, 14
ROW = 26
LABEL_WIDTH = 330


def history_chart(points: Sequence[tuple[int, float, str]]) -> str:
    """Scores in the order of the trials, with the best one so far as a line.

    points (Sequence): (number of the trial, score, "complete" or "pruned").
    RETURNS (str): An <svg> element.
    """
    if not points:
        return "<p>No trial has ended yet.</p>"
    scores = [score for _, score, _ in points]
    low, high = min(scores), max(scores)
    margin = (high - low) * 0.08 or 0.01
    low, high = low - margin, high + margin
    last = max(number for number, *_ in points) or 1

    def x(number: float) -> float:
        return LEFT + (WIDTH - LEFT - 16) * number / last

    def y(score: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - score) / (high - low)

    body = []
    for i in range(5):
        value = low + (high - low) * i / 4
        body.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - 16}" y1="{y(value):.1f}" '
            f'y2="{y(value):.1f}"/>'
            f'<text class="tick" x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">'
            f"{value:.3f}</text>"
        )
    for number in sorted({0, last // 2, last}):
        body.append(
            f'<text class="tick" x="{x(number):.1f}" y="{HEIGHT - 14}" text-anchor="middle">'
            f"{number}</text>"
        )
    body.append(f'<polyline class="best" points="{_best_line(points, x, y, last)}"/>')
    for number, score, state in points:
        body.append(
            f'<circle class="{state}" cx="{x(number):.1f}" cy="{y(score):.1f}" r="4">'
            f"<title>trial {number}: {score:.4f} ({state})</title></circle>"
        )
    return _svg(HEIGHT, body, "Scores of the trials and the best so far")


def importance_chart(shares: dict[str, float]) -> str:
    """How much of the differences between trials each setting explains.

    shares (dict): Setting -> share, 0 to 1.
    RETURNS (str): An <svg> element.
    """
    if not shares:
        return "<p>Too few trials to tell.</p>"
    body = []
    room = WIDTH - LABEL_WIDTH - 70
    for i, (name, share) in enumerate(sorted(shares.items(), key=lambda item: -item[1])):
        top = i * ROW + 4
        body.append(
            f'<text class="label" x="{LABEL_WIDTH - 8}" y="{top + 14}" text-anchor="end">'
            f"{escape(_short(name))}<title>{escape(name)}</title></text>"
            f'<rect class="bar" x="{LABEL_WIDTH}" y="{top}" width="{max(1.0, room * share):.1f}" '
            f'height="{ROW - 8}"/>'
            f'<text class="label" x="{LABEL_WIDTH + room * share + 6:.1f}" y="{top + 14}">'
            f"{share:.0%}</text>"
        )
    return _svg(len(shares) * ROW + 8, body, "Importance of each setting")


def _best_line(points: Sequence[tuple[int, float, str]], x: Scale, y: Scale, last: int) -> str:
    """The corners of the line of the best completed score so far."""
    corners: list[tuple[float, float]] = []
    best: float | None = None
    for number, score, state in points:
        if state != "complete" or (best is not None and score <= best):
            continue
        if best is not None:
            corners.append((x(number), y(best)))
        best = score
        corners.append((x(number), y(best)))
    if best is not None:
        corners.append((x(last), y(best)))
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in corners)


def _short(name: str, longest: int = 46) -> str:
    return name if len(name) <= longest else f"…{name[1 - longest :]}"


def _svg(height: int, body: list[str], title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">'
        f"{''.join(body)}</svg>"
    )
