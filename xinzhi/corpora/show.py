"""Reports as terminal tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .alignment import INCLUSIVE, Misaligned
from .changes import OUTCOMES, Tally
from .convert import CHANGES, REPORT, SHOWN, ConvertReport
from .inventory import FileInventory
from .offsets import AS_IS

LABELS_STEP = "Correct a misspelt label, or add training texts that have it."
CONFLICTS_STEP = "Decide on one annotation for each text."
IGNORED_STEP = "Nothing, if they are not annotation; else rename them (docs/data-format.md)."
MISALIGNED_STEP = "Correct the offsets as suggested, or convert with --fix-offsets."
NOTES_STEP = "Nothing, if that is right."
OFFSETS_STEP = "Convert with --fix-offsets."
ERRORS_STEP = "Correct these and convert again; the rest has been converted."


def show_conversion(report: ConvertReport, output_dir: Path, console: Console) -> None:
    """Print what a conversion did.

    report (ConvertReport): The report.
    output_dir (Path): Where the outputs went.
    console (Console): Where to print.
    """
    table = new_table(f"Converted to {output_dir}")
    names = ("records", "left out", "entities", "kept", "trimmed", "moved", "dropped")
    for name in names:
        table.add_column(name, justify="right")
    for item in report.files:
        counts = item.tally.counts
        records = [counts["record", outcome] for outcome in ("in", "dropped")]
        spans = [counts["span", outcome] for outcome in ("in", *OUTCOMES)]
        table.add_row(escape(item.output.name), *(f"{count:,}" for count in (*records, *spans)))
    console.print(table)
    show_reasons(report.tally, console)
    show_offsets(report, console)
    show_ignored({item.source: item.found for item in report.files}, console)
    show_list("Notes of the readers", report.notes, console, NOTES_STEP)
    show_list("Labels that train does not have", report.warnings, console, LABELS_STEP)
    errors = report.tally.errors
    show_list("Not converted", report.errors, console, ERRORS_STEP, style="red", count=errors)
    misaligned = sum(item.misaligned for item in report.files)
    show_misaligned(report.misaligned, console, misaligned)
    if report.repeated:
        console.print(f"Texts that occur more than once: {len(report.repeated):,}")
    conflicts = [item for item in report.repeated if item.conflicts]
    show_list("Texts annotated differently", conflicts, console, CONFLICTS_STEP)
    console.print(f"Report: {output_dir / REPORT}", markup=False, soft_wrap=True)
    console.print(f"Every change: {output_dir / CHANGES}", markup=False, soft_wrap=True)


def show_reasons(tally: Tally, console: Console) -> None:
    """Print how often each thing was done, and why.

    tally (Tally): The counts.
    console (Console): Where to print.
    """
    for (unit, outcome, reason), count in sorted(tally.reasons.items()):
        what = "noted" if outcome == "note" else outcome
        console.print(f"  {unit}s {what}, {reason}: {count:,}", markup=False, highlight=False)


def show_offsets(report: ConvertReport, console: Console) -> None:
    """Say which files seem to count offsets in another way than they were read.

    report (ConvertReport): The report.
    console (Console): Where to print.
    """
    found = [
        f"{item.source}: {item.found.offsets.best()}"
        for item in report.files
        if item.found.offsets.best() != AS_IS and item.reading == AS_IS
    ]
    show_list("Offsets that look like another unit", found, console, OFFSETS_STEP)


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


def show_misaligned(
    misaligned: Sequence[Misaligned], console: Console, count: int | None = None
) -> None:
    """List the first misaligned spans, and say so if most would fit with end + 1.

    misaligned (Sequence[Misaligned]): The spans.
    console (Console): Where to print.
    count (int | None): Their number, if these are not all.
    """
    show_list(
        "Entities that do not fit the tokens (conversion marks their tokens as missing)",
        misaligned,
        console,
        MISALIGNED_STEP,
        count=count,
    )
    inclusive = sum(item.reason == INCLUSIVE for item in misaligned)
    if 2 * inclusive > len(misaligned):
        console.print(
            f"{inclusive} of {len(misaligned)} would fit with end + 1: the ends look inclusive; "
            "convert with --fix-offsets.",
            style="yellow",
        )


def show_list(
    title: str,
    items: Sequence[object],
    console: Console,
    next_step: str,
    style: str = "yellow",
    count: int | None = None,
) -> None:
    """Print the number of findings, the first of them, and what to do.

    title (str): What they are.
    items (Sequence): The findings; nothing is printed if there are none.
    console (Console): Where to print.
    next_step (str): What to do about them.
    style (str): Colour of the title.
    count (int | None): Number of findings, if these are not all.
    """
    if not items:
        return
    total = len(items) if count is None else count
    console.print(f"{title}: {total:,}", style=style)
    for item in items[:SHOWN]:
        console.print(f"  {item}", markup=False, highlight=False, soft_wrap=True)
    if total > SHOWN:
        console.print(f"  … and {total - SHOWN:,} more")
    console.print(f"  → {next_step}", markup=False, highlight=False, soft_wrap=True)


def new_table(title: str, first: str = "file") -> Table:
    """RETURNS (Table): An empty table whose first column is never cut off."""
    table = Table(title=escape(title), title_justify="left")
    table.add_column(first, no_wrap=True)
    return table
