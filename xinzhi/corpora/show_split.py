"""What `split` and `clean` did, as terminal tables."""

from __future__ import annotations

from rich.console import Console

from .clean import CHANGED, REMOVED, STEPS, CleanReport
from .show import new_table, show_list
from .show_check import show_counts, show_labels
from .split import SplitReport

ERRORS_STEP = "Correct these and run it again; they are not in the outputs."
LEAK_STEP = "Remove them with: xinzhi clean --steps leaks"


def show_split(report: SplitReport, console: Console) -> None:
    """Print what the files of a split hold.

    report (SplitReport): The report.
    console (Console): Where to print.
    """
    files = dict(report.files)
    show_counts(files, console)
    for head in sorted({head for item in files.values() for head in item.labels}):
        show_labels(head, files, console)
    console.print(f"Groups kept together: {report.groups:,}", highlight=False)
    if report.leaked:
        console.print(f"Texts of an earlier part in a later one: {report.leaked}", style="yellow")
        console.print(f"  → {LEAK_STEP}", markup=False)
    errors = [problem for problem in report.problems if problem.error]
    show_list("Records that could not be read", errors, console, ERRORS_STEP, style="red")
    console.print(f"Written to {report.output}", markup=False, soft_wrap=True)


def show_clean(report: CleanReport, console: Console) -> None:
    """Print what each step did.

    report (CleanReport): The report.
    console (Console): Where to print.
    """
    table = new_table(f"Cleaned: {report.kept:,} of {report.records:,} records kept", "step")
    table.add_column("what it leaves out or changes")
    table.add_column("records", justify="right")
    for step, count in report.removed.items():
        table.add_row(step, STEPS[step], f"{count:,}")
    if report.changed:
        table.add_row("changed", ", ".join(report.reasons), f"{report.changed:,}")
    console.print(table)
    errors = [problem for problem in report.problems if problem.error]
    show_list("Records that could not be read", errors, console, ERRORS_STEP, style="red")
    for name in (REMOVED, CHANGED):
        console.print(f"{report.output / name}", markup=False, soft_wrap=True)
