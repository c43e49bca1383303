"""`xinzhi check`: look at a corpus before training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._app import app


@app.command("check")
def check_command(
    paths: Annotated[list[Path], typer.Argument(help="Files of one corpus: .jsonl or .spacy.")],
    lang: Annotated[str, typer.Option(help="Language code; zh: one token per character.")] = "zh",
    strict: Annotated[bool, typer.Option("--strict", help="Fail on any finding.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the complete report here.")
    ] = None,
) -> None:
    """Check a corpus: counts, labels, entities that do not fit the tokens, repeated texts."""
    from rich.console import Console

    from ..corpora.check import check
    from ..corpora.show import show_check
    from ..files import write_json

    console = Console()
    report = check(paths, lang=lang, progress=console.is_terminal)
    show_check(report, console)
    if json_file is not None:
        write_json(json_file, report.to_dict())
    if report.problems or (strict and report.has_findings):
        raise typer.Exit(1)
