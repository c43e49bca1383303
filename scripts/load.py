"""Load: many clients at a time; every answer must be the one that the text gets alone.

python scripts/load.py training/smartcity/model-best corpus/smartcity/test.spacy
python scripts/load.py training/smartcity/model-best texts.txt --clients 64 --requests 1000

Serves the pipeline, asks for each text alone, then for all of them from many clients at a time,
one text a request. Before and after, `nlp.pipe` goes over the same texts in this process, with the
same number of threads, while the service is idle. Exit code 1 if a request failed or an answer was
another one, or if the throughput was under 80 % of that of `nlp.pipe`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from loopback import percentile, random_text, service

LEAST_SHARE = 0.8
TOLERANCE = 1e-3


@dataclass
class Report:
    """What the clients saw."""

    seconds: list[float] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)
    wall: float = 0.0
    largest_difference: float = 0.0


def read_texts(path: Path | None, pipeline: str) -> list[str]:
    """RETURNS (list): Different texts of a .spacy or text file; random ones without a file."""
    if path is None:
        rng = random.Random(0)
        return [random_text(rng, rng.randint(20, 60)) for _ in range(500)]
    if path.suffix == ".spacy":
        import spacy
        from spacy.tokens import DocBin

        vocab = spacy.blank("zh").vocab
        found = [doc.text for doc in DocBin().from_disk(path).get_docs(vocab)]
    else:
        found = path.read_text(encoding="utf8").splitlines()
    return list(dict.fromkeys(text for text in found if text.strip()))


def difference(a: Any, b: Any) -> float:
    """RETURNS (float): The largest difference of two numbers at the same place of two JSON values;
    infinite if they differ in anything else."""
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b)
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        return max((difference(a[key], b[key]) for key in a), default=0.0)
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return max((difference(x, y) for x, y in zip(a, b, strict=True)), default=0.0)
    return 0.0 if a == b else float("inf")


async def ask(http: httpx.AsyncClient, text: str) -> httpx.Response:
    """RETURNS (Response): The answer to one text."""
    return await http.post("/v1/analyze", json={"text": text})


async def ask_each(url: str, texts: Iterable[str]) -> dict[str, Any]:
    """RETURNS (dict): Text -> answer, asked one after the other."""
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as http:
        return {text: (await ask(http, text)).raise_for_status().json() for text in texts}


async def ask_all(
    url: str, expected: dict[str, Any], clients: int, requests: int, seed: int = 0
) -> Report:
    """Ask from many clients at a time.

    url (str): Address of the service.
    expected (dict): Text -> answer.
    clients (int): How many; each has a connection of its own.
    requests (int): Of each client.
    seed (int): Of the order of the texts.
    RETURNS (Report): What they saw.
    """
    texts = list(expected)
    report = Report()

    async def client(number: int) -> None:
        rng = random.Random(seed + number)
        async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as http:
            for _ in range(requests):
                text = rng.choice(texts)
                begin = time.perf_counter()
                response = await ask(http, text)
                report.seconds.append(time.perf_counter() - begin)
                compare(report, response, expected[text])

    begin = time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(clients)))
    report.wall = time.perf_counter() - begin
    return report


def compare(report: Report, response: httpx.Response, expected: Any) -> None:
    """Note what an answer has wrong."""
    if response.status_code != 200:
        report.problems[f"status {response.status_code}"] += 1
        return
    largest = difference(response.json(), expected)
    if largest > TOLERANCE:
        report.problems["another answer"] += 1
    else:
        report.largest_difference = max(report.largest_difference, largest)


class Pipe:
    """`nlp.pipe` over the texts, as the service's own process would run them.

    pipeline (str): What to load.
    texts (list): The texts.
    """

    def __init__(self, pipeline: str, texts: list[str]) -> None:
        import spacy

        self._nlp = spacy.load(pipeline)
        self._texts = texts

    def rate(self, seconds: float) -> float:
        """RETURNS (float): Texts per second, over about so many seconds."""
        begin, count = time.perf_counter(), 0
        while time.perf_counter() - begin < seconds:
            with self._nlp.memory_zone():
                count += sum(1 for _ in self._nlp.pipe(self._texts, batch_size=32))
        return count / (time.perf_counter() - begin)


def show(report: Report, before: float, after: float, count: int) -> bool:
    """Print the figures. RETURNS (bool): Whether they are good enough."""
    pipe = (before + after) / 2
    rate = len(report.seconds) / report.wall
    p50, p95, p99 = (1000 * percentile(report.seconds, p) for p in (50, 95, 99))
    problems = dict(report.problems) or "none"
    print(f"{len(report.seconds):,} requests over {count} texts, problems: {problems}")
    print(f"largest difference of a number to the text alone: {report.largest_difference:.1e}")
    print(f"latency p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms")
    print(f"service {rate:.1f} texts/s; nlp.pipe {before:.1f} before, {after:.1f} after")
    passed = not report.problems and rate >= LEAST_SHARE * pipe
    print(f"share of nlp.pipe: {rate / pipe:.1%}: {'passed' if passed else 'FAILED'}")
    return passed


def main(
    pipeline: Annotated[str, typer.Argument(help="The pipeline to serve")],
    file: Annotated[Path | None, typer.Argument(help="Texts: .spacy, or one a line")] = None,
    clients: Annotated[int, typer.Option(help="Clients at a time")] = 64,
    requests: Annotated[int, typer.Option(help="Requests of each client")] = 1000,
    pipe_seconds: Annotated[float, typer.Option(help="How long nlp.pipe runs, twice")] = 20,
    log: Annotated[Path | None, typer.Option(help="Log of the service")] = None,
) -> None:
    """Measure, print, and judge."""
    texts = read_texts(file, pipeline)
    pipe = Pipe(pipeline, texts)
    pipe.rate(1)  # warm-up
    with service(pipeline, log=log) as url:
        expected = asyncio.run(ask_each(url, texts))
        before = pipe.rate(pipe_seconds)
        report = asyncio.run(ask_all(url, expected, clients, requests))
        after = pipe.rate(pipe_seconds)
    raise typer.Exit(0 if show(report, before, after, len(texts)) else 1)


if __name__ == "__main__":
    typer.run(main)
