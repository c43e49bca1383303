"""Reports as terminal tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .alignment import INCLUSIVE, Misaligned
from .convert import REPORT, SHOWN, ConvertReport


def show_conversion(report: ConvertReport, output_dir: Path, console: Console) -> None:
    """Print what a conversion did.

    report (ConvertReport): The report.
    output_dir (Path): Where the outputs went.
    console (Console): Where to print.
    """
    table = Table("file", title=f"Converted to {escape(str(output_dir))}", title_justify="left")
    for name in ("documents", "characters", "entities", "kept", "misaligned", "docs without"):
        table.add_column(name, justify="right")
    for item in report.files:
        found = item.found
        counts = [item.documents, found.characters, found.spans, item.kept, item.misaligned]
        cells = [f"{count:,}" for count in [*counts, found.without_entities]]
        table.add_row(escape(item.output.name), *cells)
    console.print(table)
    for item in report.files:
        for name, count in item.found.ignored.items():
            console.print(
                f"{item.source}: field '{name}' was ignored in {count} records", markup=False
            )
    for warning in report.warnings:
        console.print(f"warning: {warning}", markup=False, style="yellow")
    show_misaligned(report.misaligned, console)
    console.print(f"Report: {output_dir / REPORT}", markup=False)


def show_misaligned(misaligned: Sequence[Misaligned], console: Console) -> None:
    """List the first misaligned spans, and say so if most would fit with end + 1.

    misaligned (Sequence[Misaligned]): The spans.
    console (Console): Where to print.
    """
    if not misaligned:
        return
    console.print(
        f"{len(misaligned)} entities do not fit the tokens; their tokens are marked as "
        "missing, so that they teach nothing wrong:",
        style="yellow",
    )
    for item in misaligned[:SHOWN]:
        console.print(f"  {item}", markup=False, highlight=False)
    if len(misaligned) > SHOWN:
        console.print(f"  … and {len(misaligned) - SHOWN} more, in the report")
    inclusive = sum(item.reason == INCLUSIVE for item in misaligned)
    if 2 * inclusive > len(misaligned):
        console.print(
            f"{inclusive} of {len(misaligned)} would fit with end + 1: the offsets look "
            "end-inclusive; add 1 to every end.",
            style="yellow",
        )
