"""xinzhi effects"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._app import app


@app.command("effects")
def effects_cli(
    pipeline: Annotated[str, typer.Argument(help="Pipeline with xinzhi_score: folder or package.")],
    corpus: Annotated[Path, typer.Argument(help="Gold documents: a .spacy file, or a folder.")],
    train: Annotated[Path, typer.Option(help="Training corpus, for the simple baselines.")],
    score: Annotated[str, typer.Option(help="Name of the score.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the report (Markdown) here.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the numbers here.")
    ] = None,
    least: Annotated[int, typer.Option(help="Fewest documents with an entity.", min=1)] = 5,
) -> None:
    """Which entities move a score, and is it predicted better than by simple means?"""
    from rich.console import Console

    from ..evaluation.effects import effects_dict, find_effects
    from ..evaluation.show_effects import effects_report, show_effects
    from ..files import write_json, write_text

    effects, scores = find_effects(pipeline, corpus, train, score, least)
    show_effects(score, effects, scores, Console())
    if output is not None:
        write_text(output, effects_report(score, effects, scores))
    if json_file is not None:
        write_json(json_file, effects_dict(score, effects, scores))
