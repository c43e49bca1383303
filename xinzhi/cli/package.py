"""`xinzhi package`: a trained pipeline becomes one wheel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ._app import app

if TYPE_CHECKING:
    from rich.table import Table


@app.command("package")
def package_cli(
    pipeline_dir: Annotated[Path, typer.Argument(help="The trained pipeline, e.g. …/model-best")],
    out_dir: Annotated[Path, typer.Argument(help="Folder for the wheel")],
    name: Annotated[
        str | None, typer.Option(help="Package name; the language is put in front: zh_NAME")
    ] = None,
    version: Annotated[str | None, typer.Option(help="Package version, e.g. 0.1.0")] = None,
    metrics: Annotated[
        Path | None,
        typer.Option(help="Scores to carry: the JSON file of xinzhi evaluate", exists=True),
    ] = None,
    corpus: Annotated[
        list[Path] | None,
        typer.Option(help="Training data, file or folder, for the fingerprint; repeatable"),
    ] = None,
) -> None:
    """Build a wheel that carries the pipeline and the code it runs on.

    `pip install` of that one file and `spacy.load("zh_NAME")` work in any environment, with or
    without xinzhi.
    """
    from rich.console import Console

    from ..packaging.wheel import package_pipeline

    wheel = package_pipeline(
        pipeline_dir, out_dir, name=name, version=version, metrics=metrics, corpus=corpus or []
    )
    Console().print(_size_table(wheel))
    typer.echo(f"✔ {wheel}")


def _size_table(wheel: Path) -> Table:
    from rich.table import Table

    from ..packaging.sizes import wheel_sizes

    table = Table(title=wheel.name)
    for heading in ("part", "files", "installed MB", "in the wheel MB"):
        table.add_column(heading, justify="left" if heading == "part" else "right")
    for size in wheel_sizes(wheel):
        row = (size.part, str(size.files), f"{size.raw / 1e6:.2f}", f"{size.packed / 1e6:.2f}")
        table.add_row(*row)
    table.add_section()
    table.add_row("wheel", "", "", f"{wheel.stat().st_size / 1e6:.2f}")
    return table
