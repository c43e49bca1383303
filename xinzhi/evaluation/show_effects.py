"""What moves a score, as tables: on the terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from .effects import Effect

SCORE_HEAD = ("", "MAE", "RMSE", "Spearman", "R²")
EFFECT_HEAD = ("label", "entity", "documents", "effect", "95 %", "observed")
LEGEND = (
    "Effect: the mean change of the prediction when the entity is named. Observed: the mean score "
    "of documents with it, less that of the others."
)


def show_effects(
    name: str, effects: Sequence[Effect], scores: dict[str, dict[str, Any]], console: Console
) -> None:
    """Print both tables."""
    rows = (_score_rows(scores), _effect_rows(effects))
    for head, lines in zip((SCORE_HEAD, EFFECT_HEAD), rows, strict=True):
        table = Table(*head, title=None if head is EFFECT_HEAD else f"What moves {name}")
        for line in lines:
            table.add_row(*line)
        console.print(table)
    console.print(LEGEND)


def effects_report(name: str, effects: Sequence[Effect], scores: dict[str, dict[str, Any]]) -> str:
    """RETURNS (str): A Markdown page with both tables."""
    parts = [
        f"# What moves {name}",
        _markdown(SCORE_HEAD, _score_rows(scores)),
        LEGEND,
        _markdown(EFFECT_HEAD, _effect_rows(effects)),
    ]
    return "\n\n".join(parts) + "\n"


def _score_rows(scores: dict[str, dict[str, Any]]) -> list[list[str]]:
    keys = ("mae", "rmse", "spearman", "r2")
    return [
        [name, *("" if row[key] is None else f"{row[key]:.3f}" for key in keys)]
        for name, row in scores.items()
    ]


def _effect_rows(effects: Sequence[Effect]) -> list[list[str]]:
    rows = []
    for item in effects:
        interval = " to ".join(f"{end:+.2f}" for end in item.interval or ())
        observed = "" if item.observed is None else f"{item.observed:+.2f}"
        cells = (item.label, item.entity, str(item.documents), f"{item.effect:+.2f}")
        rows.append([*cells, interval, observed])
    return rows


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
