"""xinzhi doctor"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._app import app

MARKS = {"ok": "[green]✔[/]", "note": "[yellow]·[/]", "problem": "[red]✘[/]"}


@app.command("doctor")
def doctor_cli(
    offline: Annotated[bool, typer.Option("--offline", help="Leave the network alone")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the model hub")] = 3.0,
    json_path: Annotated[
        Path | None, typer.Option("--json", help="Write all checks to this file too")
    ] = None,
) -> None:
    """Look at versions, GPU, CPU, encoders, hub, disk and memory; exit code 1 for a problem."""
    from dataclasses import asdict

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from ..doctor.check import PROBLEM
    from ..doctor.diagnose import diagnose
    from ..files import write_json

    checks = diagnose(offline, timeout)
    table = Table("", "area", "what", "found")
    for check in checks:
        found = escape(check.found) + (f"\n[dim]{escape(check.fix)}[/]" if check.fix else "")
        table.add_row(MARKS[check.status], check.area, escape(check.name), found)
    Console().print(table)
    problems = [check for check in checks if check.status == PROBLEM]
    if json_path:
        result = {"ok": not problems, "checks": [asdict(check) for check in checks]}
        write_json(json_path, result)
    for check in problems:
        typer.echo(f"✘ {check.name}: {check.found}\n  {check.fix}", err=True)
    if problems:
        raise typer.Exit(1)
    typer.echo("✔ No problem found.")
