"""Read every annotated file under some folders with auto-detection, and print a table of counts.

python scripts/import_all.py FOLDER… [--from FORMAT]

A file's records, entities, relations and classes, what was lost or left out, and what is wrong.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from xinzhi.corpora.formats import ReadOptions, detect_format, read_records
from xinzhi.corpora.record import Problem, head_values
from xinzhi.errors import XinzhiError


@dataclass
class Counts:
    """What one file holds."""

    format: str
    records: int = 0
    spans: int = 0
    relations: int = 0
    lost: int = 0
    cats: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    first: Problem | None = None
    seconds: float = 0.0


def count(path: Path, options: ReadOptions) -> Counts:
    """RETURNS (Counts): What a file holds, read in its detected format."""
    counts = Counts(_format(path))
    started = time.perf_counter()
    for item in read_records(path, options):
        if isinstance(item, Problem):
            counts.problems[item.kind] += 1
            counts.first = counts.first or item
            continue
        counts.records += 1
        counts.spans += len(item.spans or ())
        counts.relations += item.relations
        counts.lost += len(item.lost)
        counts.ignored.update(item.ignored)
        for head, value in item.cats.items():
            counts.cats[head] += sum(number > 0 for _, number in head_values(value))
    counts.seconds = time.perf_counter() - started
    return counts


def main(
    folders: Annotated[list[Path], typer.Argument(help="Files or folders.")],
    fmt: Annotated[str, typer.Option("--from")] = "auto",
) -> None:
    """Print a table."""
    table = Table("file", "format", *("records", "entities", "relations", "classes"))
    for name in ("lost", "skipped", "errors", "ignored fields", "s"):
        table.add_column(name)
    shown = []
    for folder in folders:
        files = sorted(folder.rglob("*")) if folder.is_dir() else [folder]
        for path in files:
            if path.is_file() and path.suffix not in (".ann", ".md"):
                counts = count(path, ReadOptions(format=fmt))
                cats = ", ".join(f"{head} {n}" for head, n in counts.cats.items())
                row = [counts.records, counts.spans, counts.relations, cats, counts.lost]
                row += [counts.problems["skipped"], counts.problems["error"]]
                row += [", ".join(counts.ignored), f"{counts.seconds:.2f}"]
                name = str(path.relative_to(folder)) if folder.is_dir() else path.name
                table.add_row(name, counts.format, *map(str, row))
                shown += [str(counts.first)] if counts.first else []
    console = Console(width=200)
    console.print(table)
    for line in shown:
        console.print(line, markup=False)


def _format(path: Path) -> str:
    try:
        return detect_format(path).name
    except XinzhiError:
        return "?"


if __name__ == "__main__":
    typer.run(main)
