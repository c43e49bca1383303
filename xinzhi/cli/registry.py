"""`xinzhi registry`: versions of pipelines, promoted and rolled back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ._app import app

if TYPE_CHECKING:
    from ..registry import Registry

registry_app = typer.Typer(
    no_args_is_help=True, help="Versions of pipelines: add, list, promote, roll back."
)
app.add_typer(registry_app, name="registry")
RootOption = Annotated[
    Path, typer.Option("--root", envvar="XINZHI_REGISTRY", help="Folder of the registry.")
]
NameArgument = Annotated[str, typer.Argument(help="The model.")]
ROOT = Path("registry")


@registry_app.command("add")
def add_command(
    name: NameArgument,
    pipeline: Annotated[Path, typer.Argument(help="Folder of a saved pipeline.")],
    root: RootOption = ROOT,
    metrics: Annotated[
        Path | None, typer.Option(help="JSON of `xinzhi evaluate`; default: of the training.")
    ] = None,
    note: Annotated[str, typer.Option(help="Why it was made.")] = "",
    promote: Annotated[bool, typer.Option("--promote", help="Serve it, too.")] = False,
) -> None:
    """Copy PIPELINE into the registry as the next version of NAME."""
    scores = _read_metrics(metrics)
    version = _registry(root).add(pipeline, name, scores, note)
    typer.echo(f"{name} {version.version}: {version.package}")
    if promote:
        _registry(root).promote(name, version.version)


@registry_app.command("list")
def list_command(
    name: Annotated[str | None, typer.Argument(help="The model; default: all.")] = None,
    root: RootOption = ROOT,
) -> None:
    """List the versions, which one is served, and where each came from."""
    from rich.console import Console
    from rich.table import Table

    registry = _registry(root)
    table = Table("model", "version", "", "added", "package", "parent", "note")
    for model in [name] if name else registry.names():
        current = registry.current(model)
        for item in registry.versions(model):
            served = "served" if item.version == current else ""
            added = item.created[:16].replace("T", " ")  # to the minute; UTC
            row = (added, item.package, item.parent or "", item.note)
            table.add_row(model, item.version, served, *row)
    Console().print(table)


@registry_app.command("promote")
def promote_command(
    name: NameArgument,
    version: Annotated[str, typer.Argument(help="The version to serve.")],
    root: RootOption = ROOT,
) -> None:
    """Serve VERSION of NAME. A service that follows the registry changes without a pause."""
    _registry(root).promote(name, version)
    typer.echo(f"{name}: version {version} is served")


@registry_app.command("rollback")
def rollback_command(name: NameArgument, root: RootOption = ROOT) -> None:
    """Serve again the version of NAME that was served before."""
    version = _registry(root).roll_back(name)
    typer.echo(f"{name}: version {version} is served")


def _registry(root: Path) -> Registry:
    from ..registry import Registry

    return Registry(root)


def _read_metrics(path: Path | None) -> dict | None:
    import json

    from ..errors import XinzhiError

    if path is None:
        return None
    try:
        return json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError) as err:
        raise XinzhiError(f"{path} cannot be read: {err}", "Name a JSON file.") from err
