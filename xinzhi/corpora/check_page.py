"""The report of a check as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..files import write_text
from ..pages import render
from .charts import histogram, label_bars
from .check import CheckReport, spread
from .inventory import ENTITIES

LISTED = 200  # findings of a kind on the page; the JSON report has all of them


def write_page(path: Path, report: CheckReport) -> None:
    """Write the page; it appears when it is complete.

    path (Path): The HTML file.
    report (CheckReport): What the check found.
    RAISES (XinzhiError): If it cannot be written.
    """
    write_text(path, render_page(report))


def render_page(report: CheckReport) -> str:
    """RETURNS (str): The page: tables, plots and lists, without any outside resource."""
    return render(
        __package__,
        "check.html",
        report=report,
        verdict="Training would suffer." if report.has_errors else "Ready for training.",
        files=list(report.inventory.files.items()),
        tasks=list(_tasks(report)),
        lengths=list(_lengths(report)),
        lists=[(title, list(items)[:LISTED], len(items)) for title, items in _lists(report)],
    )


def _tasks(report: CheckReport) -> Iterable[dict[str, Any]]:
    for head in (ENTITIES, *report.inventory.heads):
        counts = {
            path.name: dict(item.labels.get(head, {}))
            for path, item in report.inventory.files.items()
        }
        labels = sorted({label for found in counts.values() for label in found})
        if labels:
            name = "Entities" if head == ENTITIES else f"Head {head}"
            yield {"name": name, "chart": label_bars(counts, labels)}


def _lengths(report: CheckReport) -> Iterable[dict[str, Any]]:
    measured = {
        "Characters": {path.name: facts.characters for path, facts in report.files.items()},
        "Word pieces": {path.name: facts.pieces for path, facts in report.files.items()},
    }
    for name, values in measured.items():
        if any(len(lengths) for lengths in values.values()):
            rows = [(file, spread(lengths)) for file, lengths in values.items() if len(lengths)]
            yield {"name": name, "rows": rows, "chart": histogram(values)}


def _lists(report: CheckReport) -> list[tuple[str, Sequence[object]]]:
    return [
        ("Problems", report.problems),
        ("Entities that do not fit the tokens", report.misaligned),
        ("Texts in more than one file", [item for item in report.repeated if item.shared]),
        ("Texts with conflicting annotations", [r for r in report.repeated if r.conflicts]),
        ("Near-duplicates in different files", report.near or []),
        ("Texts with U+FFFD", [p for facts in report.files.values() for p in facts.damaged]),
    ]
