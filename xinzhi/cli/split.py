"""`xinzhi split`: a corpus into train, dev and test, or into folds."""

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
    reading,
)


@app.command("split")
def split_command(
    inputs: Annotated[list[Path], typer.Argument(help="Annotated files of one corpus.")],
    output_dir: Annotated[Path, typer.Argument(help="Directory for the JSON Lines files.")],
    parts: Annotated[
        str, typer.Option(help="Names of the parts and their shares.")
    ] = "train=80,dev=10,test=10",
    folds: Annotated[int, typer.Option(help="Make so many folds instead.")] = 0,
    group: Annotated[
        str | None,
        typer.Option(
            help="Field of 'meta' whose records stay together; near: near-duplicates stay "
            "together. Equal texts always do."
        ),
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="Field of 'meta' with a time: earlier records first.")
    ] = None,
    seed: Annotated[int, typer.Option(help="For the order of records that are alike.")] = 0,
    fmt: FormatOption = "auto",
    encoding: EncodingOption = None,
    text_field: TextOption = None,
    head: HeadsOption = None,
    score: ScoresOption = None,
) -> None:
    """Split a corpus so that every label is in each part and no text is in two.

    Exit code 3: some records could not be read.
    """
    from rich.console import Console

    from ..corpora.show_split import show_split
    from ..corpora.split import SplitOptions, parse_parts, split

    read = reading(fmt, encoding, text_field, head, score)
    options = SplitOptions(parse_parts(parts), folds, group, time, seed, read)
    report = split(inputs, output_dir, options)
    show_split(report, Console())
    if any(problem.error for problem in report.problems):
        raise typer.Exit(INCOMPLETE)
