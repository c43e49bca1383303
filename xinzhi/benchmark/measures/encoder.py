"""How much of the peak rate the encoder's forward pass reaches, and where the rest goes."""

from __future__ import annotations

from functools import partial
from statistics import median
from typing import Any

from .. import tasks
from ..flops import forward_flops
from ..ratios import summarise
from ..session import Session, Workers
from ..turns import alternate
from .limit import peak_turn
from .profile import with_shares

TEXTS, PIECES = 64, 64
REPEATS = 2


def measure_encoder(session: Session, workers: Workers) -> dict[str, Any]:
    """Run every contender's encoder on a batch of 64 texts of 64 pieces.

    RETURNS (dict): "peak_gflops" (per precision), "contenders" (per contender "seconds",
        "gflops_per_second", "share_of_peak" per precision, "phases", "forward_share_of_peak": that
        of the forward phase alone, "operations": shares of torch's time).
    """
    progress, rounds = session.progress, session.settings.rounds
    progress.plan(len(workers) + rounds * (len(workers) + 1))
    source = "".join(next(iter(session.texts.values())))
    texts, flops = {}, {}
    for name, worker in workers.items():
        progress.step(f"cutting {TEXTS} texts of {PIECES} pieces: {name}")
        texts[name] = worker.run(tasks.texts_of_pieces, source, PIECES, TEXTS)
        count = worker.run(tasks.encoder_count, texts[name])
        flops[name] = forward_flops(worker.run(tasks.encoder_shape), count)
        worker.run(tasks.encode_seconds, texts[name])  # warm-up

    def encode(name: str) -> float:
        progress.step(f"encoder alone: {name}")
        return min(workers[name].run(tasks.encode_seconds, texts[name]) for _ in range(REPEATS))

    shape = workers["ours"].run(tasks.encoder_shape)
    turns: dict[str, Any] = {name: partial(encode, name) for name in workers}
    turns["peak"] = peak_turn(session, workers, shape)
    results = alternate(rounds, turns)
    peaks = results.pop("peak")
    return {
        "texts": TEXTS,
        "pieces": PIECES,
        "peak_gflops": {p: summarise([peak[p] / 1e9 for peak in peaks]) for p in peaks[0]},
        "contenders": {
            name: encoder_row(
                results[name], flops[name], peaks, worker.run(tasks.split_encoding, texts[name])
            )
            | {"operations": worker.run(tasks.split_operations, texts[name])}
            for name, worker in workers.items()
        },
    }


def encoder_row(
    seconds: list[float],
    flops: float,
    peaks: list[dict[str, float]],
    phases: dict[str, float],
) -> dict[str, Any]:
    """Describe one contender's encoder.

    seconds (list): Time of one batch, per round.
    flops (float): Operations of the batch.
    peaks (list): Precision -> peak rate, per round.
    phases (dict): Phase -> seconds, of a few further batches.
    RETURNS (dict): Its times, rate, and share of each peak: with everything the encoder component
        does, and of the forward phase alone.
    """
    rates = [flops / value for value in seconds]
    split = with_shares(phases)
    shares = {
        precision: median([r / p[precision] for r, p in zip(rates, peaks, strict=True)])
        for precision in peaks[0]
    }
    forward = split["forward"]["share"]
    return {
        "seconds": summarise(seconds),
        "gflops_per_second": summarise([rate / 1e9 for rate in rates]),
        "share_of_peak": shares,
        "phases": split,
        "forward_share_of_peak": {p: s / forward for p, s in shares.items()} if forward else None,
    }
