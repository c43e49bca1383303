"""Soak: many requests of unique random Chinese texts; the service must not grow, nor fail.

python scripts/soak.py training/smartcity/model-best [--requests 200000]
python scripts/soak.py http://127.0.0.1:8000 --requests 20000 --key KEY

Memory and the number of strings come from the service's own /metrics, so it must run in one
process. Exit code 1 if, after the warm-up, memory grew by 5 % or more, the strings by more than
1 %, or any request failed.
"""

from __future__ import annotations

import asyncio
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
from loopback import check_loopback, random_text, read_metrics, service

MOST_MEMORY_GROWTH = 0.05
MOST_STRING_GROWTH = 0.01
CHECKPOINTS = 20
RETRIES = 100
Body = dict[str, str | None]


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
    limits = httpx.Limits(max_connections=clients)
    begin = time.perf_counter()
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=60, limits=limits, trust_env=False
    ) as http:
        bodies = ({"text": text, "model": model} for text in texts(seed, characters))
        await send_many(http, bodies, warm_up, clients, report.errors)
        report.samples.append(await take_sample(http, 0, begin))
        done = 0
        for checkpoint in range(1, CHECKPOINTS + 1):
            until = requests * checkpoint // CHECKPOINTS
            await send_many(http, bodies, until - done, clients, report.errors)
            done = until
            report.samples.append(await take_sample(http, done, begin))
            show(report.samples[-1], report.errors)
    return report


async def send_many(
    http: httpx.AsyncClient, bodies: Iterator[Body], count: int, clients: int, errors: list[str]
) -> None:
    """Send so many of the bodies, so many clients at a time."""
    left = iter(range(count))

    async def client() -> None:
        for _ in left:
            problem = await send(http, next(bodies))
            if problem:
                errors.append(problem)

    await asyncio.gather(*(client() for _ in range(clients)))


async def send(http: httpx.AsyncClient, body: Body) -> str:
    """RETURNS (str): What was wrong with the answer; empty if nothing."""
    for _ in range(RETRIES):
        try:
            response = await http.post("/v1/analyze", json=body)
        except httpx.TransportError as err:
            return f"{type(err).__name__}: {err}"
        if response.status_code != 429:
            break
        await asyncio.sleep(float(response.headers["Retry-After"]))
    if response.status_code != 200:
        return f"{response.status_code}: {response.text[:200]}"
    length = response.json()["results"][0]["length"]
    expected = len(body["text"] or "")
    return "" if length == expected else f"length {length} instead of {expected}"


async def take_sample(http: httpx.AsyncClient, requests: int, begin: float) -> Sample:
    """RETURNS (Sample): What /metrics says now."""
    values = read_metrics((await http.get("/metrics")).raise_for_status().text)
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
    running = target.startswith(("http://", "https://"))
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
