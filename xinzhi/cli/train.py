"""xinzhi train"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import XinzhiError
from ._app import app


@app.command("train", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def train_cli(
    ctx: typer.Context,
    config: Annotated[Path, typer.Argument(help="Training config, e.g. configs/smartcity.cfg")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for model-best")],
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU number, -1: CPU")] = -1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint, if there is one")
    ] = False,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Deterministic algorithms; print a weights hash")
    ] = False,
    repeats: Annotated[
        int, typer.Option(help="Train with so many seeds; report mean and spread", min=1)
    ] = 1,
    ignore_lint: Annotated[
        bool, typer.Option("--ignore-lint", help="Train despite errors in the config")
    ] = False,
) -> None:
    """Train a pipeline, as `spacy train` does. Any setting: --paths.train x.spacy"""
    import time

    from ..training.repeats import describe_spread, train_repeats
    from ..training.train import best_score, train

    start = time.perf_counter()
    overrides = read_overrides(ctx.args)
    options: dict[str, Any] = {
        "resume": resume,
        "deterministic": deterministic,
        "ignore_lint": ignore_lint,
    }
    if repeats > 1:
        summary = train_repeats(config, output, repeats, gpu_id, overrides, **options)
        for line in describe_spread(summary["scores"]):
            typer.echo(line)
    else:
        train(config, output, gpu_id, overrides, **options)
    minutes, seconds = divmod(round(time.perf_counter() - start), 60)
    best = best_score(output / "model-best")
    scores = ", ".join(f"{name} {value:.4f}" for name, value in best["scores"].items())
    typer.echo(
        f"✔ {output / 'model-best'}: score {best['score']:.4f} ({scores}), "
        f"{minutes} min {seconds} s"
    )


def read_overrides(args: list[str]) -> dict[str, Any]:
    """RETURNS (dict): The settings given as --section.name value, read as spaCy reads them."""
    from click import NoSuchOption
    from spacy.cli._util import parse_config_overrides

    try:
        return parse_config_overrides(list(args))
    except NoSuchOption as err:
        raise XinzhiError(
            str(err), "A config setting has a dot in its name: --training.max_steps 100"
        ) from err
