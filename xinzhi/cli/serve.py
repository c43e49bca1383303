"""xinzhi serve"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ._app import app


@app.command("serve")
def serve_cli(
    pipelines: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME=]PIPELINE…",
            help="Folder of a pipeline, folder of version folders, or package",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Settings, YAML or JSON", exists=True)
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address, default 127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="Port, default 8000")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes, default 1")] = None,
    gpu_id: Annotated[
        list[int] | None, typer.Option("--gpu-id", "-g", help="GPU number; repeat for several")
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="JSON file that says which versions are served")
    ] = None,
    faq: Annotated[
        Path | None, typer.Option(help="Index of questions and answers: POST /v1/faq")
    ] = None,
    monitor: Annotated[
        Path | None, typer.Option(help="Database of the opinion monitor: dashboard at /monitor")
    ] = None,
    desk: Annotated[
        Path | None, typer.Option(help="Rules of customer service: POST /v1/desk; needs --faq")
    ] = None,
    recommend: Annotated[
        Path | None, typer.Option(help="Folder of a recommender: POST /v1/recommend")
    ] = None,
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="Serve other machines without any API key")
    ] = False,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="Any other: --set max_queue_texts=100")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the effective settings and stop")
    ] = False,
    new_key: Annotated[
        str | None, typer.Option(metavar="NAME", help="Make an API key for NAME and stop")
    ] = None,
) -> None:
    """Serve pipelines over HTTP: an API, a page to try it, metrics.

    Settings come from flags, the environment (XINZHI_SERVE_PORT=…) and a file; the first wins.
    """
    from ..serving.check import need_extra

    need_extra()
    from ..serving.settings import load_settings, read_flags

    if new_key is not None:
        _print_new_key(new_key)
        return
    flags: dict[str, Any] = {
        "host": host,
        "port": port,
        "workers": workers,
        "gpu_ids": gpu_id,
        "manifest": manifest,
        "faq": faq,
        "monitor": monitor,
        "desk": desk,
        "recommend": recommend,
        "anonymous": anonymous or None,
    }
    settings = load_settings(config, read_flags(flags, pipelines or [], setting or []))
    if dry_run:
        typer.echo(json.dumps(settings.masked(), ensure_ascii=False, indent=2))
        return
    from ..serving.server import serve

    serve(settings)


def _print_new_key(name: str) -> None:
    from ..serving.keys import new_key

    key, digest = new_key()
    entry = {"name": name, "sha256": digest, "models": ["*"]}
    typer.echo(f"Key, shown only now: {key}", err=True)
    typer.echo(json.dumps(entry, ensure_ascii=False))
