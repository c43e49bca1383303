"""Fill the results table of README.md and README.zh.md from metrics/*/test.json.

python scripts/results_table.py
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from readme import fill

ROOT = Path(__file__).resolve().parent.parent
SECTION = "results"
PIPELINES = {"smartcity": "model-calibrated", "stock": "model-best"}
HEADS = ("topic", "sentiment")
TEXT = {
    "README.md": {
        "columns": [
            "config",
            "entity P",
            "entity R",
            "entity F1",
            "topic accuracy",
            "sentiment accuracy",
            "MB on disk",
        ],
        "note": "{documents} test texts, {date}, {cores} {machine} cores ({device}), "
        "Python {python}, spaCy {spacy}, torch {torch}, transformers {transformers}. Written by "
        "`python scripts/results_table.py`.",
    },
    "README.zh.md": {
        "columns": [
            "配置",
            "实体 P",
            "实体 R",
            "实体 F1",
            "主题准确率",
            "情感准确率",
            "磁盘占用 MB",
        ],
        "note": "测试集 {documents} 条，{date}，{cores} 个 {machine} 核（{device}），"
        "Python {python}、spaCy {spacy}、torch {torch}、transformers {transformers}。由 "
        "`python scripts/results_table.py` 写入。",
    },
}


def row(name: str, scores: Mapping[str, Any], megabytes: float) -> list[str]:
    """RETURNS (List[str]): One line of the table: a pipeline's main scores and size."""
    entities = [f"{scores['entities'][key]:.4f}" for key in ("precision", "recall", "f1")]
    heads = [f"{scores['heads'][head]['accuracy']:.4f}" for head in HEADS]
    return [f"`{name}.cfg`", *entities, *heads, f"{megabytes:.0f}"]


def table(text: Mapping[str, Any], rows: Sequence[list[str]], scores: Mapping[str, Any]) -> str:
    """RETURNS (str): The table and the note on how it was measured, as Markdown."""
    lines = [text["columns"], ["---"] + ["---:"] * (len(text["columns"]) - 1), *rows]
    run = scores["run"]
    facts = {**run["versions"], **run["hardware"], "date": run["date"], **scores["counts"]}
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{body}\n\n{text['note'].format(**facts)}"


def main() -> None:
    """Read the scores of both pipelines and write both READMEs."""
    rows = []
    for name, model in PIPELINES.items():
        path = ROOT / "metrics" / name / "test.json"
        if not path.exists():
            raise SystemExit(
                f"metrics/{name}/test.json is not there. Run: python -m spacy project run "
                f"{'stock' if name == 'stock' else 'all'}"
            )
        scores = json.loads(path.read_text(encoding="utf8"))
        folder = ROOT / "training" / name / model
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
        rows.append(row(name, scores, size))
    for readme, text in TEXT.items():
        path = ROOT / readme
        path.write_text(
            fill(path.read_text(encoding="utf8"), SECTION, table(text, rows, scores)),
            encoding="utf8",
        )
        print(f"✔ {readme}")


if __name__ == "__main__":
    typer.run(main)
