"""What an update did, and why its candidate was promoted or refused: JSON, Markdown, HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..files import write_json, write_text
from ..pages import render

JSON, MARKDOWN, HTML = "report.json", "report.md", "report.html"
COLUMNS = ("label", "before", "after", "difference", "95 % interval", "p", "")


def write_report(folder: Path, report: Mapping[str, Any]) -> Path:
    """Write the three files.

    folder (Path): Where.
    report (Mapping): What `update` returns.
    RETURNS (Path): The page.
    """
    write_text(folder / MARKDOWN, to_markdown(report))
    write_text(folder / HTML, to_html(report))
    write_json(folder / JSON, report)
    return folder / HTML


def to_html(report: Mapping[str, Any]) -> str:
    """RETURNS (str): The page, without any outside resource."""
    return render(
        __package__,
        "update.html",
        title=title(report),
        reasons=report["verdict"]["reasons"],
        columns=COLUMNS,
        tables=tables(report),
        facts=facts(report),
    )


def to_markdown(report: Mapping[str, Any]) -> str:
    """RETURNS (str): The same as Markdown."""
    parts = [f"# {title(report)}"]
    parts += [f"- {reason}" for reason in report["verdict"]["reasons"]]
    for name, rows in tables(report):
        lines = [COLUMNS, ["---"] * len(COLUMNS), *rows]
        parts += [f"## {name}", "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)]
    parts += ["## Texts and settings", "\n".join(f"- {k}: {v}" for k, v in facts(report))]
    return "\n\n".join(parts) + "\n"


def print_report(report: Mapping[str, Any], console: Console) -> None:
    """Print the tables and the verdict."""
    for name, rows in tables(report):
        table = Table(title=name, title_justify="left")
        table.add_column(COLUMNS[0], overflow="fold")  # a label is never cut off
        for column in COLUMNS[1:]:
            table.add_column(column, justify="right")
        for row in rows:
            table.add_row(*map(escape, row))
        console.print(table)
    for reason in report["verdict"]["reasons"]:
        console.print(f"✘ {escape(reason)}", highlight=False)
    console.print(title(report))


def title(report: Mapping[str, Any]) -> str:
    """RETURNS (str): The verdict in a few words."""
    passed = report["verdict"]["passed"]
    return "Update promoted" if passed else "Update refused: the old pipeline stays"


def tables(report: Mapping[str, Any]) -> list[tuple[str, list[Sequence[str]]]]:
    """RETURNS (list): Title and rows: new labels, old labels, tasks."""
    verdict, metrics = report["verdict"], report["metrics"]
    tasks = [
        {"label": name, **row, "passed": None}
        for name, row in metrics.items()
        if (row["main"] or name == "overall") and row["difference"] is not None
    ]
    named = (("New labels", verdict["new"]), ("Old labels", verdict["old"]), ("Tasks", tasks))
    return [(name, [_cells(row) for row in rows]) for name, rows in named if rows]


def facts(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """RETURNS (list): Name and value of what else there is to know."""
    counts = report["texts"]
    filled = counts["completed"]
    found = [
        ("old pipeline", report["pipeline"]),
        ("new texts", f"{counts['new']}, trained on {counts['trained_new']}"),
        ("old texts", f"{counts['old']}, replayed {counts['trained_old']}"),
        ("old texts annotated anew", str(counts["corrected"])),
        ("old texts that are test texts", str(counts["in_test"])),
        ("held out for the gate", str(counts["held_out"])),
        (
            "taken over from the old pipeline",
            f"{filled['entities']} entities, heads of "
            f"{filled['heads']} texts; {filled['open']} entities left open",
        ),
        ("left open in old texts", f"{counts['suspects']} places that read as a new entity"),
        ("old labels without a test case", ", ".join(report["verdict"]["untested"]) or "none"),
        ("settings", ", ".join(f"{k} {v}" for k, v in report["options"].items())),
    ]
    if report["version"]:
        found.append(("in the registry", report["version"]))
    return found


def _cells(row: Mapping[str, Any]) -> Sequence[str]:
    mark = {True: "✓", False: "✗", None: ""}[row["passed"]]
    interval = f"{row['low']:+.4f} to {row['high']:+.4f}"
    values = (f"{row['a']:.4f}", f"{row['b']:.4f}", f"{row['difference']:+.4f}", interval)
    return row["label"].removesuffix("/f1"), *values, f"{row['p']:.4f}", mark


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
