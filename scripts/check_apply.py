"""Check `xinzhi apply`: every engine the same bytes, whatever is killed; time and memory of each.

python scripts/check_apply.py training/smartcity/model-best [--documents 50000]

Engines whose packages are not installed are left out: pip install 'xinzhi[ray]' 'xinzhi[spark]',
and Java. Each engine runs twice: once undisturbed and measured, on a part of the documents
(--measured), beside a plain `nlp.pipe` over them in a process of its own; and once over all of
them, with one of its workers killed by kill -9 at a random moment, then the command itself, and
started again. Exit code 1 if any output differs by a byte from that of one undisturbed process.
Linux only.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from xinzhi.files import sha256_of

ENGINES = {
    "local, 1 process": ("--engine", "local", "--n-process", "1"),
    "local, 2 processes": ("--engine", "local", "--n-process", "2"),
    "ray, 2 actors": ("--engine", "ray", "--n-process", "2"),
    "spark, 2 workers": ("--engine", "spark", "--n-process", "2"),
}
NEEDS = {"ray": "ray", "spark": "pyspark"}
# What the command line of a worker has in it.
WORKERS = {"local": "spawn_main", "ray": "MapWorker", "spark": "pyspark.daemon"}
LONGEST_END = 60  # seconds until the workers of a killed command must be gone
SENTENCES = [
    "一网通办真方便，智能客服翻来覆去就一句话。",
    "上海地铁的刷脸门禁很快，老人不用排队。",
    "医院排队太差，预约系统又崩了。",
    "The smart city platform went live in Beijing.",
    "潮汐车道上线以后，早高峰少堵了十分钟！",
]
PLAIN = """
import sys, time, json
from xinzhi.benchmark.memory import peak_rss
from xinzhi.evaluation.evaluate import load_pipeline
nlp = load_pipeline(sys.argv[1], -1)
texts = []
for line in open(sys.argv[2], encoding="utf8"):
    try:
        texts.append(json.loads(line)["text"])
    except ValueError:
        pass
start = time.perf_counter()
for at in range(0, len(texts), 1000):
    with nlp.memory_zone():
        for doc in nlp.pipe(texts[at:at + 1000], batch_size=64):
            pass
print(time.perf_counter() - start, peak_rss() / 1e6)
"""


@dataclass
class Run:
    """What was measured of a command: seconds, and the largest memory of it and its children."""

    seconds: float = 0.0
    megabytes: float = 0.0
    killed: list[str] = field(default_factory=list)


def write_documents(path: Path, count: int, seed: int) -> None:
    """Write texts of one to six sentences as JSON Lines; one line in 5,000 is broken."""
    numbers = random.Random(seed)
    with path.open("w", encoding="utf8") as file:
        for number in range(count):
            text = "".join(numbers.choice(SENTENCES) for _ in range(numbers.randint(1, 6)))
            line = json.dumps({"id": number, "text": f"{text}{number}"}, ensure_ascii=False)
            file.write("{broken\n" if number % 5000 == 4999 else line + "\n")


def descendants(pid: int) -> Iterator[int]:
    """YIELDS (int): A process, its children, theirs, and so on."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from descendants(int(child))


def memory(pids: list[int]) -> float:
    """RETURNS (float): Their memory in MB; what several share counts once."""
    total = 0
    for pid in pids:
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            continue
    return total / 1e3


