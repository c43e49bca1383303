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
    report: Annotated[
        Path | None, typer.Option(help="Folder for the whole report: JSON, Markdown and HTML")
    ] = None,
    train: Annotated[
        Path | None,
        typer.Option(help="For the report: the corpus trained on, to tell seen from unseen"),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(help="For the report: the run folder of the training; found beside PIPELINE"),
    ] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU number, -1: CPU")] = -1,
) -> None:
    """Score a pipeline: entities, BIO tags per token, each head, real values, confidence, speed."""
    from ..evaluation.evaluate import predict_corpus, score
    from ..evaluation.output import print_scores
    from ..files import write_json

    if report is None and (train or run):
        raise typer.BadParameter("--train and --run are for the report: add --report FOLDER")
    predictions = predict_corpus(pipeline, corpus, gpu_id)
    scores = score(predictions)
    print_scores(scores)
    if output is not None:
        write_json(output, scores, sort_keys=True)
        typer.echo(f"✔ {output}")
    if report is not None:
        from ..evaluation.report.build import build_report
        from ..evaluation.report.write import write_report

        page = write_report(report, build_report(predictions, scores, train=train, run=run))
        typer.echo(f"✔ {page}")
