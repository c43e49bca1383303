"""Threads that spin against threads that sleep, alone and beside another busy process.

python scripts/bench_threads.py [--rounds 5]

Two layers of a transformer, forward and backward, 16 texts of 48 pieces. Each measurement is a
process of its own, because OpenMP reads its settings when torch is loaded.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

POLICIES: dict[str, str | None] = {"as OpenMP has it": None, "GOMP_SPINCOUNT=1000 (xinzhi)": "1000"}
BUSY = "while True: pass"
REPEATS = 6


def step_milliseconds(threads: int) -> float:
    """RETURNS (float): Median milliseconds of a forward and backward pass."""
    import torch

    torch.set_num_threads(threads)
    layers = [
        torch.nn.TransformerEncoderLayer(384, 12, 1536, 0.0, "gelu", batch_first=True)
        for _ in range(2)
    ]
    net, X = torch.nn.Sequential(*layers), torch.randn(16, 48, 384)
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        net(X).pow(2).mean().backward()
        seconds.append(time.perf_counter() - start)
    return 1000 * median(seconds[1:])


@contextmanager
def busy_process(wanted: bool) -> Iterator[None]:
    """Another process that keeps one core busy."""
    process = subprocess.Popen([sys.executable, "-c", BUSY]) if wanted else None
    try:
        yield
    finally:
        if process:
            process.kill()
            process.wait()


def measure(policy: str, threads: int) -> float:
    """RETURNS (float): `step_milliseconds` in a new process."""
    command = [sys.executable, __file__, "--threads", str(threads)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    environment.pop("GOMP_SPINCOUNT", None)
    if (count := POLICIES[policy]) is not None:
        environment["GOMP_SPINCOUNT"] = count
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main(
    rounds: Annotated[int, typer.Option(help="Turns of each.")] = 5,
    threads: Annotated[int, typer.Option(help="Only this number, here.", hidden=True)] = 0,
) -> None:
    """Print a table of medians."""
    if threads:
        print(step_milliseconds(threads))
        return
    cores = os.cpu_count() or 1
    table = Table("other process", "threads", *(f"{policy}, ms" for policy in POLICIES))
    for busy in (False, True):
        for number in sorted({1, cores}):
            with busy_process(busy):
                turns = [[measure(policy, number) for policy in POLICIES] for _ in range(rounds)]
            values = (f"{median(column):.0f}" for column in zip(*turns, strict=True))
            table.add_row("busy" if busy else "none", str(number), *values)
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