def workers(pid: int, engine: str) -> list[int]:
    """RETURNS (list[int]): Those of its descendants that predict."""
    found = []
    for child in descendants(pid):
        try:
            line = Path(f"/proc/{child}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if child != pid and WORKERS[engine] in line.replace("\0", " "):
            found.append(child)
    return found


def command(pipeline: str, source: Path, output: Path, options: tuple[str, ...]) -> list[str]:
    """RETURNS (list[str]): The command that is measured or killed."""
    run = [sys.executable, "-m", "xinzhi", "apply", pipeline, str(source), str(output)]
    return [*run, *options, "--threads", "1"]


def parts_done(output: Path) -> int:
    """RETURNS (int): How many parts of an unfinished output are done."""
    return len(list(output.with_name(f".{output.name}.parts").glob("*.done.json")))


def watch(run: list[str], output: Path, engine: str, kills: dict[str, int]) -> Run:
    """Run a command to its end; kill -9 a worker, or the command, at so many parts done.

    kills (dict): "worker" and "driver" -> parts.
    """
    start, found, kills = time.monotonic(), Run(), dict(kills)
    with Path(f"{output}.log").open("ab") as log:
        process = subprocess.Popen(run, stdout=log, stderr=log)
        while process.poll() is None:
            found.megabytes = max(found.megabytes, memory(list(descendants(process.pid))))
            for what in [what for what, at in kills.items() if parts_done(output) >= at]:
                pids = workers(process.pid, engine) if what == "worker" else [process.pid]
                started = workers(process.pid, engine)
                if pids:
                    os.kill(random.choice(pids), signal.SIGKILL)
                    found.killed.append(f"{what} at part {parts_done(output)}")
                    del kills[what]
                if what == "driver":
                    process.wait()
                    check_gone(started)
            time.sleep(0.1)
    found.seconds = time.monotonic() - start
    if process.returncode not in (0, 3) and "driver" not in "".join(found.killed):
        raise SystemExit(f"{' '.join(run)} ended with {process.returncode}; see {output}.log")
    return found


def check_gone(pids: list[int]) -> None:
    """Wait until all of these processes have ended."""
    end = time.monotonic() + LONGEST_END
    while left := [pid for pid in pids if is_running(pid)]:
        if time.monotonic() > end:
            raise SystemExit(f"Processes {left} of a command that was killed are still there.")
        time.sleep(0.1)


def is_running(pid: int) -> bool:
    """RETURNS (bool): Whether a process is there and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def digest(output: Path) -> tuple[str, str]:
    """RETURNS (tuple): Checksums of the rows and of the errors, if there are any."""
    errors = output.with_name(f"{output.name}.errors.jsonl")
    return sha256_of(output), sha256_of(errors) if errors.exists() else ""


def check_rows(output: Path, count: int) -> None:
    """Check that every text that is not broken is there, once, in order."""
    ids = [json.loads(line)["id"] for line in output.open(encoding="utf8")]
    if ids != [number for number in range(count) if number % 5000 != 4999]:
        raise SystemExit(f"{output}: {len(ids)} rows, and not those of the input.")


def disturb(pipeline: str, source: Path, output: Path, name: str, parts: int) -> list[str]:
    """Run an engine with a worker and then the command killed, and again. RETURNS (list[str]): What
    was killed."""
    options = ENGINES[name]
    run = command(pipeline, source, output, options)
    at = sorted(random.sample(range(1, max(3, parts - 2)), 2))
    kills = {"driver": at[1]} if name == "local, 1 process" else {"worker": at[0], "driver": at[1]}
    first = watch(run, output, options[1], kills)
    return [*first.killed, *watch(run, output, options[1], {}).killed]


def measure_plain(pipeline: str, source: Path) -> tuple[float, float]:
    """RETURNS (tuple): Seconds of a plain `nlp.pipe` without loading, and peak memory in MB."""
    done = subprocess.run(
        [sys.executable, "-c", PLAIN, pipeline, str(source)],
        check=True,
        capture_output=True,
        text=True,
    )
    seconds, megabytes = done.stdout.split()
    return float(seconds), float(megabytes)


def check(
    pipeline: str, folder: Path, engines: list[str], documents: int, measured: int, seed: int
) -> tuple[list[dict], bool]:
    """RETURNS (tuple): A row per engine, and whether all outputs are the same."""
    whole, part = folder / "all.jsonl", folder / "part.jsonl"
    write_documents(whole, documents, seed)
    with whole.open(encoding="utf8") as file:
        part.write_text("".join(islice(file, measured)), encoding="utf8")
    seconds, megabytes = measure_plain(pipeline, part)
    rows = [{"engine": "nlp.pipe", "seconds": seconds, "megabytes": megabytes}]
    expected, same = digests(pipeline, folder, whole, part, documents), True
    for name, options in ENGINES.items():
        if options[1] not in engines:
            continue
        if options[1] in NEEDS and not find_spec(NEEDS[options[1]]):
            print(f"{name}: not installed", flush=True)
            continue
        out = folder / f"{name.replace(', ', '-').replace(' ', '-')}.jsonl"
        run = watch(command(pipeline, part, out, options), out, options[1], {})
        agree = [digest(out) == expected["part"]]
        again = out.with_name(f"killed-{out.name}")
        killed = disturb(pipeline, whole, again, name, documents // 1000)
        agree.append(digest(again) == expected["all"])
        same = same and all(agree)
        row = {"engine": name, "seconds": run.seconds, "megabytes": run.megabytes}
        rows.append({**row, "killed": killed, "same": all(agree)})
        print(json.dumps(rows[-1]), flush=True)
    return rows, same


def digests(
    pipeline: str, folder: Path, whole: Path, part: Path, documents: int
) -> dict[str, tuple[str, str]]:
    """RETURNS (dict): Checksums of what one undisturbed process makes of all and of some texts."""
    found = {}
    for name, source in (("all", whole), ("part", part)):
        out = folder / f"expected-{name}.jsonl"
        run = watch(command(pipeline, source, out, ENGINES["local, 1 process"]), out, "local", {})
        found[name] = digest(out)
        print(f"{name}: {run.seconds:.1f} s, {run.megabytes:.0f} MB", flush=True)
    check_rows(folder / "expected-all.jsonl", documents)
    return found


def main(
    pipeline: Annotated[str, typer.Argument(help="Path or name of a pipeline; a quick one.")],
    documents: Annotated[int, typer.Option(min=10_000)] = 50_000,
    measured: Annotated[int, typer.Option(help="Texts of the runs that are timed.")] = 10_000,
    engine: Annotated[list[str], typer.Option(help="Which to check.")] = list(WORKERS),  # noqa: B006
    seed: Annotated[int, typer.Option(help="For texts and moments.")] = 0,
    output: Annotated[Path | None, typer.Option("-o", help="JSON file for the table.")] = None,
) -> None:
    """Run all engines that are installed and compare what they write."""
    random.seed(seed)
    with TemporaryDirectory(prefix="check-apply-") as folder:
        rows, same = check(pipeline, Path(folder), engine, documents, measured, seed)
    print(f"\n{'':20} {'seconds':>8} {'MB':>6}  same bytes")
    for row in rows:
        said = {True: "yes", False: "NO"}.get(row.get("same"), "")
        killed = "; killed: " + ", ".join(row["killed"]) if row.get("killed") else ""
        print(f"{row['engine']:20} {row['seconds']:8.1f} {row['megabytes']:6.0f}  {said}{killed}")
    if output:
        output.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf8")
    raise typer.Exit(0 if same else 1)


if __name__ == "__main__":
    typer.run(main)
