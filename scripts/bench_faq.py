"""How long does an answer take in a large knowledge base?

python scripts/bench_faq.py --output metrics/faq

The bundled sample, and as many made-up entries as are asked for: its questions and answers in other
combinations, with random vectors, since only the time counts here. Queries are the bundled ones,
asked one by one. "cpu" is the time that this process computes, which other processes on the machine
do not lengthen as much; "add" and "remove" are of one entry.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer

from xinzhi.apps.faq import Embedder, Entry, Faq, read_entries, read_queries
from xinzhi.apps.faq.lexical import Bm25
from xinzhi.apps.faq.store import keys_of
from xinzhi.files import write_json

SAMPLE = Path(__file__).parents[1] / "assets" / "faq"


def made_up(entries: list[Entry], count: int) -> list[Entry]:
    """RETURNS (list[Entry]): Halves of questions and answers, put together at random."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(count):
        a, b, c, d = (entries[i] for i in rng.integers(0, len(entries), 4))
        question = a.question[: len(a.question) // 2] + b.question[len(b.question) // 2 :]
        answer = c.answer[: len(c.answer) // 2] + d.answer[len(d.answer) // 2 :]
        found.append(Entry(f"x{number}", question, answer, a.intent))
    return found


def enlarge(faq: Faq, entries: list[Entry], count: int) -> None:
    """Add made-up entries with random vectors."""
    new = made_up(entries, count)
    keys = [key for entry in new for key in keys_of(entry)]
    vectors = np.random.default_rng(1).normal(size=(len(keys), faq.embedder.width))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    faq.store.add(new, zip(keys, vectors.astype("float32"), strict=True), replace=False)


def timed(function: Callable[[], Any], clock: Callable[[], float] = time.perf_counter) -> float:
    """RETURNS (float): The milliseconds that a call takes."""
    start = clock()
    function()
    return (clock() - start) * 1000


def quantiles(milliseconds: list[float]) -> dict[str, float]:
    return {f"p{q}": float(np.percentile(milliseconds, q)) for q in (50, 95, 99)}


def main(
    output: Annotated[Path, typer.Option(help="Folder for bench.json")],
    entries: Annotated[int, typer.Option(help="How many, with the bundled ones.")] = 10_000,
    queries: Annotated[int, typer.Option(help="How many queries.")] = 500,
    encoder: Annotated[str, typer.Option()] = "e5-small",
    threads: Annotated[int, typer.Option()] = 1,
) -> None:
    """Measure, print the results and write them."""
    torch.set_num_threads(threads)
    sample = read_entries(SAMPLE / "faq.jsonl")
    asked = read_queries([SAMPLE / "queries.jsonl"], {entry.id for entry in sample})[:queries]
    texts = [query.text for query in asked]
    with tempfile.TemporaryDirectory() as folder:
        faq = Faq.build(Path(folder) / "index", sample, Embedder.load(encoder))
        enlarge(faq, sample, entries - len(sample))
        faq.store.close()
        loading = timed(lambda: Faq.load(Path(folder) / "index"))
        faq = Faq.load(Path(folder) / "index")
        for text in texts[:20]:
            faq.ask(text)
        milliseconds = [timed(partial(faq.ask, text)) for text in texts]
        bm25 = Bm25([key.text for key in faq.store.keys()[0]])
        parts: dict[str, Callable[[str], Any]] = {
            "ask": faq.ask,
            "encoder": lambda text: faq.embedder.encode([text]),
            "bm25": bm25.scores,
        }
        cpu = {
            name: quantiles([timed(partial(part, text), time.process_time) for text in texts])
            for name, part in parts.items()
        }
        new = Entry("new", "新开的游泳馆在哪里？", "在体育中心。")
        results = {
            "entries": len(faq.entries),
            "queries": len(texts),
            "threads": threads,
            "ask_milliseconds": quantiles(milliseconds),
            "cpu_milliseconds": cpu,
            "load_milliseconds": loading,
            "add_milliseconds": timed(lambda: faq.add([new])),
            "remove_milliseconds": timed(lambda: faq.remove(["new"])),
        }
        faq.store.close()
    typer.echo(json.dumps(results, indent=2, ensure_ascii=False))
    write_json(output / "bench.json", results)


if __name__ == "__main__":
    typer.run(main)
