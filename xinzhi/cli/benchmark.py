"""xinzhi benchmark"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._app import app


@app.command("benchmark")
def benchmark_cli(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for JSON, Markdown and SVG")
    ] = Path("metrics/benchmark"),
    only: Annotated[
        str, typer.Option(help="A part, e.g. predict,load; default: all of predict,train,load")
    ] = "",
    rounds: Annotated[int, typer.Option(help="Turns of each contender")] = 5,
    threads: Annotated[int, typer.Option(help="Threads of each contender, 0: all cores")] = 0,
    documents: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FILE.jsonl to predict, repeatable; default: smartcity"),
    ] = None,
    ours: Annotated[Path | None, typer.Option(help="Our pipeline")] = None,
    stock: Annotated[Path | None, typer.Option(help="The stock pipeline")] = None,
    ours_config: Annotated[Path | None, typer.Option(help="Our training config")] = None,
    encoder: Annotated[Path | None, typer.Option(help="Folder of the encoder")] = None,
    corpus: Annotated[
        Path | None, typer.Option(help="Folder with train, dev and test.spacy")
    ] = None,
    train_documents: Annotated[int, typer.Option(help="Documents per epoch, 0: all")] = 96,
    build_stock: Annotated[
        bool, typer.Option("--build-stock", help="Stock pipeline missing: use random heads")
    ] = False,
    fit_hf: Annotated[
        int, typer.Option(help="Train the transformers model for so many updates, for its scores")
    ] = 0,
    profile: Annotated[bool, typer.Option("--profile", help="Split the time into phases")] = False,
    scaling: Annotated[
        bool, typer.Option("--scaling", help="Curves over length, corpus size, threads")
    ] = False,
    stream: Annotated[
        str, typer.Option(help="Memory over streams of so many documents, e.g. 10000,100000")
    ] = "",
) -> None:
    """Measure speed, memory, size and scores beside stock spaCy and transformers, in turns."""
    from ..benchmark.output import check_writable, has_plots, write_results
    from ..benchmark.report import to_markdown
    from ..benchmark.run import benchmark
    from ..benchmark.settings import make_paths, make_settings

    settings = make_settings(
        paths=make_paths(corpus, ours=ours, stock=stock, ours_config=ours_config, encoder=encoder),
        documents=documents or [],
        only=only,
        stream=stream,
        threads=threads,
        rounds=rounds,
        train_documents=train_documents,
        build_stock=build_stock,
        fit_hf=fit_hf,
        profile=profile,
        scaling=scaling,
    )
    check_writable(output)
    if not has_plots():
        typer.echo("No plot without matplotlib: pip install 'xinzhi[plots]'", err=True)
    results = benchmark(settings, show_progress=True)
    files = write_results(results, output)
    typer.echo(to_markdown(results))
    for file in files:
        typer.echo(f"✔ {file}")
