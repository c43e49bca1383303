"""xinzhi evaluate"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._app import app


@app.command("evaluate")
def evaluate_cli(
    pipeline: Annotated[str, typer.Argument(help="Folder of a pipeline, or an installed package")],
    corpus: Annotated[Path, typer.Argument(help="A .spacy file, or a folder of them")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON file")] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU number, -1: CPU")] = -1,
) -> None:
    """Score a pipeline: entities, BIO tags per token, each head, real values, confidence, speed."""
    from ..evaluation.evaluate import evaluate
    from ..evaluation.output import print_scores
    from ..files import write_json

    scores = evaluate(pipeline, corpus, gpu_id)
    print_scores(scores)
    if output is not None:
        write_json(output, scores, sort_keys=True)
        typer.echo(f"✔ {output}")
