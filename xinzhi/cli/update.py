"""`xinzhi update`: train a pipeline further; promoted only if it loses nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._app import app

REFUSED = 4  # exit code: the candidate did not pass the gate


@app.command("update")
def update_command(
    pipeline: Annotated[str, typer.Argument(help="The trained pipeline (folder, package).")],
    new: Annotated[Path, typer.Argument(help="New or corrected annotation: .spacy, or a folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the update.")],
    replay: Annotated[
        Path | None, typer.Option(help="What it was trained on: .spacy, or a folder.")
    ] = None,
    test: Annotated[
        Path | None, typer.Option(help="Texts to judge by; default: a part is held out.")
    ] = None,
    replay_size: Annotated[int, typer.Option(help="Most old texts to train on again.")] = 1000,
    method: Annotated[
        str, typer.Option(help="How to choose them: herding, reservoir.")
    ] = "herding",
    annotates: Annotated[
        str | None,
        typer.Option(help="The only entity labels that NEW was annotated with: 教育,交通"),
    ] = None,
    trust: Annotated[
        float, typer.Option(help="Confidence from which the old pipeline fills in what is missing.")
    ] = 0.9,
    distillation: Annotated[
        float, typer.Option(help="Weight of staying near the old vectors; 0: off.")
    ] = 1.0,
    epochs: Annotated[int, typer.Option(help="Passes over the texts.")] = 6,
    learn_rate: Annotated[
        float | None, typer.Option(help="Highest rate of the heads.", show_default="0.0015")
    ] = None,
    encoder_scale: Annotated[float, typer.Option(help="… times this for the encoder.")] = 0.1,
    frozen_layers: Annotated[int, typer.Option(help="Lower layers that do not learn.")] = 0,
    margin: Annotated[
        float, typer.Option(help="By how much the F of an old label may fall.")
    ] = 0.02,
    alpha: Annotated[float, typer.Option(help="New labels improve if p is below this.")] = 0.05,
    seed: Annotated[int, typer.Option(help="Of all random numbers.")] = 0,
    registry: Annotated[Path | None, typer.Option(help="Promote it in this registry, too.")] = None,
    name: Annotated[str | None, typer.Option(help="The model in the registry.")] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU number, -1: CPU")] = -1,
) -> None:
    """Train PIPELINE further on NEW. It is promoted only if nothing that was known gets worse.

    Exit code 0: promoted, in OUTPUT/model; 4: refused, see OUTPUT/report.html; 1: an error.
    """
    from rich.console import Console

    from ..update import Options, update
    from ..update.report import print_report
    from ._reading import names

    options = Options(
        replay_size=replay_size,
        replay_method=method,
        annotates=tuple(names(annotates)),
        trust=trust,
        distillation=distillation,
        epochs=epochs,
        learn_rate=learn_rate,
        encoder_scale=encoder_scale,
        frozen_layers=frozen_layers,
        margin=margin,
        alpha=alpha,
        seed=seed,
    )
    report = update(
        pipeline,
        new,
        output,
        replay=replay,
        test=test,
        options=options,
        registry=registry,
        name=name,
        gpu_id=gpu_id,
    )
    print_report(report, Console())
    if not report["verdict"]["passed"]:
        raise typer.Exit(REFUSED)
    typer.echo(f"✔ {report['model']}")
