"""`xinzhi export`: a corpus, or what a pipeline predicts, for an annotation tool."""

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

SHOWN = 20


@app.command("export")
def export_command(
    inputs: Annotated[list[Path], typer.Argument(help="Annotated files, in any format.")],
    output: Annotated[Path, typer.Argument(help="The file (brat, webanno: the folder) to write.")],
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help="Format of the output.")],
    fmt: FormatOption = "auto",
    encoding: EncodingOption = None,
    text: TextOption = None,
    heads: HeadsOption = None,
    scores: ScoresOption = None,
    only: Annotated[
        list[str] | None, typer.Option("--only-head", help="Write this head, and no other.")
    ] = None,
    lang: Annotated[str, typer.Option(help="Language code; zh: one token per character.")] = "zh",
    scheme: Annotated[
        str, typer.Option(help="Tag scheme for columns: BIO, IOB1, BIOES, BILOU, BMES or IO.")
    ] = "BIO",
    pipeline: Annotated[
        str | None,
        typer.Option(help="Write what this pipeline predicts, with its confidence, to correct."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Write nothing if anything is bad or lost.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output.")] = False,
) -> None:
    """Write INPUTS in the format of an annotation tool, and list what that format cannot say.

    The exit code is 0 if every record was written, 3 if some was not, and 1 if nothing was written.
    """
    from rich.console import Console

    from ..corpora.columns import check_scheme
    from ..corpora.export import export

    check_scheme(scheme)
    report = export(
        inputs,
        output,
        to,
        options=reading(fmt, encoding, text, heads, scores),
        lang=lang,
        scheme=scheme,
        heads=only or (),
        pipeline=pipeline,
        strict=strict,
        force=force,
    )
    console = Console()
    console.print(f"{report.written} of {report.records} records written to {output}", markup=False)
    for name, number in report.left_out.items():
        console.print(f"  left out: {name} ({number} records)", markup=False)
    found = [*report.problems, *report.lost]
    for problem in found[:SHOWN]:
        console.print(f"  {problem}", markup=False, soft_wrap=True)
    if found or report.left_out:
        more = f"{len(found) - SHOWN} more and " if len(found) > SHOWN else ""
        console.print(f"  {more}all of it in {output}.report.json", markup=False)
    if not report.complete:
        raise typer.Exit(INCOMPLETE)
