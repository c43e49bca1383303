"""Run the workflow `all` as `spacy project run all` does, time its steps, print the result.

python scripts/demo.py [--vars.NAME VALUE …]
"""

from __future__ import annotations

import time
from pathlib import Path

import typer
from summary import print_summary
from weasel.cli.run import project_run
from weasel.util import load_project_config, parse_config_overrides

ROOT = Path(__file__).resolve().parent.parent
WORKFLOW = "all"


def main(ctx: typer.Context) -> None:
    """Run every step of the workflow; a step whose inputs have not changed is skipped."""
    overrides = parse_config_overrides(list(ctx.args))
    project = load_project_config(ROOT, overrides=overrides)
    seconds = {}
    for step in project["workflows"][WORKFLOW]:
        start = time.perf_counter()
        project_run(ROOT, step, overrides=overrides)
        seconds[step] = time.perf_counter() - start
    print_summary(ROOT, project["vars"], seconds)


if __name__ == "__main__":
    app = typer.Typer()
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(main)
    app()
