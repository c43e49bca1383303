"""Throughput of training: epochs over the same documents, updates included, evaluations not."""

from __future__ import annotations

from functools import partial
from typing import Any

from .. import tasks
from ..flops import TRAINING_FACTOR, PieceCount
from ..ratios import faster, summarise
from ..session import Session, Workers
from ..turns import alternate
from .choose import fastest, try_batch_sizes
from .limit import limits, peak_turn

FASTEST = ", fastest batch"  # after a contender's name, in the turns


def measure_training(session: Session, workers: Workers) -> dict[str, Any]:
    """Let every contender learn the same documents, one epoch per turn.

    RETURNS (dict): "documents", "characters", "contenders" (with the batch sizes of their configs),
        "fastest" (of those that have a choice: the size, and the speed with it), "ratios", "limit".
    """
    settings, progress = session.settings, session.progress
    progress.plan(2 * len(workers) + settings.rounds * (2 * len(workers) + 1))
    configured = {name: workers[name].run(tasks.get, "batch_size") for name in workers}
    tried = {name: _try_sizes(session, name, workers) for name in workers}
    best = {name: fastest(times) for name, times in tried.items() if times}

    def epoch(name: str, size: int) -> tuple[float, int]:
        progress.step(f"training: {name}")
        workers[name].run(tasks.set_batch_size, size)
        return workers[name].run(tasks.epoch_seconds)

    for name, size in configured.items():
        workers[name].run(tasks.set_batch_size, size)
    counts = {name: _warm_up(session, name, workers) for name in workers}
    shape = workers["ours"].run(tasks.encoder_shape)
    turns: dict[str, Any] = {name: partial(epoch, name, configured[name]) for name in workers}
    turns |= {f"{name}{FASTEST}": partial(epoch, name, size) for name, size in best.items()}
    turns["peak"] = peak_turn(session, workers, shape)
    results = alternate(settings.rounds, turns)
    peaks = results.pop("peak")
    documents, characters = workers["ours"].run(tasks.get, "documents", "characters")
    rows = {
        name: training_row(results[name], documents, characters, counts[name], tried[name])
        | {"batch_size": configured[name]}
        for name in workers
    }
    speed = rows["ours"]["characters_per_second"]["median"]
    return {
        "documents": documents,
        "characters": characters,
        "contenders": rows,
        "fastest": {
            name: {
                "batch_size": size,
                "characters_per_second": _rate(characters, results[f"{name}{FASTEST}"]),
            }
            for name, size in best.items()
        },
        "ratios": training_ratios(results),
        "limit": limits(shape, counts["ours"], characters, peaks, speed, TRAINING_FACTOR),
    }


def training_row(
    epochs: list[tuple[float, int]],
    documents: int,
    characters: int,
    count: PieceCount,
    tried: dict[int, float],
) -> dict[str, Any]:
    """Describe one contender.

    epochs (list): Seconds and updates of each epoch.
    documents, characters (int): In one epoch.
    count (PieceCount): The pieces its encoder computed in one epoch.
    tried (dict): Batch size -> seconds, from choosing it.
    RETURNS (dict): Rates per second, updates, padding waste, the batch sizes that were tried.
    """
    seconds = [value for value, _ in epochs]
    return {
        "characters_per_second": _rate(characters, epochs),
        "documents_per_second": summarise([documents / s for s in seconds]),
        "pieces_per_second": summarise([count.pieces / s for s in seconds]),
        "updates": epochs[-1][1],
        "pieces": count.pieces,
        "padded_pieces": count.padded,
        "padding_waste": count.waste,
        "tried": {str(size): characters / s for size, s in tried.items()},
    }


def training_ratios(epochs: dict[str, list[tuple[float, int]]]) -> dict[str, Any]:
    """RETURNS (dict): Ours against the others: characters per second."""
    rates = {name: [1 / seconds for seconds, _ in rounds] for name, rounds in epochs.items()}
    ratios = {
        "train_vs_stock": faster(rates["ours"], rates["stock"]),
        "train_vs_hf": faster(rates["ours"], rates["hf"]),
    }
    ours, stock = f"ours{FASTEST}", f"stock{FASTEST}"
    if ours in rates and stock in rates:
        ratios["train_vs_stock_fastest"] = faster(rates[ours], rates[stock])
    return ratios


def _rate(units: int, epochs: list[tuple[float, int]]) -> dict[str, Any]:
    return summarise([units / seconds for seconds, _ in epochs])


def _try_sizes(session: Session, name: str, workers: Workers) -> dict[int, float]:
    session.progress.step(f"trying batch sizes: {name}")
    worker = workers[name]
    return try_batch_sizes(worker, lambda: worker.run(tasks.epoch_seconds)[0])


def _warm_up(session: Session, name: str, workers: Workers) -> PieceCount:
    session.progress.step(f"warming up: {name}")
    return workers[name].run(tasks.count_epoch)
