"""`xinzhi verify`: prove that a wheel works where xinzhi is not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._app import app

if TYPE_CHECKING:
    from rich.table import Table


@app.command("verify")
def verify_cli(
    wheel: Annotated[Path, typer.Argument(help="The wheel, e.g. packages/zh_smartcity-….whl")],
    texts: Annotated[
        Path | None, typer.Option(help="Texts to predict on: UTF-8, one a line")
    ] = None,
    corpus: Annotated[
        Path | None, typer.Option(help="… or a .spacy file; without either, built-in samples")
    ] = None,
    pipeline: Annotated[
        Path | None,
        typer.Option(help="The pipeline folder it was made from, to compare predictions with"),
    ] = None,
    python: Annotated[
        str, typer.Option(help="Interpreter for the new environment", show_default=False)
    ] = sys.executable,
    n: Annotated[int, typer.Option("--n", help="How many documents", min=1)] = 20,
    constraints: Annotated[
        Path | None, typer.Option(help="pip constraints for the dependencies", exists=True)
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Use this environment's packages, not an index")
    ] = False,
    json_path: Annotated[
        Path | None, typer.Option("--json", help="Write the report to this file too")
    ] = None,
) -> None:
    """Install a wheel into a throw-away environment, load it there, compare and measure.

    The environment has no xinzhi and no network while the pipeline runs. Any difference from
    --pipeline is an error.
    """
    from rich.console import Console

    from ..files import write_json
    from ..packaging.verify import read_texts, verify_wheel

    report = verify_wheel(
        wheel,
        read_texts(texts, corpus, n),
        pipeline=pipeline,
        python=python,
        constraints=constraints,
        offline=offline,
    )
    if json_path:
        write_json(json_path, report)
    Console().print(_table(report))
    typer.echo(f"✔ {report['package']} works without xinzhi and without a network.")


def _table(report: dict[str, Any]) -> Table:
    from rich.table import Table

    table = Table(title=report["wheel"], show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for row in _rows(report):
        table.add_row(*row)
    return table


def _rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    compared = "not compared: no --pipeline given"
    if report["compared_with_training"]:
        compared = f"equal, scores within {report['largest_score_difference']:.1e}"
    memory = report["peak_memory_bytes"]
    return [
        ("environment", f"{report['environment']}, Python {report['python']}"),
        ("components", ", ".join(report["pipeline"])),
        ("predictions on", f"{report['documents']} documents"),
        ("against the training environment", compared),
        ("against two spawned processes", "equal"),
        ("import of spaCy and torch", f"{report['import_seconds']:.1f} s"),
        ("spacy.load", f"{report['load_seconds']:.1f} s"),
        ("first prediction", f"{report['first_prediction_seconds']:.2f} s"),
        ("wheel", f"{report['wheel_bytes'] / 1e6:.1f} MB"),
        ("installed", f"{report['installed_bytes'] / 1e6:.1f} MB"),
        ("peak memory", "unknown" if memory is None else f"{memory / 1e6:.0f} MB"),
    ]
