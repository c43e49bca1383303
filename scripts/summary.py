"""Print the scores of the last run and the path of its wheel.

python scripts/summary.py
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from weasel.util import load_project_config

ROOT = Path(__file__).resolve().parent.parent


def headline(scores: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Pick the main scores of an evaluation.

    scores (Mapping): The content of metrics/NAME/test.json.
    RETURNS (List[Tuple[str, str]]): What was measured, and the number as text.
    """
    rows = []
    if scores["entities"]:
        for key in ("precision", "recall", "f1"):
            rows.append((f"entities, {key}", f"{scores['entities'][key]:.4f}"))
        rows += _confidence(scores["entities"]["confidence"])
    for head, values in scores["heads"].items():
        if values and values["exclusive"]:
            rows.append((f"{head}, accuracy", f"{values['accuracy']:.4f}"))
        if values and values["macro"]:
            rows.append((f"{head}, macro F1", f"{values['macro']['f1']:.4f}"))
    for name, values in scores["scores"].items():
        if values:
            rows.append((f"{name}, mean absolute error", f"{values['mae']:.4f}"))
    speed = scores["speed"]["characters_per_second"]
    return [*rows, ("prediction, characters/s", f"{speed:.0f}")]


def _confidence(values: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    if not values or not values["n"]:
        return []
    error = f"entities, ECE of confidence ({values['bins']} bins, n = {values['n']})"
    area = values["auc"]
    return [
        (error, f"{values['ece']:.4f}"),
        ("entities, AUC of confidence", "n/a" if area is None else f"{area:.4f}"),
    ]


def print_summary(
    root: Path, variables: Mapping[str, Any], seconds: Mapping[str, float] | None = None
) -> None:
    """Print the table of scores, the time of each step if known, and the wheel.

    root (Path): The project.
    variables (Mapping): The vars of project.yml.
    seconds (Mapping): Step -> seconds it took.
    """
    console = Console()
    name = variables["name"]
    scores = json.loads((root / "metrics" / name / "test.json").read_text(encoding="utf8"))
    title = f"{scores['run']['pipeline']} on {scores['counts']['documents']} test texts"
    table = Table("score", title=title, title_justify="left")
    table.add_column("value", justify="right")
    for row in headline(scores):
        table.add_row(*row)
    console.print(table)
    if seconds:
        console.print(_times(seconds))
    report = f"metrics/{name}/report/report.html"
    if (root / report).exists():
        print(f"Report: {report}")
    wheel = f"{variables['lang']}_{name}-{variables['version']}-py3-none-any.whl"
    megabytes = (root / "packages" / wheel).stat().st_size / 1e6
    print(f"Wheel ({megabytes:.0f} MB): packages/{wheel}")


def _times(seconds: Mapping[str, float]) -> Table:
    table = Table("step", title="Wall time", title_justify="left")
    table.add_column("seconds", justify="right")
    for step, value in seconds.items():
        table.add_row(step, f"{value:.0f}")
    table.add_section()
    table.add_row("all", f"{sum(seconds.values()):.0f}")
    return table


def main() -> None:
    """Print the scores and the path of the wheel."""
    variables = load_project_config(ROOT)["vars"]
    if not (ROOT / "metrics" / variables["name"] / "test.json").exists():
        raise SystemExit("Nothing has been evaluated yet. Run: make demo")
    print_summary(ROOT, variables)


if __name__ == "__main__":
    typer.run(main)
