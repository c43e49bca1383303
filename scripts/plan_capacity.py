"""What a large `xinzhi apply` needs: measure a pipeline here, then plan for a cluster.

python scripts/plan_capacity.py measure PIPELINE TEXTS.jsonl… -o capacity.json
python scripts/plan_capacity.py plan capacity.json --documents 10000000 --cores 16 --machines 8

`measure` runs `xinzhi apply` over two numbers of documents with one process and with two (one
thread each): the difference is the rate, the rest the start. `plan` simulates a run: every part
goes to the first worker that is free; parts vary in length; workers fail, and their part is done
again.
"""

from __future__ import annotations

import heapq
import json
import math
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from check_apply import ENGINES, command, watch

from xinzhi.benchmark.documents import read_texts

app = typer.Typer(add_completion=False)
PROCESSES = {1: "local, 1 process", 2: "local, 2 processes"}
FREE_MEMORY = 0.8  # of a machine, for workers; the rest is for the system and its file cache
HOUR = 3600.0


@dataclass(frozen=True)
class Measured:
    """What one machine does.

    rate (float): Documents per second of one process alone.
    rate_beside (float): The same of each of two at once: what counts when all cores are busy.
    start_seconds (float): Until a worker has loaded the pipeline.
    megabytes (float): Largest memory of a worker.
    bytes_in, bytes_out (float): Input and output per document.
    documents (int): How many the figures come from.
    """

    rate: float
    rate_beside: float
    start_seconds: float
    megabytes: float
    bytes_in: float
    bytes_out: float
    documents: int


@dataclass(frozen=True)
class Plan:
    """What a job needs on a cluster; times in seconds, memory and disk in bytes.

    written (float): Bytes per second that all workers together write while they work.
    """

    workers: int
    seconds: float
    ideal_seconds: float
    repeated_parts: int
    memory_per_machine: float
    disk: float
    written: float


def write_texts(texts: list[str], path: Path, count: int) -> None:
    """Write so many texts, all different, as JSON Lines."""
    with path.open("w", encoding="utf8") as file:
        for number, text in enumerate(islice(cycle(texts), count)):
            file.write(json.dumps({"id": number, "text": f"{text}{number}"}, ensure_ascii=False))
            file.write("\n")


