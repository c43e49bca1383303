"""A comparison as tables in the terminal, as JSON, Markdown and JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ...files import write_json, write_text
from ..output import number
from .documents import worse_by

JSON, MARKDOWN, JSONL = "compare.json", "compare.md", "differences.jsonl"
COLUMNS = ("", "A", "B", "difference", "95 % interval", "p", "p (bootstrap)", "p (Holm)")
TEXT = 60  # characters of a text that a table shows


def print_comparison(result: Mapping[str, Any], console: Console, show: int = 5) -> None:
    """Print the metrics, documents that differ, and the verdict.

    result (Mapping): What `compare` returns.
    console (Console): Where to print.
    show (int): How many documents where B is worse, and as many where it is better.
    """
    table = Table(*COLUMNS[:1], title="A against B", title_justify="left")
    for column in COLUMNS[1:]:
        table.add_column(column, justify="right")
    for name, row in result["metrics"].items():
        style = "bold" if name == result["metric"] or row["main"] else None
        table.add_row(escape(name), *metric_cells(row), style=style)
    console.print(table)
    for title, rows in selected(result["differences"], show):
        documents = Table("document", "text", "A", "B", title=title, title_justify="left")
        for row in rows:
            documents.add_row(*(escape(cell) for cell in document_cells(row)))
        console.print(documents)
    console.print(escape(result["verdict"]))


def write_comparison(folder: Path, result: Mapping[str, Any], show: int = 20) -> list[Path]:
    """Write compare.json (all but the documents), compare.md and differences.jsonl (a document a
    line).

    folder (Path): Made if it is not there.
    result (Mapping): What `compare` returns.
    show (int): How many documents of each kind compare.md shows.
    RETURNS (list): The files.
    """
    whole = {key: value for key, value in result.items() if key != "differences"}
    lines = (json.dumps(row, ensure_ascii=False) for row in result["differences"])
    write_json(folder / JSON, whole)
    write_text(folder / MARKDOWN, to_markdown(result, show))
    write_text(folder / JSONL, "".join(f"{line}\n" for line in lines))
    return [folder / JSON, folder / MARKDOWN, folder / JSONL]


def to_markdown(result: Mapping[str, Any], show: int) -> str:
    """RETURNS (str): The comparison as a page of Markdown."""
    run, gate = result["run"], result["gate"]
    rows = [(f"`{name}`", *metric_cells(row)) for name, row in result["metrics"].items()]
    parts = [
        f"# {_cell(run['a'])} (A) against {_cell(run['b'])} (B)",
        result["verdict"],
        "The gate is passed." if gate["passed"] else f"The gate fails: {' '.join(gate['reasons'])}",
        _markdown(COLUMNS, rows),
        f"On {run['corpus']}. p: approximate randomisation over documents, "
        f"{run['resamples']} swaps (all there are, if those are fewer); interval and second p: "
        f"paired bootstrap, {run['resamples']} draws; p (Holm): corrected for the number of rows. "
        f"Seed {run['seed']}.",
    ]
    for title, documents in selected(result["differences"], show):
        cells = [document_cells(row) for row in documents]
        parts += [f"## {title}", _markdown(("document", "text", "A", "B"), cells)]
    return "\n\n".join(parts) + "\n"


def selected(
    rows: Sequence[dict[str, Any]], show: int
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """RETURNS (iterator): Title and documents: those where B is worse, then where it is better."""
    worse = [row for row in rows if worse_by(row) > 0]
    better = [row for row in rows if worse_by(row) < 0][::-1]
    for title, chosen in (("B is worse", worse), ("B is better", better)):
        if chosen[:show]:
            yield f"{title}: {len(chosen[:show])} of {len(chosen)} documents", chosen[:show]


def metric_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """RETURNS (tuple): The cells of one metric, after its name."""
    interval, change = "n/a", "n/a"
    if row["difference"] is not None:
        change = f"{row['difference']:+.4f}"
        interval = f"{row['low']:+.4f} to {row['high']:+.4f}"
    ps = (number(row[key]) for key in ("p", "p_bootstrap", "p_holm"))
    return number(row["a"]), number(row["b"]), change, interval, *ps


def document_cells(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """RETURNS (tuple): Number (and record), text, what only A and what only B says; ✓ what is
    right, ✗ what is wrong, (…) the gold labels."""
    name = f"{row['document']}" + (f" ({row['record']})" if row["record"] else "")
    text = row["text"] if len(row["text"]) <= TEXT else row["text"][: TEXT - 1] + "…"
    return name, text, _said(row, "a"), _said(row, "b")


def _said(row: Mapping[str, Any], by: str) -> str:
    said = [
        f"{entity['text']} {entity['label']} {_mark(entity['right'])}"
        for entity in row["entities"]
        if entity["by"] == by
    ]
    for head, values in row["heads"].items():
        right = values[by] == values["gold"]
        gold = "" if right else f" ({', '.join(values['gold'])})"
        said.append(f"{head}: {', '.join(values[by]) or '–'} {_mark(right)}{gold}")
    for name, values in row["scores"].items():
        said.append(f"{name}: {values[by]:.3g} ({values['gold']:.3g})")
    return "; ".join(said) or "–"


def _mark(right: bool) -> str:
    return "✓" if right else "✗"


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
