"""xinzhi search"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._app import app
from .train import read_overrides


@app.command("search", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def search_cli(
    ctx: typer.Context,
    config: Annotated[Path, typer.Argument(help="Training config with a section [search]")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the search")],
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU number, -1: CPU")] = -1,
    workers: Annotated[int, typer.Option(help="Trials at a time", min=1)] = 1,
    trials: Annotated[
        int | None, typer.Option(help="In place of search.trials", show_default=False, min=1)
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(help="In place of search.repeats", show_default=False, min=0)
    ] = None,
    engine: Annotated[
        str, typer.Option(help="local, or ray: the trials run on a Ray cluster")
    ] = "local",
) -> None:
    """Search for better values of any settings; stopped, it goes on with the same command.

    Ends with best.cfg, ready to train, and compares it with the default over new seeds.
    """
    from ..training.search.search import search

    result = search(
        config,
        output,
        gpu_id,
        read_overrides(ctx.args),
        workers=workers,
        trials=trials,
        repeats=repeats,
        engine=engine,
    )
    best = next(trial for trial in result["trials"] if trial["number"] == result["best"])
    for name, value in best["values"].items():
        typer.echo(f"{name} = {value!r} (default {result['default'][name]!r})")
    if result["comparison"]:
        typer.echo(result["comparison"]["verdict"])
    typer.echo(
        f"✔ {result['config']}: score {best['score']:.4f} in trial {best['number']}, "
        f"{len(result['trials'])} trials. Plots: {result['report']}"
    )
