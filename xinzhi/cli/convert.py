"""`xinzhi convert`: annotated text to spaCy's binary corpus files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._app import app


@app.command("convert")
def convert_command(
    inputs: Annotated[list[Path], typer.Argument(help="Annotated files of one corpus.")],
    output_dir: Annotated[Path, typer.Argument(help="Directory for the .spacy files.")],
    lang: Annotated[str, typer.Option(help="Language code; zh: one token per character.")] = "zh",
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail if an entity does not fit the tokens.")
    ] = False,
    allow_unseen: Annotated[
        bool,
        typer.Option("--allow-unseen", help="Only warn about labels that train does not have."),
    ] = False,
) -> None:
    """Convert annotated files (train, dev, test) to OUTPUT_DIR/*.spacy: all of them, or none."""
    from rich.console import Console

    from ..corpora.convert import convert
    from ..corpora.show import show_conversion

    console = Console()
    report = convert(
        inputs,
        output_dir,
        lang=lang,
        strict=strict,
        allow_unseen=allow_unseen,
        progress=console.is_terminal,
    )
    show_conversion(report, output_dir, console)
