"""What a check found, as terminal tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from .check import CheckReport, spread
from .inventory import ENTITIES, FileInventory
from .show import CONFLICTS_STEP, new_table, show_ignored, show_list, show_misaligned

SHARED_STEP = "Keep each text in one file: scores on texts seen in training are too high."
REPEATED_STEP = "Remove the copies, unless they should count more than once."
FILES_STEP = "Replace them, or leave them out."
PROBLEMS_STEP = "Correct these records, then check again: conversion or training would stop here."
NEAR_STEP = "Split so that they stay together: xinzhi split --group near."


def show_check(report: CheckReport, console: Console) -> None:
    """Print what a check found.

    report (CheckReport): The report.
    console (Console): Where to print.
    """
    files = report.inventory.files
    show_counts(files, console)
    show_lengths(report, console)
    for head in (ENTITIES, *report.inventory.heads):
        show_labels(head, files, console)
    show_ignored(files, console)
    shared = [item for item in report.repeated if item.shared]
    conflicts = [item for item in report.repeated if item.conflicts and not item.shared]
    others = [item for item in report.repeated if not item.shared and not item.conflicts]
    show_list("Texts shared between files", shared, console, SHARED_STEP)
    show_list("Texts annotated differently in one file", conflicts, console, CONFLICTS_STEP)
    show_list("Texts repeated in one file", others, console, REPEATED_STEP)
    show_list("Near-duplicates in different files", report.near or (), console, NEAR_STEP)
    show_misaligned(report.misaligned, console)
    unreadable = [problem for problem in report.problems if problem.whole_file]
    problems = [problem for problem in report.problems if not problem.whole_file]
    show_list("Files that cannot be read", unreadable, console, FILES_STEP, style="red")
    show_list("Problems that stop a conversion", problems, console, PROBLEMS_STEP, style="red")
    if report.near is None:
        console.print("Near-duplicates were not looked for: pip install 'xinzhi[dedup]'")
    if report.estimate is not None:
        console.print(f"Training: {report.estimate}", highlight=False)
    show_findings(report, console)


def show_findings(report: CheckReport, console: Console) -> None:
    """Print what the facts mean for training.

    report (CheckReport): The report.
    console (Console): Where to print.
    """
    for finding in report.findings:
        style, sign = ("red", "✘") if finding.level == "error" else ("yellow", "⚠")
        console.print(f"{sign} {finding.fact}", style=style, markup=False, highlight=False)
        console.print(f"  → {finding.fix}", markup=False, highlight=False, soft_wrap=True)
    if not report.has_findings:
        console.print("✔ Nothing to correct.", style="green")


def show_lengths(report: CheckReport, console: Console) -> None:
    """Print how long the texts of each file are.

    report (CheckReport): The report.
    console (Console): Where to print.
    """
    table = new_table("Lengths")
    for name in ("in", "min", "mean", "median", "95 %", "max"):
        table.add_column(name, justify="right")
    for path, facts in report.files.items():
        for unit, lengths in (("characters", facts.characters), ("word pieces", facts.pieces)):
            row = spread(lengths)
            if row is not None:
                table.add_row(escape(path.name), unit, *(f"{value:,}" for value in row.values()))
    if table.row_count:
        console.print(table)


def show_counts(files: Mapping[Path, FileInventory], console: Console) -> None:
    """Print one line of counts per file.

    files (Mapping): File to what it holds.
    console (Console): Where to print.
    """
    table = new_table("Corpus")
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
    table = new_table("Entities" if head == ENTITIES else f"Head {head}", "label")
    for path in files:
        table.add_column(escape(path.name), justify="right")
    for label in labels:
        table.add_row(escape(label), *(f"{counter[label]:,}" for counter in counts))
    console.print(table)
