"""xinzhi optimize"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer

from ..errors import XinzhiError
from ._app import app


@app.command("optimize")
def optimize_cli(
    pipeline: Annotated[str, typer.Argument(help="Folder of a pipeline, or an installed package")],
    dev: Annotated[
        Path | None, typer.Argument(help="Dev data: a .spacy file, or a folder of them")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the copy with its settings")
    ] = None,
    rounds: Annotated[int, typer.Option(help="Turns of each candidate")] = 5,
    characters: Annotated[int, typer.Option(help="About so much text in each turn")] = 20_000,
    tolerance: Annotated[
        float, typer.Option(help="Points (of 100) that a score may fall behind fp32")
    ] = 0.5,
    light: Annotated[
        bool, typer.Option(help="The copy loads without spacy-transformers; it only predicts")
    ] = True,
    json: Annotated[
        Path | None, typer.Option(help="Write what was measured to this file too")
    ] = None,
    reset: Annotated[
        bool, typer.Option("--reset", help="Give an optimized PIPELINE its former settings back")
    ] = False,
) -> None:
    """Measure precisions, threads and batch sizes on this machine; set the fastest in a copy."""
    from ..files import write_json
    from ..optimization.optimize import RECORD, Options, optimize
    from ..optimization.optimize import reset as reset_pipeline

    if reset:
        for name, value in reset_pipeline(pipeline).items():
            typer.echo(f"{name} = {value}")
        return
    if dev is None or output is None:
        raise XinzhiError(
            "Optimizing needs dev data and a folder to write to.",
            "Run: xinzhi optimize PIPELINE DEV --output FOLDER",
        )
    options = Options(rounds=rounds, characters=characters, tolerance=tolerance, light=light)
    record = optimize(pipeline, dev, output, options, say=typer.echo)
    _print_table(record)
    if json is not None:
        write_json(json, record)
    typer.echo(f"✔ {output} ({RECORD} in it says what was measured)")


def _print_table(record: dict[str, Any]) -> None:
    """One row per candidate."""
    from rich.console import Console
    from rich.table import Table

    table = Table("setting", "value", "characters/s", "ratio", "spread", "points lost", "verdict")
    for setting, rows in record["settings"].items():
        for row in rows:
            spread = f"{row['lowest_ratio']:.2f}-{row['highest_ratio']:.2f}"
            lost = f"{row['points_lost']:.2f}" if setting == "precision" else ""
            rate = f"{row['characters_per_second']:.0f}"
            cells = [setting, str(row["value"]), rate, f"{row['ratio']:.2f}", spread, lost]
            table.add_row(*cells, row["verdict"])
    Console().print(table)
    before, after = (median(record["cold_start"][key]) for key in ("before", "after"))
    typer.echo(f"New process to first prediction: {before:.1f} s before, {after:.1f} s after")
