"""`xinzhi convert`: annotated text to spaCy's binary corpus files."""

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


@app.command("convert")
def convert_command(
    inputs: Annotated[list[Path], typer.Argument(help="Annotated files of one corpus.")],
    output_dir: Annotated[Path, typer.Argument(help="Directory for the .spacy files.")],
    lang: Annotated[str, typer.Option(help="Language code; zh: one token per character.")] = "zh",
    fmt: FormatOption = "auto",
    encoding: EncodingOption = None,
    text_field: TextOption = None,
    head: HeadsOption = None,
    score: ScoresOption = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first thing that cannot be kept as it is.")
    ] = False,
    allow_unseen: Annotated[
        bool,
        typer.Option("--allow-unseen", help="Labels that train does not have are expected."),
    ] = False,
    fix_offsets: Annotated[
        bool,
        typer.Option(
            "--fix-offsets",
            help="Repair offsets: UTF-16, bytes, inclusive ends (if the spans say so), white "
            "space at the edges.",
        ),
    ] = False,
    offsets: Annotated[
        str | None,
        typer.Option(
            help="What the offsets count, if you know: utf-16, bytes, inclusive, "
            "utf-16-inclusive, bytes-inclusive."
        ),
    ] = None,
    normalise: Annotated[
        str | None,
        typer.Option(
            help="Normalise the texts: some of control, zero-width, spaces, width, nfkc, "
            "simplified, separated by commas."
        ),
    ] = None,
    overlap: Annotated[
        str,
        typer.Option(
            help="Of overlapping spans keep the longest, the first, those with priority, all in "
            "a span group (spans), or none of them (error)."
        ),
    ] = "error",
    priority: Annotated[
        str | None, typer.Option(help="Labels for --overlap priority, the most important first.")
    ] = None,
    shard_size: Annotated[
        int, typer.Option(min=1, help="Most documents in one .spacy file; more make a folder.")
    ] = 50_000,
) -> None:
    """Convert annotated files (train, dev, test) to OUTPUT_DIR/*.spacy.

    What cannot be converted is listed in convert_report.jsonl. The exit code is 0 if nothing was
    lost, 3 if something was, and 1 if nothing was written.
    """
    from rich.console import Console

    from ..corpora.convert import ConvertOptions, convert
    from ..corpora.show import show_conversion

    console = Console()
    options = ConvertOptions(
        lang=lang,
        strict=strict,
        allow_unseen=allow_unseen,
        fix_offsets=fix_offsets,
        offsets=offsets,
        steps=names(normalise),
        overlap=overlap,
        priority=names(priority),
        shard_size=shard_size,
        read=reading(fmt, encoding, text_field, head, score),
    )
    report = convert(inputs, output_dir, options, progress=console.is_terminal)
    show_conversion(report, output_dir, console)
    if not report.complete:
        raise typer.Exit(INCOMPLETE)
