"""Soak: many requests of unique random Chinese texts; the service must not grow, nor fail.

python scripts/soak.py training/smartcity/model-best [--requests 200000]
python scripts/soak.py http://127.0.0.1:8000 --requests 20000 --key KEY

Memory and the number of strings come from the service's own /metrics, so it must run in one
process. Exit code 1 if, after the warm-up, memory grew by 5 % or more, the strings by more than
1 %, or any request failed.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Annotated

import httpx
import typer
from loopback import Connection, check_loopback, random_text, read_metrics, service

MOST_MEMORY_GROWTH = 0.05
MOST_STRING_GROWTH = 0.01
CHECKPOINTS = 20
RETRIES = 100
PAUSE = 1.0  # seconds, when the queue is full
Query = dict[str, str | None]


@dataclass
class Sample:
    """What the service told of itself: requests so far, bytes of memory, strings, seconds."""

    requests: int
    memory: float
    strings: float
    seconds: float


@dataclass
class Report:
    """Samples after the warm-up, and what went wrong."""

    samples: list[Sample] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def memory_growth(self) -> float:
        """RETURNS (float): From the first two samples to the last two, as a share."""
        begin = mean(sample.memory for sample in self.samples[:2])
        return mean(sample.memory for sample in self.samples[-2:]) / begin - 1

    @property
    def string_growth(self) -> float:
        """RETURNS (float): From the first sample to the last, as a share."""
        return self.samples[-1].strings / self.samples[0].strings - 1

    @property
    def passed(self) -> bool:
        """RETURNS (bool): Whether nothing grew and nothing failed."""
        steady = self.memory_growth < MOST_MEMORY_GROWTH
        return steady and self.string_growth <= MOST_STRING_GROWTH and not self.errors


def texts(seed: int, longest: int) -> Iterator[str]:
    """YIELDS (str): Random texts without end; a number makes each of them unique."""
    rng = random.Random(seed)
    number = 0
    while True:
        number += 1
        yield f"{random_text(rng, rng.randint(1, longest))}{number}"


async def soak(
    url: str,
    *,
    requests: int,
    warm_up: int,
    clients: int,
    characters: int,
    model: str | None = None,
    key: str = "",
    seed: int = 0,
) -> Report:
    """Send the requests.

    url (str): Address of the service.
    requests (int): How many, after the warm-up.
    warm_up (int): How many before the first sample.
    clients (int): How many at a time.
    characters (int): Length of the longest text.
    model (str): Which model; None: the service's default.
    key (str): API key.
    seed (int): Of the texts.
    RETURNS (Report): The samples, evenly spread over the requests, and the errors.
    """
    report = Report()
    headers = {"X-API-Key": key} if key else {}
    queries: Iterator[Query] = ({"text": text, "model": model} for text in texts(seed, characters))

    async def send_many(count: int) -> None:
        left = iter(range(count))

        async def client() -> None:
            async with Connection(url, headers) as connection:
                for _ in left:
                    problem = await send(connection, next(queries))
                    if problem:
                        report.errors.append(problem)

        await asyncio.gather(*(client() for _ in range(clients)))

    begin = time.perf_counter()
    await send_many(warm_up)
    report.samples.append(take_sample(url, headers, 0, begin))
    show(report.samples[-1], report.errors)
    done = 0
    for checkpoint in range(1, CHECKPOINTS + 1):
        until = requests * checkpoint // CHECKPOINTS
        await send_many(until - done)
        done = until
        report.samples.append(take_sample(url, headers, done, begin))
        show(report.samples[-1], report.errors)
    return report


async def send(connection: Connection, query: Query) -> str:
    """RETURNS (str): What was wrong with the answer; empty if nothing."""
    body = json.dumps(query, ensure_ascii=False).encode()
    for _ in range(RETRIES):
        try:
            status, answer = await connection.post("/v1/analyze", body)
        except (OSError, asyncio.IncompleteReadError) as err:
            return f"{type(err).__name__}: {err}"
        if status != 429:
            break
        await asyncio.sleep(PAUSE)
    if status != 200:
        return f"{status}: {answer[:200].decode(errors='replace')}"
    length = json.loads(answer)["results"][0]["length"]
    expected = len(query["text"] or "")
    return "" if length == expected else f"length {length} instead of {expected}"


def take_sample(url: str, headers: dict[str, str], requests: int, begin: float) -> Sample:
    """RETURNS (Sample): What /metrics says now."""
    answer = httpx.get(f"{url}/metrics", headers=headers, trust_env=False).raise_for_status()
    values = read_metrics(answer.text)
    seconds = time.perf_counter() - begin
    memory = values["process_resident_memory_bytes"]
    return Sample(requests, memory, values["xinzhi_strings"], seconds)


def show(sample: Sample, errors: list[str]) -> None:
    """Print a checkpoint."""
    print(
        f"{sample.requests:>9,} requests  {sample.seconds:>7.1f} s  "
        f"{sample.memory / 1e6:>8.1f} MB  {sample.strings:>9,.0f} strings  {len(errors)} errors",
        flush=True,
    )


def main(
    target: Annotated[str, typer.Argument(help="A pipeline to serve, or a service's address")],
    requests: Annotated[int, typer.Option(help="Requests after the warm-up")] = 200_000,
    warm_up: Annotated[int, typer.Option(help="Requests before the first sample")] = 10_000,
    clients: Annotated[int, typer.Option(help="Requests at a time")] = 16,
    characters: Annotated[int, typer.Option(help="Length of the longest text")] = 60,
    model: Annotated[str | None, typer.Option(help="Model of a service that has several")] = None,
    key: Annotated[str, typer.Option(help="API key", envvar="XINZHI_API_KEY")] = "",
    log: Annotated[Path | None, typer.Option(help="Log of the service")] = None,
) -> None:
    """Send the requests, print the checkpoints and the verdict."""
    running = target.startswith("http://")
    place = nullcontext(target) if running else service(target, log=log)
    with place as url:
        report = asyncio.run(
            soak(
                check_loopback(url),
                requests=requests,
                warm_up=warm_up,
                clients=clients,
                characters=characters,
                model=model,
                key=key,
            )
        )
    seconds = report.samples[-1].seconds - report.samples[0].seconds
    print(
        f"After the warm-up: memory {report.memory_growth:+.2%}, strings "
        f"{report.string_growth:+.2%}, {len(report.errors)} errors, {requests / seconds:.0f} "
        f"requests/s: {'passed' if report.passed else 'FAILED'}"
    )
    for error in report.errors[:5]:
        print(f"  {error}")
    raise typer.Exit(0 if report.passed else 1)


if __name__ == "__main__":
    typer.run(main)
