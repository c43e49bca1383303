"""`xinzhi check`: look at a corpus before training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._app import app
from ._reading import (
    EncodingOption,
    FormatOption,
    HeadsOption,
    ScoresOption,
    TextOption,
    reading,
)


@app.command("check")
def check_command(
    paths: Annotated[list[Path], typer.Argument(help="Files of one corpus, in any format.")],
    lang: Annotated[str, typer.Option(help="Language code; zh: one token per character.")] = "zh",
    fmt: FormatOption = "auto",
    encoding: EncodingOption = None,
    text_field: TextOption = None,
    head: HeadsOption = None,
    score: ScoresOption = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Training config: judge it, and estimate the time and memory it takes."),
    ] = None,
    encoder: Annotated[
        Path | None, typer.Option(help="Folder of the encoder, to count word pieces.")
    ] = None,
    near: Annotated[bool, typer.Option(help="Look for near-duplicates in different files.")] = True,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on any finding.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the complete report here.")
    ] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Write a page with tables and plots here.")
    ] = None,
) -> None:
    """Check a corpus (and a training config) before training; exit code 1: training would suffer.

    Counts, labels, lengths, entities that do not fit the tokens, repeated and nearly repeated
    texts, leakage between the files.
    """
    from rich.console import Console

    from ..corpora.check import check, read_config
    from ..corpora.check_page import write_page
    from ..corpora.show_check import show_check
    from ..files import write_json

    console = Console()
    report = check(
        paths,
        lang=lang,
        read=reading(fmt, encoding, text_field, head, score),
        config=read_config(config, paths) if config is not None else None,
        encoder=encoder,
        near=near,
        progress=console.is_terminal,
    )
    show_check(report, console)
    if json_file is not None:
        write_json(json_file, report.to_dict())
    if html_file is not None:
        write_page(html_file, report)
    if report.has_errors or (strict and report.has_findings):
        raise typer.Exit(1)
