"""`xinzhi clean`: named, counted, reversible cleaning steps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._app import INCOMPLETE, app
from ._reading import (
    EncodingOption,
    FormatOption,
    HeadsOption,
    ScoresOption,
    TextOption,
    names,
    reading,
)


@app.command("clean")
def clean_command(
    inputs: Annotated[list[Path], typer.Argument(help="Annotated files of one corpus.")],
    output_dir: Annotated[Path, typer.Argument(help="Directory for the cleaned files.")],
    steps: Annotated[
        str,
        typer.Option(
            help="Some of empty, damaged, conflicts, copies, leaks, near, normalise, trim, "
            "overlaps."
        ),
    ] = "empty,copies,trim",
    normalise: Annotated[
        str,
        typer.Option(
            help="For the step normalise: some of control, zero-width, spaces, width, nfkc, "
            "simplified."
        ),
    ] = "control,zero-width,spaces,width",
    overlap: Annotated[
        str, typer.Option(help="For the step overlaps: longest, first or priority.")
    ] = "longest",
    priority: Annotated[
        str | None, typer.Option(help="Labels for --overlap priority, the most important first.")
    ] = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Undo: the input is a folder that clean has written.")
    ] = False,
    fmt: FormatOption = "auto",
    encoding: EncodingOption = None,
    text_field: TextOption = None,
    head: HeadsOption = None,
    score: ScoresOption = None,
) -> None:
    """Clean a corpus: what a step leaves out or changes goes to files of its own.

    Exit code 3: some records could not be read.
    """
    from rich.console import Console

    from ..corpora.clean import CleanOptions, clean, restore
    from ..corpora.show_split import show_clean

    console = Console()
    if undo:
        if len(inputs) != 1:
            raise typer.BadParameter("--undo takes one folder")
        for name, count in restore(inputs[0], output_dir).items():
            console.print(f"{output_dir / name}: {count:,} records", highlight=False)
        return
    options = CleanOptions(
        names(steps),
        names(normalise),
        overlap,
        names(priority),
        read=reading(fmt, encoding, text_field, head, score),
    )
    report = clean(inputs, output_dir, options)
    show_clean(report, console)
    if any(problem.error for problem in report.problems):
        raise typer.Exit(INCOMPLETE)