def measure_pipeline(pipeline: str, texts: list[str], count: int, folder: Path) -> Measured:
    """Run `xinzhi apply` over `count` and 3 * `count` texts, with one process and with two."""
    seconds: dict[tuple[int, int], float] = {}
    megabytes = 0.0
    for size in (count, 3 * count):
        source = folder / f"{size}.jsonl"
        write_texts(texts, source, size)
        for processes, name in PROCESSES.items():
            out = folder / f"out-{size}-{processes}.jsonl"
            options = (*ENGINES[name], "--part-size", str(max(10, count // 10)))
            run = watch(command(pipeline, source, out, options), out, "local", {})
            seconds[size, processes] = run.seconds
            megabytes = max(megabytes, run.megabytes if processes == 1 else 0.0)
            print(f"{size} documents, {processes} processes: {run.seconds:.1f} s", flush=True)
    rates = {n: rate(count, seconds[count, n], seconds[3 * count, n]) for n in PROCESSES}
    source, out = folder / f"{count}.jsonl", folder / f"out-{count}-1.jsonl"
    return Measured(
        rate=rates[1],
        rate_beside=rates[2] / 2,
        start_seconds=max(0.0, seconds[count, 1] - count / rates[1]),
        megabytes=megabytes,
        bytes_in=source.stat().st_size / count,
        bytes_out=out.stat().st_size / count,
        documents=3 * count,
    )


def rate(count: int, short: float, long: float) -> float:
    """RETURNS (float): Texts per second, from the seconds of `count` and of 3 * `count` texts.

    RAISES (BadParameter): If the longer run was no longer: the start is all there is.
    """
    if long <= short:
        raise typer.BadParameter(
            f"{3 * count} texts took no longer than {count} ({long:.1f} and {short:.1f} s): nearly "
            "all of it is the start. Measure with more --documents, and nothing else running."
        )
    return 2 * count / (long - short)


def simulate(
    parts: int, workers: int, part_seconds: float, start: float, spread: float, mtbf: float
) -> tuple[float, int]:
    """Run parts on workers, each part on the first that is free.

    parts, workers (int): How many.
    part_seconds (float): Mean time of a part.
    start (float): Seconds until a worker is ready, at first and after a failure.
    spread (float): Standard deviation of the time of a part, as a share of the mean.
    mtbf (float): Mean seconds between failures of a worker.
    RETURNS (tuple): Seconds until the last part is done, and how many were done twice.
    """
    numbers = random.Random(0)
    free = [start] * workers
    heapq.heapify(free)
    last, repeated, left = 0.0, 0, parts
    while left:
        now = heapq.heappop(free)
        needed = part_seconds * max(0.1, numbers.gauss(1.0, spread))
        fails = numbers.expovariate(1.0 / mtbf)
        if fails < needed:
            repeated += 1
            heapq.heappush(free, now + fails + start)
        else:
            left -= 1
            last = max(last, now + needed)
            heapq.heappush(free, now + needed)
    return last, repeated


def plan_job(
    measured: Measured,
    documents: int,
    machines: int,
    cores: int,
    memory: float,
    part_size: int,
    spread: float,
    mtbf_hours: float,
) -> Plan:
    """Plan a job: a worker per core, as far as the memory goes.

    memory (float): GB of a machine.
    """
    own = measured.megabytes * 1e6
    per_machine = max(0, min(cores, math.floor(FREE_MEMORY * memory * 1e9 / own)))
    if not per_machine:
        raise typer.BadParameter(f"a worker needs {own / 1e9:.1f} GB; a machine has {memory:g}.")
    workers = per_machine * machines
    parts = math.ceil(documents / part_size)
    part_seconds = part_size / measured.rate_beside
    seconds, repeated = simulate(
        parts, workers, part_seconds, measured.start_seconds, spread, mtbf_hours * HOUR
    )
    staged = measured.bytes_in * documents  # parts on the shared drive, for Ray and Spark
    return Plan(
        workers=workers,
        seconds=seconds,
        ideal_seconds=documents / (measured.rate_beside * workers),
        repeated_parts=repeated,
        memory_per_machine=per_machine * own,
        disk=staged + 2 * measured.bytes_out * documents,  # parts, and the joined output
        written=measured.bytes_out * measured.rate_beside * workers,
    )


@app.command("measure")
def measure_command(
    pipeline: Annotated[str, typer.Argument(help="Path or name of a pipeline.")],
    texts: Annotated[list[Path], typer.Argument(help="JSON Lines with texts like yours.")],
    output: Annotated[Path, typer.Option("--output", "-o")] = Path("capacity.json"),
    documents: Annotated[int, typer.Option(help="In the shorter runs.", min=20)] = 500,
) -> None:
    """Measure a pipeline on this machine."""
    with TemporaryDirectory(prefix="capacity-") as folder:
        found = measure_pipeline(pipeline, read_texts(texts), documents, Path(folder))
    output.write_text(json.dumps(asdict(found), indent=2) + "\n", encoding="utf8")
    print("\n".join(measured_rows(found)))


def measured_rows(measured: Measured) -> Iterator[str]:
    """YIELDS (str): The lines of a Markdown table: what was measured."""
    yield f"| from {measured.documents:,} documents | |"
    yield "| --- | --- |"
    yield f"| documents per second, one process alone | {measured.rate:,.1f} |"
    yield f"| the same, each of two at once: what the plan takes | {measured.rate_beside:,.1f} |"
    yield f"| start of a worker | {measured.start_seconds:.1f} s |"
    yield f"| memory of a worker | {measured.megabytes:,.0f} MB |"
    sizes = f"{measured.bytes_in:,.0f}, {measured.bytes_out:,.0f} bytes"
    yield f"| input, output per document | {sizes} |"


def rows(
    measured: Measured, documents: list[int], machines: list[int], **machine: float
) -> Iterator[str]:
    """YIELDS (str): The lines of a Markdown table."""
    yield (
        "| documents | machines | workers | hours | of it waiting, failures | disk, TB "
        "| written, MB/s |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for count in documents:
        for number in machines:
            plan = plan_job(measured, count, number, **machine)  # type: ignore[arg-type]
            lost = 1 - plan.ideal_seconds / plan.seconds
            yield (
                f"| {count:,} | {number} | {plan.workers} | {plan.seconds / HOUR:,.1f} "
                f"| {lost:.1%} | {plan.disk / 1e12:.2f} | {plan.written / 1e6:.0f} |"
            )


@app.command("plan")
def plan_command(
    measured: Annotated[Path, typer.Argument(help="What `measure` has written.")],
    documents: Annotated[list[int], typer.Option()] = [10_000_000, 1_000_000_000],  # noqa: B006
    machines: Annotated[list[int], typer.Option()] = [1, 8, 64],  # noqa: B006
    cores: Annotated[int, typer.Option(help="Of a machine.", min=1)] = 16,
    memory: Annotated[float, typer.Option(help="Of a machine, in GB.")] = 64.0,
    part_size: Annotated[int, typer.Option(min=1)] = 10_000,
    spread: Annotated[float, typer.Option(help="Of the time of a part.", min=0.0)] = 0.2,
    mtbf_hours: Annotated[float, typer.Option(help="Between failures of a worker.")] = 1000.0,
) -> None:
    """Say what jobs need on a cluster: the two tables of docs/capacity.md."""
    found = Measured(**json.loads(measured.read_text(encoding="utf8")))
    machine = {
        "cores": cores,
        "memory": memory,
        "part_size": part_size,
        "spread": spread,
        "mtbf_hours": mtbf_hours,
    }
    for line in (*measured_rows(found), "", *rows(found, documents, machines, **machine)):
        print(line, flush=True)


if __name__ == "__main__":
    app()
