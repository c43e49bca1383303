"""Load: many clients at a time; every answer must be the one that the text gets alone.

python scripts/load.py training/smartcity/model-best corpus/smartcity/test.spacy --workers 2
python scripts/load.py training/smartcity/model-best texts.txt --clients 64 --requests 1000
python scripts/load.py PIPELINE texts.txt --tolerance 0.05 --most-others 0.01
python scripts/load.py PIPELINE texts.txt --deterministic

Serves the pipeline, asks for each text alone, then for all of them from many clients at a time, one
text a request. The load comes in rounds; before, between and after them `nlp.pipe` goes over the
same texts in this process while the service is idle.

Every answer must be the same byte for byte. Other pipelines than ours may compute other last digits
in a batch: `--tolerance` and `--most-others` say how much is accepted; with `--deterministic` the
service runs every text alone, and answers have all digits.

Exit code 1 if a request failed, more answers were others than is accepted, or the throughput was
under 80 % of that of `nlp.pipe` (not asked of `--deterministic`).
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from loopback import Connection, percentile, random_text, read_metrics, service

LEAST_SHARE = 0.8
TOLERANCE = 0.0
ADDRESS = "/v1/analyze"
EXACT = ("--set", "deterministic=true", "--set", "digits=16")


@dataclass
class Load:
    """What the clients saw, and what it cost.

    seconds (list): From request to answer.
    answers (Counter): How often a text got which status and body.
    wall (float): Seconds of all rounds.
    client_cpu, service_cpu (float): Seconds of processor time.
    """

    seconds: list[float] = field(default_factory=list)
    answers: Counter[tuple[str, int, bytes]] = field(default_factory=Counter)
    wall: float = 0.0
    client_cpu: float = 0.0
    service_cpu: float = 0.0


@dataclass
class Verdict:
    """How answers compare with those that the texts get alone.

    identical (int): The same, byte for byte.
    close (int): Others with the same labels and offsets, and numbers within the tolerance.
    far (int): Others with the same labels and offsets.
    others (int): Other labels, entities or offsets.
    failed (Counter): Status -> answers that were none.
    largest (float): The largest difference of a number, where labels and offsets are the same.
    """

    identical: int = 0
    close: int = 0
    far: int = 0
    others: int = 0
    failed: Counter[int] = field(default_factory=Counter)
    largest: float = 0.0

    @property
    def wrong(self) -> int:
        """RETURNS (int): Answers that are not those of the text alone."""
        return self.far + self.others

    def add(
        self,
        status: int,
        body: bytes,
        expected: bytes,
        tolerance: float = TOLERANCE,
        count: int = 1,
    ) -> None:
        """Compare an answer, or several equal ones."""
        if status != 200:
            self.failed[status] += count
            return
        if body == expected:
            self.identical += count
            return
        found = difference(json.loads(body), json.loads(expected))
        if found == float("inf"):
            self.others += count
            return
        self.largest = max(self.largest, found)
        if found <= tolerance:
            self.close += count
        else:
            self.far += count


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


def read_texts(path: Path | None) -> list[str]:
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


def body_of(text: str) -> bytes:
    """RETURNS (bytes): The request for one text."""
    return json.dumps({"text": text}, ensure_ascii=False).encode()


async def ask_each(url: str, texts: Iterable[str]) -> dict[str, bytes]:
    """RETURNS (dict): Text -> answer, asked one after the other."""
    answers = {}
    async with Connection(url) as connection:
        for text in texts:
            status, answers[text] = await connection.post(ADDRESS, body_of(text))
            if status != 200:
                raise SystemExit(f"status {status} for a text alone: {answers[text].decode()}")
    return answers


async def ask_all(
    url: str, texts: Iterable[str], clients: int, requests: int, load: Load, seed: int = 0
) -> None:
    """Ask from many clients at a time.

    url (str): Address of the service.
    texts (Iterable): The texts to choose from.
    clients (int): How many; each has a connection of its own.
    requests (int): Of each client.
    load (Load): What they see is added to it.
    seed (int): Of the order of the texts.
    """
    bodies = [(text, body_of(text)) for text in texts]

    async def client(number: int) -> None:
        rng = random.Random(1000 * seed + number)
        async with Connection(url) as connection:
            for _ in range(requests):
                text, body = rng.choice(bodies)
                begin = time.perf_counter()
                status, answer = await connection.post(ADDRESS, body)
                load.seconds.append(time.perf_counter() - begin)
                load.answers[text, status, answer] += 1

    used, own, begin = service_cpu(url), time.process_time(), time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(clients)))
    load.wall += time.perf_counter() - begin
    load.client_cpu += time.process_time() - own
    load.service_cpu += service_cpu(url) - used


def service_cpu(url: str) -> float:
    """RETURNS (float): Seconds of processor time that the service has used; nan if it has several
    workers, which do not report it."""
    text = httpx.get(f"{url}/metrics", trust_env=False).raise_for_status().text
    return read_metrics(text).get("process_cpu_seconds_total", float("nan"))


def judge(load: Load, expected: dict[str, bytes], tolerance: float) -> Verdict:
    """RETURNS (Verdict): Of all answers."""
    verdict = Verdict()
    for (text, status, body), count in load.answers.items():
        verdict.add(status, body, expected[text], tolerance, count)
    return verdict


class Pipe:
    """`nlp.pipe` over the texts, as the service's own process would run them.

    pipeline (str): What to load.
    texts (list): The texts.
    precision (str): What its encoder computes in; None: as it says.
    """

    def __init__(self, pipeline: str, texts: list[str], precision: str | None) -> None:
        import spacy

        from xinzhi.serving.models import set_precision

        self._nlp = spacy.load(pipeline)
        if precision is not None:
            set_precision(self._nlp, precision)
        self._texts = texts
        sum(1 for _ in self._nlp.pipe(texts[:100]))  # warm-up
        self.count, self.wall, self.cpu = 0, 0.0, 0.0

    def run(self, seconds: float) -> None:
        """Run for about so many seconds."""
        cpu, begin, count = time.process_time(), time.perf_counter(), 0
        while time.perf_counter() - begin < seconds:
            with self._nlp.memory_zone():
                count += sum(1 for _ in self._nlp.pipe(self._texts))
        wall = time.perf_counter() - begin
        self.count += count
        self.wall += wall
        self.cpu += time.process_time() - cpu
        print(f"  nlp.pipe {count / wall:7.1f} texts/s", flush=True)


def show(load: Load, verdict: Verdict, pipe: Pipe) -> float:
    """Print the figures. RETURNS (float): The throughput as a share of that of nlp.pipe."""
    count = len(load.seconds)
    p50, p95, p99 = (1000 * percentile(load.seconds, p) for p in (50, 95, 99))
    rate, alone = count / load.wall, pipe.count / pipe.wall
    print(f"{count:,} requests, failed: {dict(verdict.failed) or 'none'}")
    print(
        f"beside the answers to the texts alone: {verdict.identical:,} equal byte for byte, "
        f"{verdict.close:,} within the tolerance, {verdict.far:,} with other numbers (by up to "
        f"{verdict.largest:.4f}), {verdict.others:,} with other labels"
    )
    print(f"latency p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms")
    print(
        f"processor time a text: service {1000 * load.service_cpu / count:.2f} ms, clients "
        f"{1000 * load.client_cpu / count:.2f} ms, nlp.pipe {1000 * pipe.cpu / pipe.count:.2f} ms"
    )
    print(f"service {rate:.1f} texts/s, nlp.pipe {alone:.1f} texts/s: {rate / alone:.1%}")
    return rate / alone


def main(
    pipeline: Annotated[str, typer.Argument(help="The pipeline to serve")],
    file: Annotated[Path | None, typer.Argument(help="Texts: .spacy, or one a line")] = None,
    clients: Annotated[int, typer.Option(help="Clients at a time")] = 64,
    requests: Annotated[int, typer.Option(help="Requests of each client")] = 1000,
    rounds: Annotated[int, typer.Option(help="So many parts, nlp.pipe between them")] = 4,
    pipe_seconds: Annotated[float, typer.Option(help="How long nlp.pipe runs each time")] = 10,
    precision: Annotated[
        str | None, typer.Option(help="fp32, bf16, …: of the encoder; else as the pipeline says")
    ] = None,
    tolerance: Annotated[float, typer.Option(help="Most by which a number may differ")] = TOLERANCE,
    most_others: Annotated[
        float, typer.Option(help="Share of answers that may be others than that")
    ] = 0.0,
    workers: Annotated[int, typer.Option(help="Processes of the service")] = 1,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Every text alone; every byte must be equal")
    ] = False,
    log: Annotated[Path | None, typer.Option(help="Log of the service")] = None,
) -> None:
    """Measure, print, and judge."""
    texts = read_texts(file)
    load, pipe = Load(), Pipe(pipeline, texts, precision)
    options = ["--workers", str(workers)]
    options += ["--set", f"precision={precision}"] if precision else []
    with service(pipeline, *options, *(EXACT if deterministic else ()), log=log) as url:
        expected = asyncio.run(ask_each(url, texts))
        pipe.run(pipe_seconds)
        for number in range(rounds):
            asyncio.run(ask_all(url, texts, clients, requests // rounds, load, number))
            print(f"  service so far {len(load.seconds) / load.wall:7.1f} texts/s", flush=True)
            pipe.run(pipe_seconds)
    verdict = judge(load, expected, 0.0 if deterministic else tolerance)
    share = show(load, verdict, pipe)
    right = not verdict.failed and verdict.wrong <= most_others * len(load.seconds)
    passed = right and (deterministic or share >= LEAST_SHARE)
    print("passed" if passed else "FAILED")
    raise typer.Exit(0 if passed else 1)


if __name__ == "__main__":
    typer.run(main)
