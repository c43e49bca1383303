"""How the cost of prediction grows with the length of a document, the size of a corpus, threads."""

from __future__ import annotations

from functools import partial
from typing import Any

from .. import tasks
from ..documents import of_length
from ..machine import available_cores
from ..ratios import summarise
from ..session import Session, Workers
from ..turns import alternate
from ..worker import Worker

LENGTHS = (64, 256, 1024, 4096, 16384)
PARTS = (1, 2, 4, 8)  # the corpus, and fractions of it
ROUNDS = 3


def measure_scaling(session: Session, workers: Workers) -> dict[str, Any]:
    """Measure all three curves for every contender.

    RETURNS (dict): "length", "corpus", "threads": each a list of points with the size and, per
        contender, its characters per second.
    """
    texts = next(iter(session.texts.values()))
    return {
        "length": _by_length(session, workers, texts),
        "corpus": _by_corpus(session, workers, texts),
        "threads": _by_threads(session, workers, texts),
    }


def _by_length(session: Session, workers: Workers, texts: list[str]) -> list[dict]:
    return [
        {"characters": length, **_speeds(session, workers, [of_length(texts, length)], "length")}
        for length in LENGTHS
    ]


def _by_corpus(session: Session, workers: Workers, texts: list[str]) -> list[dict]:
    sizes = sorted({max(1, len(texts) // part) for part in PARTS})
    return [
        {"documents": size, **_speeds(session, workers, texts[:size], "corpus size")}
        for size in sizes
    ]


def _by_threads(session: Session, workers: Workers, texts: list[str]) -> list[dict]:
    points = []
    for threads in thread_counts(available_cores()):
        for worker in workers.values():
            worker.run(tasks.set_threads, threads)
        points.append({"threads": threads, **_speeds(session, workers, texts, "threads")})
    for worker in workers.values():
        worker.run(tasks.set_threads, session.settings.threads)
    return points


def thread_counts(cores: int) -> list[int]:
    """RETURNS (list): 1, 2, 4, … and the number of cores."""
    powers = [2**i for i in range(cores.bit_length()) if 2**i < cores]
    return [*powers, cores]


def _speeds(session: Session, workers: Workers, texts: list[str], what: str) -> dict[str, Any]:
    session.progress.plan(ROUNDS * len(workers))
    characters = sum(map(len, texts))

    def turn(name: str, worker: Worker) -> float:
        session.progress.step(f"{what}, {len(texts)} texts: {name}")
        return characters / worker.run(tasks.predict_seconds, texts)

    turns = {n: partial(turn, n, w) for n, w in workers.items()}
    return {name: summarise(speeds) for name, speeds in alternate(ROUNDS, turns).items()}
