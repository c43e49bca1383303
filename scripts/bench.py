"""Prediction speed, load time and size of our pipeline beside the stock spaCy one.

python scripts/bench.py [--rounds 5]

The two take turns, because the speed of a shared machine drifts; the medians are reported.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Annotated

import spacy
import typer
from rich.console import Console
from rich.table import Table
from spacy.language import Language

ROOT = Path(__file__).resolve().parent.parent
PIPELINES = {"smartcity": "all", "stock": "stock"}  # training/NAME, and the workflow that makes it
TEXTS = ("assets/smartcity/dev.jsonl", "assets/smartcity/test.jsonl")
LOAD = """
import sys, time
start = time.perf_counter()
import spacy
spacy.load(sys.argv[1])("智慧城市")
print(time.perf_counter() - start)
"""


def read_texts() -> list[str]:
    """RETURNS (List[str]): The development and test texts."""
    content = "".join((ROOT / name).read_text(encoding="utf8") for name in TEXTS)
    return [json.loads(line)["text"] for line in content.split("\n") if line]


def characters_per_second(nlp: Language, texts: list[str]) -> float:
    """RETURNS (float): Characters predicted a second by `nlp.pipe`."""
    start = time.perf_counter()
    for _ in nlp.pipe(texts):
        pass
    return sum(map(len, texts)) / (time.perf_counter() - start)


def load_seconds(folder: Path) -> float:
    """RETURNS (float): Seconds from a new Python to the first prediction, imports included."""
    command = [sys.executable, "-c", LOAD, str(folder)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def megabytes(folder: Path) -> float:
    """RETURNS (float): Size of a folder in MB (10^6 bytes)."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def main(rounds: Annotated[int, typer.Option(help="How often each takes its turn")] = 5) -> None:
    """Measure the trained pipelines, taking turns."""
    folders = {name: ROOT / "training" / name / "model-best" for name in PIPELINES}
    for name, folder in list(folders.items()):
        if not (folder / "config.cfg").is_file():
            how = f"python -m spacy project run {PIPELINES[name]}"
            print(f"training/{name} is not there. Make it: {how}")
            del folders[name]
    if not folders:
        raise SystemExit("No trained pipeline to measure.")
    texts = read_texts()
    loaded = {name: spacy.load(folder) for name, folder in folders.items()}
    for nlp in loaded.values():
        characters_per_second(nlp, texts[:32])  # warm-up
    speeds: dict[str, list[float]] = {name: [] for name in loaded}
    loads: dict[str, list[float]] = {name: [] for name in loaded}
    for _ in range(rounds):
        for name, nlp in loaded.items():
            speeds[name].append(characters_per_second(nlp, texts))
            loads[name].append(load_seconds(folders[name]))
    _print(speeds, loads, {name: megabytes(folder) for name, folder in folders.items()}, len(texts))


def _print(
    speeds: dict[str, list[float]],
    loads: dict[str, list[float]],
    sizes: dict[str, float],
    texts: int,
) -> None:
    rounds = len(next(iter(speeds.values())))
    table = Table(title=f"Medians of {rounds} rounds over {texts} texts", title_justify="left")
    columns = ("pipeline", "characters/s", "lowest", "highest", "load and first text, s", "MB")
    for column in columns:
        table.add_column(column, justify="left" if column == "pipeline" else "right")
    for name, values in speeds.items():
        speed = (f"{value:.0f}" for value in (median(values), min(values), max(values)))
        table.add_row(name, *speed, f"{median(loads[name]):.1f}", f"{sizes[name]:.0f}")
    Console().print(table)
    if len(speeds) == 2:
        ours, stock = speeds.values()
        ratios = [a / b for a, b in zip(ours, stock, strict=True)]
        print(f"Speed against stock: {median(ratios):.2f} times (median of the rounds' ratios)")


if __name__ == "__main__":
    typer.run(main)
