"""xinzhi compare"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._app import app


@app.command("compare")
def compare_cli(
    a: Annotated[str, typer.Argument(help="Pipeline (folder, package), or .spacy predictions")],
    b: Annotated[str, typer.Argument(help="The one that is to be better")],
    corpus: Annotated[Path, typer.Argument(help="Gold: a .spacy file, or a folder of them")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for JSON, Markdown and JSONL")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="What to judge by, e.g. entities/f1; default: every task")
    ] = None,
    gate: Annotated[
        bool, typer.Option("--gate", help="Exit code 1 if B is significantly worse")
    ] = False,
    margin: Annotated[
        float | None, typer.Option(help="… or worse by more than this", show_default=False)
    ] = None,
    alpha: Annotated[float, typer.Option(help="Significant: p below this")] = 0.05,
    resamples: Annotated[int, typer.Option(help="Swaps, and bootstrap draws")] = 9999,
    seed: Annotated[int, typer.Option(help="Of the random numbers")] = 0,
    show: Annotated[int, typer.Option(help="Documents to show of each kind", min=0)] = 5,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU number, -1: CPU")] = -1,
) -> None:
    """Is B better than A, or was it luck? Paired tests per metric, and where they differ."""
    from rich.console import Console

    from ..evaluation.comparison.compare import Options, compare
    from ..evaluation.comparison.output import print_comparison, write_comparison

    options = Options(metric, alpha, margin, resamples, seed)
    result = compare(a, b, corpus, options, gpu_id)
    print_comparison(result, Console(), show)
    for file in write_comparison(output, result) if output else ():
        typer.echo(f"✔ {file}")
    if gate:
        for reason in result["gate"]["reasons"]:
            typer.echo(f"✘ {reason}", err=True)
        if not result["gate"]["passed"]:
            raise typer.Exit(1)
        typer.echo("✔ The gate is passed.")
