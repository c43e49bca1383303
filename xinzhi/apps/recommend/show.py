"""The evaluation as tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.table import Table

TITLES = {"all": "the whole catalogue", "cold": "items without any event so far"}


def result_tables(result: dict[str, Any]) -> Iterator[Table]:
    """YIELDS (Table): One for each part of what `evaluate` returned."""
    for part, title in TITLES.items():
        found = result[part]
        if not found["methods"]:
            continue
        names = [name for name in next(iter(found["methods"].values())) if name != "coverage"]
        head = f"{title}: {found['queries']} queries of {found['users']} users"
        table = Table("", *(name.replace("_", " ") for name in names), "coverage", title=head)
        for method, row in found["methods"].items():
            cells = [_cell(row[name]) for name in names]
            table.add_row(method, *cells, f"{row['coverage']:.3f}")
        yield table


def _cell(value: dict[str, Any]) -> str:
    low, high = value["interval_95"] or (float("nan"), float("nan"))
    return f"{value['mean']:.4f}\n{low:.4f} to {high:.4f}"
