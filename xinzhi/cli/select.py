"""`xinzhi select`: which texts to annotate next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._app import INCOMPLETE, app


@app.command("select")
def select_command(
    pipeline: Annotated[str, typer.Argument(help="A trained pipeline (folder, package).")],
    inputs: Annotated[list[str], typer.Argument(help="Texts: files, folders or globs.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file for the annotators.")],
    budget: Annotated[int, typer.Option("--budget", "-n", help="How many texts.")] = 100,
    to: Annotated[
        str, typer.Option(metavar="FORMAT", help="doccano, label-studio, prodigy, jsonl, …")
    ] = "jsonl",
    strategy: Annotated[
        str, typer.Option(help="clusters, uncertainty, diversity or random.")
    ] = "clusters",
    annotated: Annotated[
        list[str] | None, typer.Option(help="Texts not to choose again. Repeat for several files.")
    ] = None,
    text_field: Annotated[str, typer.Option(help="Field or column of the text.")] = "text",
    id_field: Annotated[str, typer.Option(help="Field or column of the id.")] = "id",
    most: Annotated[int, typer.Option(help="Choose from a sample of at most so many.")] = 100_000,
    seed: Annotated[int, typer.Option(help="Of the random numbers.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output.")] = False,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU number, -1: CPU")] = -1,
) -> None:
    """Choose the texts from which PIPELINE would learn most, with its predictions to be corrected.

    OUTPUT.selection.json says why each was chosen. Exit code 3: some text could not be read.
    """
    from ..apply.inputs import Fields
    from ..selection import select

    result = select(
        pipeline,
        inputs,
        output,
        budget,
        to=to,
        strategy=strategy,
        annotated=annotated or (),
        fields=Fields(text_field, id_field),
        most=most,
        seed=seed,
        force=force,
        gpu_id=gpu_id,
    )
    typer.echo(", ".join(f"{name} {number}" for name, number in result.counts.items()))
    for problem in result.problems[:20]:
        typer.echo(f"  {problem}", err=True)
    typer.echo(f"✔ {output}")
    if result.problems:
        raise typer.Exit(INCOMPLETE)


@app.command("select-simulate")
def simulate_command(
    encoder: Annotated[str, typer.Argument(help="Encoder (folder, name), or a pipeline with one.")],
    pool: Annotated[Path, typer.Argument(help="Annotated texts to choose from: .spacy.")],
    test: Annotated[Path, typer.Argument(help="Annotated texts to score on: .spacy.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON file.")] = None,
    budgets: Annotated[str, typer.Option(help="Numbers of texts.")] = "50,100,200,400",
    strategies: Annotated[
        str, typer.Option(help="To compare with random choice.")
    ] = "clusters,uncertainty,diversity",
    seeds: Annotated[int, typer.Option(help="How many random beginnings.", min=2)] = 3,
    epochs: Annotated[int, typer.Option(help="Passes over the chosen texts.", min=1)] = 15,
) -> None:
    """What choosing would have gained on texts that are annotated already: the learning curve.

    The encoder does not learn: it reads the texts once, and heads are trained on its vectors.
    """
    from rich.console import Console

    from ..files import write_json
    from ..selection.simulation import print_simulation, simulate
    from ._reading import names

    result = simulate(
        encoder,
        pool,
        test,
        budgets=[int(number) for number in names(budgets)],
        strategies=names(strategies),
        seeds=seeds,
        epochs=epochs,
        say=lambda line: typer.echo(line, err=True),
    )
    print_simulation(result, Console())
    if output:
        write_json(output, result)
        typer.echo(f"✔ {output}")
