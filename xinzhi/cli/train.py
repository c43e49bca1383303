"""xinzhi train"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import XinzhiError
from ._app import app

if TYPE_CHECKING:
    from ..training.distributed.group import Group


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
    nproc: Annotated[
        int, typer.Option(help="Processes on this machine, each with a part of every batch", min=1)
    ] = 1,
    max_restarts: Annotated[
        int, typer.Option(help="Start all processes again if one is killed", min=0)
    ] = 3,
) -> None:
    """Train a pipeline, as `spacy train` does. Any setting: --paths.train x.spacy"""
    from ..training.distributed.environment import errors_for_launcher, number_of_processes

    options: dict[str, Any] = {
        "resume": resume,
        "deterministic": deterministic,
        "ignore_lint": ignore_lint,
    }
    together = max(nproc, number_of_processes())
    if together > 1 and repeats > 1:
        raise XinzhiError(
            f"--repeats {repeats} and {together} processes do not go together.",
            "Train once per seed: --training.seed 1, --training.seed 2, …",
        )
    if nproc > 1:
        if number_of_processes() > 1:
            raise XinzhiError("torchrun has started the processes.", "Leave --nproc out.")
        from ..training.distributed.launch import launch

        read_overrides(ctx.args)  # an error of theirs is said before anything is started
        place = [str(config), "--output", str(output), "--gpu-id", str(gpu_id)]
        chosen = [f"--{name.replace('_', '-')}" for name, value in options.items() if value]
        launch(["train", *place, *chosen, *ctx.args], nproc, max_restarts)
        return
    with errors_for_launcher():
        _join(config, output, gpu_id, ctx.args, repeats, options)


def _join(
    config: Path,
    output: Path,
    gpu_id: int,
    arguments: list[str],
    repeats: int,
    options: dict[str, Any],
) -> None:
    """Train, alone or as one of the processes that torchrun has started."""
    from ..training.distributed.group import joined_group

    overrides = read_overrides(arguments)
    with joined_group(on_gpu=gpu_id >= 0) as group:
        _train(config, output, gpu_id, overrides, repeats, group, options)


def _train(
    config: Path,
    output: Path,
    gpu_id: int,
    overrides: dict[str, Any],
    repeats: int,
    group: Group,
    options: dict[str, Any],
) -> None:
    """Train once or several times, and say what came out."""
    import time

    from ..training.repeats import describe_spread, train_repeats
    from ..training.train import best_score, train

    start = time.perf_counter()
    if repeats > 1:
        summary = train_repeats(config, output, repeats, gpu_id, overrides, **options)
        for line in describe_spread(summary["scores"]):
            typer.echo(line)
    else:
        train(config, output, gpu_id, overrides, group=group, **options)
    if not group.is_first:
        return
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
