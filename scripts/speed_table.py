"""Fill the speed table of README.md and README.zh.md from the JSON of the benchmark.

python scripts/speed_table.py metrics/benchmark/benchmark.json
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer
from readme import fill

ROOT = Path(__file__).resolve().parent.parent
SECTION = "speed"
MEANING = {
    "README.md": {
        "header": ["xinzhi", "median of {rounds} turns (lowest–highest)"],
        "predict_vs_stock": "prediction, characters/s, of stock spaCy's",
        "predict_vs_hf": "prediction, of the transformers pipeline's",
        "latency_vs_stock": "one document alone, of stock spaCy's",
        "train_vs_stock": "training, characters/s, of stock spaCy's, batches as in the configs",
        "train_vs_stock_fastest": "training, each with its fastest batch size",
        "train_vs_hf": "training, of a plain PyTorch loop over the same batches",
        "load_vs_stock": "new Python to first prediction, less time than stock spaCy",
        "rss_vs_stock": "peak memory of prediction, less than stock spaCy",
        "size_vs_stock": "size on disk, less than stock spaCy",
        "note": "`make bench`, {date}, {cpu}, {threads} threads, Python {python}, spaCy {spacy}, "
        "torch {torch}, transformers {transformers}. Written by `python scripts/speed_table.py`.",
    },
    "README.zh.md": {
        "header": ["xinzhi", "{rounds} 轮的中位数（最低–最高）"],
        "predict_vs_stock": "预测速度（字/秒），与原版 spaCy 相比",
        "predict_vs_hf": "预测速度，与 transformers 的 pipeline 相比",
        "latency_vs_stock": "单条文本的延迟，与原版 spaCy 相比",
        "train_vs_stock": "训练速度（字/秒），与原版 spaCy 相比，批大小按各自的配置",
        "train_vs_stock_fastest": "训练速度，各用自己最快的批大小",
        "train_vs_hf": "训练速度，与同样批次的普通 PyTorch 循环相比",
        "load_vs_stock": "从启动 Python 到第一条预测，比原版 spaCy 快",
        "rss_vs_stock": "预测的内存峰值，比原版 spaCy 小",
        "size_vs_stock": "磁盘占用，比原版 spaCy 小",
        "note": "`make bench`，{date}，{cpu}，{threads} 个线程，Python {python}、spaCy {spacy}、"
        "torch {torch}、transformers {transformers}。由 `python scripts/speed_table.py` 写入。",
    },
}


def table(text: Mapping[str, Any], results: Mapping[str, Any]) -> str:
    """RETURNS (str): The ratios and the note on how they were measured, as Markdown."""
    header = [cell.format(rounds=results["settings"]["rounds"]) for cell in text["header"]]
    lines = [header, ["---", "---:"]]
    for name in results["definitions"]:
        spread = results["spreads"].get(name)
        if name in text and spread:
            times = f"{spread['median']:.2f}× ({spread['low']:.2f}–{spread['high']:.2f})"
            lines.append([text[name], times])
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    machine = results["machine"]
    return f"{body}\n\n{text['note'].format(**machine['versions'], **machine)}"


def main(results: Path) -> None:
    """Write both READMEs."""
    measured = json.loads(results.read_text(encoding="utf8"))
    for readme, text in MEANING.items():
        path = ROOT / readme
        content = fill(path.read_text(encoding="utf8"), SECTION, table(text, measured))
        path.write_text(content, encoding="utf8")
        print(f"✔ {readme}")


if __name__ == "__main__":
    typer.run(main)
