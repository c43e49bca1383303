"""`xinzhi apply`: any pipeline over files of texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._app import INCOMPLETE, app


@app.command("apply")
def apply_command(
    pipeline: Annotated[str, typer.Argument(help="Path or package name of any spaCy pipeline.")],
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders or globs: .txt .jsonl .csv .tsv (also .gz .bz2 .xz), .parquet, "
            ".spacy; - is JSON Lines on standard input."
        ),
    ],
    output: Annotated[Path, typer.Argument(help="The .jsonl, .parquet or .spacy file to make.")],
    to: Annotated[
        str | None, typer.Option(help="jsonl, parquet or docbin; default: by the suffix.")
    ] = None,
    text: Annotated[str, typer.Option("--text-field", help="Field with the text.")] = "text",
    identity: Annotated[str, typer.Option("--id-field", help="Field with the id.")] = "id",
    engine: Annotated[str, typer.Option(help="local, ray or spark.")] = "local",
    workers: Annotated[
        int, typer.Option("--n-process", "--workers", min=1, help="Processes, or actors.")
    ] = 1,
    part_size: Annotated[int, typer.Option(min=1, help="Texts of a part (a checkpoint).")] = 1000,
    batch_size: Annotated[int, typer.Option(min=1, help="Texts at a time.")] = 64,
    disable: Annotated[list[str] | None, typer.Option(help="A component not to run.")] = None,
    threads: Annotated[
        int, typer.Option(min=0, help="Threads of each worker; 0: chosen by their number.")
    ] = 0,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU number; -1: CPU.")] = -1,
    restart: Annotated[
        bool, typer.Option("--restart", help="Throw away what an unfinished run has done.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output.")] = False,
) -> None:
    """Run PIPELINE over the texts of INPUTS and write what it predicts, in their order.

    A run that was killed goes on when the same command is given again. The exit code is 0 if every
    record was predicted, 3 if some could not be, and 1 if nothing was written.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from ..apply.inputs import Fields
    from ..apply.job import apply

    columns = TextColumn("{task.completed:,.0f} texts"), TextColumn("{task.fields[rate]}")
    console = Console(stderr=True)
    with Progress(BarColumn(), *columns, TimeElapsedColumn(), console=console) as bar:
        shown = bar.add_task("texts", total=None, rate="")

        def advance(count: int) -> None:
            bar.advance(shown, count)
            speed = bar.tasks[0].speed
            bar.update(shown, rate=f"{speed:,.0f}/s" if speed else "")

        report = apply(
            pipeline,
            inputs,
            output,
            to=to,
            fields=Fields(text, identity),
            engine=engine,
            workers=workers,
            part_size=part_size,
            batch_size=batch_size,
            disable=disable or (),
            threads=threads,
            gpu_id=gpu_id,
            restart=restart,
            force=force,
            progress=advance,
        )
    resumed = f", {report.resumed} parts from an earlier run" if report.resumed else ""
    console.print(f"{report.texts} texts in {report.output}{resumed}", markup=False)
    if report.problems:
        console.print(f"{report.problems} could not be predicted: {report.errors}", markup=False)
        raise typer.Exit(INCOMPLETE)
