"""Conversion of a BIO file: our time and memory beside those of `spacy convert`.

python scripts/bench_convert.py [--documents 20000] [--rounds 3]
python scripts/bench_convert.py --documents 2000000 --ours-only --format jsonl

Both convert the same generated file, in turns, each in a process of its own; the time includes the
start of the process. The documents that come out are compared.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Annotated

import spacy
import typer
from rich.console import Console
from rich.table import Table
from spacy.training import Corpus

NAMES = {
    "地点": ["北京", "上海浦东", "成都"],
    "机构": ["市医院", "区政务中心"],
    "产品": ["一网通办"],
}
FILLERS = "今天去了的人很多排队两个小时终于办好服务态度不错但是系统有点慢希望改进"
ROUNDS = 3
OURS = "xinzhi convert"


def make_texts(documents: int, seed: int = 0) -> Iterator[tuple[str, list[tuple[int, int, str]]]]:
    """YIELDS (tuple): A short text of 15 to 25 characters, and its entities."""
    rng = random.Random(seed)
    for number in range(documents):
        text = "".join(rng.choices(FILLERS, k=rng.randint(5, 12)))
        spans = []
        for label in rng.sample(sorted(NAMES), rng.randint(0, 2)):
            name = rng.choice(NAMES[label])
            spans.append((len(text), len(text) + len(name), label))
            text += name + "".join(rng.choices(FILLERS, k=rng.randint(1, 5)))
        yield f"{text}{number}", spans


def write_file(path: Path, documents: int) -> None:
    """Write the texts as BIO columns (.conll) or as JSON Lines (.jsonl)."""
    with path.open("w", encoding="utf8") as file:
        for text, spans in make_texts(documents):
            if path.suffix == ".jsonl":
                line = {"text": text, "label": spans}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
            else:
                tags = ["O"] * len(text)
                for start, end, label in spans:
                    tags[start:end] = [f"B-{label}"] + [f"I-{label}"] * (end - start - 1)
                columns = zip(text, tags, strict=True)
                file.write("\n".join(f"{char}\t{tag}" for char, tag in columns) + "\n\n")


def run(command: list[str]) -> float:
    """RETURNS (float): Seconds that a Python command took; it must have succeeded."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return time.perf_counter() - start


def entities(path: Path) -> list[list[tuple[str, str]]]:
    """RETURNS (list): Text (without white space) and label of the entities of each document."""
    return [
        [(ent.text.replace(" ", ""), ent.label_) for ent in example.reference.ents]
        for example in Corpus(path)(spacy.blank("zh"))
    ]


def main(
    documents: Annotated[int, typer.Option(help="Documents in the file")] = 20_000,
    rounds: Annotated[int, typer.Option(help="Turns of each")] = ROUNDS,
    ours_only: Annotated[bool, typer.Option("--ours-only", help="Without spacy convert")] = False,
    file_format: Annotated[str, typer.Option("--format", help="conll or jsonl")] = "conll",
) -> None:
    """Print documents per second, and the most memory that one of our processes took."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / f"train.{file_format}"
        ours, theirs = Path(folder) / "ours", Path(folder) / "theirs"
        theirs.mkdir()
        write_file(source, documents)
        commands = {OURS: ["-m", "xinzhi", "convert", str(source), str(ours)]}
        if not ours_only:
            spacy_command = ["-m", "spacy", "convert", str(source), str(theirs), "-c", "ner"]
            commands["spacy convert"] = spacy_command
        times: dict[str, list[float]] = {name: [] for name in commands}
        memory = 0
        for _ in range(1 if ours_only else rounds):
            for name, command in commands.items():
                times[name].append(run(command))
                if not memory:  # ours comes first; the figure is the most of any child so far
                    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        if not ours_only:
            assert entities(ours / "train.spacy") == entities(theirs / "train.spacy")
        report = json.loads((ours / "convert_report.json").read_text(encoding="utf8"))
        assert report["account"]["records"]["kept"] == documents
        show(times, documents, memory, report["files"][0]["shards"])


def show(times: dict[str, list[float]], documents: int, memory: int, shards: int) -> None:
    """Print the medians as a table, and how much faster ours is: the median over the rounds."""
    table = Table("", "seconds (median)", "documents/s", title=f"{documents:,} documents")
    for name, seconds in times.items():
        middle = median(seconds)
        table.add_row(name, f"{middle:.1f}", f"{documents / middle:,.0f}")
    console = Console()
    console.print(table)
    for name, others in times.items():
        if name != OURS:
            ratio = median(b / a for a, b in zip(times[OURS], others, strict=True))
            console.print(f"{OURS}: {ratio:.2f} times as fast as {name}", highlight=False)
    console.print(f"Most memory of {OURS}: {memory / 1024:,.0f} MB; files: {shards}")


if __name__ == "__main__":
    typer.run(main)
