"""Reports as terminal tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .alignment import INCLUSIVE, Misaligned
from .check import CheckReport
from .convert import REPORT, SHOWN, ConvertReport
from .inventory import ENTITIES, FileInventory

LABELS_STEP = "Correct a misspelt label, or add training texts that have it."
SHARED_STEP = "Keep each text in one file: scores on texts seen in training are too high."
CONFLICTS_STEP = "Decide on one annotation for each text."
REPEATED_STEP = "Remove the copies, unless they should count more than once."
PROBLEMS_STEP = "Correct these records, then check again: conversion or training would stop here."
IGNORED_STEP = "Nothing, if they are not annotation; else rename them (docs/data-format.md)."
MISALIGNED_STEP = "Correct the offsets as suggested, then check again."


def show_conversion(report: ConvertReport, output_dir: Path, console: Console) -> None:
    """Print what a conversion did.

    report (ConvertReport): The report.
    output_dir (Path): Where the outputs went.
    console (Console): Where to print.
    """
    table = _table(f"Converted to {output_dir}")
    for name in ("documents", "entities", "kept", "misaligned"):
        table.add_column(name, justify="right")
    for item in report.files:
        counts = [item.documents, item.found.spans, item.kept, item.misaligned]
        table.add_row(escape(item.output.name), *(f"{count:,}" for count in counts))
    console.print(table)
    show_ignored({item.source: item.found for item in report.files}, console)
    show_list("Labels that train does not have", report.warnings, console, LABELS_STEP)
    show_misaligned(report.misaligned, console)
    console.print(f"Report: {output_dir / REPORT}", markup=False, soft_wrap=True)


def show_check(report: CheckReport, console: Console) -> None:
    """Print what a check found.

    report (CheckReport): The report.
    console (Console): Where to print.
    """
    files = report.inventory.files
    show_counts(files, console)
    for head in (ENTITIES, *report.inventory.heads):
        show_labels(head, files, console)
    show_ignored(files, console)
    shared = [item for item in report.repeated if item.shared]
    conflicts = [item for item in report.repeated if item.conflicts and not item.shared]
    others = [item for item in report.repeated if not item.shared and not item.conflicts]
    show_list("Texts shared between files", shared, console, SHARED_STEP)
    show_list("Texts annotated differently in one file", conflicts, console, CONFLICTS_STEP)
    show_list("Texts repeated in one file", others, console, REPEATED_STEP)
    show_misaligned(report.misaligned, console)
    show_list(
        "Problems that stop a conversion", report.problems, console, PROBLEMS_STEP, style="red"
    )
    if not report.has_findings:
        console.print("✔ Nothing to correct.", style="green")


def show_counts(files: Mapping[Path, FileInventory], console: Console) -> None:
    """Print one line of counts per file.

    files (Mapping): File to what it holds.
    console (Console): Where to print.
    """
    table = _table("Corpus")
    for name in ("documents", "characters", "entities", "docs without", "not annotated"):
        table.add_column(name, justify="right")
    for path, item in files.items():
        missing = item.records - item.entities_annotated
        counts = [item.records, item.characters, item.spans, item.without_entities, missing]
        table.add_row(escape(path.name), *(f"{count:,}" for count in counts))
    console.print(table)


def show_labels(head: str, files: Mapping[Path, FileInventory], console: Console) -> None:
    """Print how often each file uses each label of a head.

    head (str): A head, or ENTITIES.
    files (Mapping): File to what it holds.
    console (Console): Where to print.
    """
    counts = [item.labels.get(head, Counter()) for item in files.values()]
    labels = sorted({label for counter in counts for label in counter})
    if not labels:
        return
    table = _table("Entities" if head == ENTITIES else f"Head {head}", "label")
    for path in files:
        table.add_column(escape(path.name), justify="right")
    for label in labels:
        table.add_row(escape(label), *(f"{counter[label]:,}" for counter in counts))
    console.print(table)


def show_ignored(files: Mapping[Path, FileInventory], console: Console) -> None:
    """Print which input fields have no place in a record.

    files (Mapping): File to what it holds.
    console (Console): Where to print.
    """
    ignored = [
        f"{path}: '{name}', records: {count}"
        for path, item in files.items()
        for name, count in item.ignored.items()
    ]
    show_list("Fields that were not read", ignored, console, IGNORED_STEP)


def show_misaligned(misaligned: Sequence[Misaligned], console: Console) -> None:
    """List the first misaligned spans, and say so if most would fit with end + 1.

    misaligned (Sequence[Misaligned]): The spans.
    console (Console): Where to print.
    """
    show_list(
        "Entities that do not fit the tokens (conversion marks their tokens as missing)",
        misaligned,
        console,
        MISALIGNED_STEP,
    )
    inclusive = sum(item.reason == INCLUSIVE for item in misaligned)
    if 2 * inclusive > len(misaligned):
        console.print(
            f"{inclusive} of {len(misaligned)} would fit with end + 1: the ends look inclusive; "
            "add 1 to every end.",
            style="yellow",
        )


def show_list(
    title: str,
    items: Sequence[object],
    console: Console,
    next_step: str,
    style: str = "yellow",
) -> None:
    """Print the number of findings, the first of them, and what to do.

    title (str): What they are.
    items (Sequence): The findings; nothing is printed if there are none.
    console (Console): Where to print.
    next_step (str): What to do about them.
    style (str): Colour of the title.
    """
    if not items:
        return
    console.print(f"{title}: {len(items)}", style=style)
    for item in items[:SHOWN]:
        console.print(f"  {item}", markup=False, highlight=False, soft_wrap=True)
    if len(items) > SHOWN:
        console.print(f"  … and {len(items) - SHOWN} more")
    console.print(f"  → {next_step}", markup=False, highlight=False, soft_wrap=True)


def _table(title: str, first: str = "file") -> Table:
    return Table(first, title=escape(title), title_justify="left")
