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
) -> None:
    """Train a pipeline, as `spacy train` does. Any setting: --paths.train x.spacy"""
    import time

    from ..training.train import best_score, train

    start = time.perf_counter()
    model_best = train(config, output, gpu_id, _overrides(ctx.args))
    minutes, seconds = divmod(round(time.perf_counter() - start), 60)
    best = best_score(model_best)
    scores = ", ".join(f"{name} {value:.4f}" for name, value in best["scores"].items())
    typer.echo(f"✔ {model_best}: score {best['score']:.4f} ({scores}), {minutes} min {seconds} s")


def _overrides(args: list[str]) -> dict[str, Any]:
    """RETURNS (dict): The settings given as --section.name value, read as spaCy reads them."""
    from click import NoSuchOption
    from spacy.cli._util import parse_config_overrides

    try:
        return parse_config_overrides(list(args))
    except NoSuchOption as err:
        raise XinzhiError(
            str(err), "A config setting has a dot in its name: --training.max_steps 100"
        ) from err
