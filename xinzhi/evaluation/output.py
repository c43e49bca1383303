"""Scores as tables in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

COLUMNS = ("precision", "recall", "f1", "support")


def print_scores(scores: Mapping[str, Any], console: Console | None = None) -> None:
    """Print the tables of an evaluation.

    scores (Mapping): What `evaluate` returns.
    console (Console): Where to print; default: standard output.
    """
    console = console or Console()
    if scores["entities"] is None:
        console.print("Entities: not scored (no entity annotation, or none predicted).")
    else:
        console.print(_label_table("Entities", scores["entities"]["labels"], _all(scores)))
        tokens = scores["tokens"]
        rows = {
            "accuracy": {"f1": tokens["accuracy"]},
            "macro": tokens["macro"],
            "weighted": tokens["weighted"],
            "macro without O": tokens["without_O"]["macro"],
            "weighted without O": tokens["without_O"]["weighted"],
        }
        console.print(_label_table("Tokens (BIO tags)", tokens["labels"], rows))
    for head, head_scores in scores["heads"].items():
        if head_scores is None:
            console.print(f"Head {head}: not scored (the pipeline does not predict it).")
        else:
            console.print(_label_table(f"Head {head}", head_scores["labels"], _head(head_scores)))
    confidences = _confidences(scores)
    if confidences:
        console.print(_confidence_table(confidences))
    if scores["scores"]:
        console.print(_value_table(scores["scores"]))
    speed, counts = scores["speed"], scores["counts"]
    console.print(
        f"{counts['documents']} documents, {counts['characters']} characters in "
        f"{speed['seconds']:.1f} s: {speed['characters_per_second']:.0f} characters/s, "
        f"{speed['words_per_second']:.0f} words/s"
    )


def number(value: float | None) -> str:
    """RETURNS (str): Four decimals; "n/a" for None."""
    return "n/a" if value is None else f"{value:.4f}"


def _all(scores: Mapping[str, Any]) -> dict[str, Any]:
    return {"all": {key: scores["entities"][key] for key in COLUMNS}}


def _head(scores: Mapping[str, Any]) -> dict[str, Any]:
    rows = {"accuracy": {"f1": scores["accuracy"]}, "macro": scores["macro"]}
    return rows if scores["exclusive"] else {**rows, "micro": scores["micro"]}


def _label_table(title: str, labels: Mapping[str, Any], summary: Mapping[str, Any]) -> Table:
    table = Table(title=escape(title), title_justify="left")
    table.add_column("")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for name, row in labels.items():
        table.add_row(escape(name), *_cells(row))
    table.add_section()
    for name, row in summary.items():
        table.add_row(name, *_cells(row or dict.fromkeys(COLUMNS)))
    return table


def _confidences(scores: Mapping[str, Any]) -> dict[str, Any]:
    """What has confidences: the entities and each head, as far as they were scored."""
    found = {"Entities": scores["entities"]}
    found |= {f"Head {head}": values for head, values in scores["heads"].items()}
    return {name: values["confidence"] for name, values in found.items() if _has_cases(values)}


def _has_cases(values: Mapping[str, Any] | None) -> bool:
    return bool(values and values["confidence"] and values["confidence"]["n"])


def _confidence_table(confidences: Mapping[str, Any]) -> Table:
    bins = next(iter(confidences.values()))["bins"]
    title = f"Confidence (ECE over {bins} bins; AUC of right against wrong)"
    table = Table("", title=title, title_justify="left")
    for column in ("ECE", "by chance", "AUC", "n"):
        table.add_column(column, justify="right")
    for name, values in confidences.items():
        cells = [number(values[key]) for key in ("ece", "ece_by_chance", "auc")]
        table.add_row(escape(name), *cells, str(values["n"]))
    return table


def _value_table(values: Mapping[str, Any]) -> Table:
    keys = ("mae", "rmse", "spearman", "r2")
    title = "Scores, and their mean as the constant prediction"
    table = Table("", title=title, title_justify="left")
    for column in ("MAE", "RMSE", "Spearman", "R²", "n"):
        table.add_column(column, justify="right")
    for name, row in values.items():
        if row is None:
            table.add_row(escape(name), *(["n/a"] * len(keys)), "0")
            continue
        table.add_row(escape(name), *(number(row[key]) for key in keys), str(row["n"]))
        mean = [number(row["baseline"][key]) for key in ("mae", "rmse")]
        table.add_row(f"  mean {row['baseline']['value']:.4f}", *mean, "", "", "")
    return table


def _cells(row: Mapping[str, Any]) -> list[str]:
    cells = [number(row[key]) if key in row else "" for key in COLUMNS[:-1]]
    support = row.get("support")
    return [*cells, "" if support is None else str(support)]
