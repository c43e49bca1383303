"""Throughput and latency of prediction, and the scores."""

from __future__ import annotations

from functools import partial
from statistics import median
from typing import Any

from .. import tasks
from ..contenders import CONTENDERS
from ..flops import EncoderShape, PieceCount
from ..ratios import faster, leaner, percentile, summarise
from ..session import Session, Workers
from ..turns import alternate
from .choose import fastest, try_batch_sizes
from .limit import limits, peak_turn

PROBE = 64  # texts to choose a batch size with


def measure_prediction(session: Session, workers: Workers) -> dict[str, Any]:
    """Measure every set of texts.

    RETURNS (dict): Per set of texts: "documents", "characters", "contenders", "ratios", "limit".
    """
    texts = next(iter(session.texts.values()))
    for name, worker in workers.items():
        session.progress.plan(1)
        session.progress.step(f"choosing a batch size: {name}")
        worker.run(tasks.predict_seconds, texts[:PROBE])  # warm-up
        tried = try_batch_sizes(worker, partial(worker.run, tasks.predict_seconds, texts[:PROBE]))
        if tried:
            worker.run(tasks.set_batch_size, fastest(tried))
    return {name: _measure_set(session, workers, name) for name in session.texts}


def _measure_set(session: Session, workers: Workers, documents: str) -> dict[str, Any]:
    texts = session.texts[documents]
    counts = {}
    session.progress.plan(len(workers) + session.settings.rounds * (2 * len(workers) + 1))
    for name, worker in workers.items():
        session.progress.step(f"counting pieces of {documents}: {name}")
        counts[name] = worker.run(tasks.count_pieces, texts)
    shape = workers["ours"].run(tasks.encoder_shape)
    throughput, single, peaks = _take_turns(session, workers, documents, shape)
    characters = sum(map(len, texts))
    rows = {
        name: prediction_row(throughput[name], single[name], texts, counts[name])
        | {key: workers[name].run(tasks.get, key) for key in ("batch_size", "precision")}
        | {"threads": workers[name].run(tasks.used_threads)}
        for name in workers
    }
    speed = rows["ours"]["characters_per_second"]["median"]
    return {
        "documents": len(texts),
        "characters": characters,
        "contenders": rows,
        "ratios": prediction_ratios(throughput, single),
        "limit": limits(shape, counts["ours"], characters, peaks, speed),
    }


def _take_turns(
    session: Session, workers: Workers, documents: str, shape: EncoderShape
) -> tuple[dict, dict, list]:
    """RETURNS (tuple): Seconds per round of each, seconds of single documents per round of each,
    peak rates per round."""
    texts, progress = session.texts[documents], session.progress
    sample = texts[:: max(1, len(texts) // session.settings.latency_documents)]
    sample = sample[: session.settings.latency_documents]

    def many(name: str) -> float:
        progress.step(f"predicting {documents}: {name}")
        return workers[name].run(tasks.predict_seconds, texts)

    def one_by_one(name: str) -> list[float]:
        progress.step(f"predicting single documents of {documents}: {name}")
        return workers[name].run(tasks.single_seconds, sample)

    turns: dict[str, Any] = {f"many {n}": partial(many, n) for n in workers}
    turns |= {f"one {n}": partial(one_by_one, n) for n in workers}
    turns["peak"] = peak_turn(session, workers, shape)
    results = alternate(session.settings.rounds, turns)
    throughput = {name: results[f"many {name}"] for name in workers}
    single = {name: results[f"one {name}"] for name in workers}
    return throughput, single, results["peak"]


def prediction_row(
    seconds: list[float], single: list[list[float]], texts: list[str], count: PieceCount
) -> dict[str, Any]:
    """Describe one contender.

    seconds (list): Time for all texts, per round.
    single (list): Times of single documents, per round.
    texts (list): The texts.
    count (PieceCount): The pieces its encoder computed.
    RETURNS (dict): Rates per second, padding waste, latency in milliseconds.
    """
    characters = sum(map(len, texts))
    milliseconds = [value * 1000 for one_round in single for value in one_round]
    return {
        "characters_per_second": summarise([characters / s for s in seconds]),
        "documents_per_second": summarise([len(texts) / s for s in seconds]),
        "pieces_per_second": summarise([count.pieces / s for s in seconds]),
        "pieces": count.pieces,
        "padded_pieces": count.padded,
        "padding_waste": count.waste,
        "latency_ms": {
            "p50": percentile(milliseconds, 0.5),
            "p95": percentile(milliseconds, 0.95),
            "documents": len(milliseconds),
        },
    }


def prediction_ratios(
    seconds: dict[str, list[float]], single: dict[str, list[list[float]]]
) -> dict[str, Any]:
    """RETURNS (dict): Ours against the others: throughput, and median time of one document."""
    middle = {name: [median(values) for values in rounds] for name, rounds in single.items()}
    rates = {name: [1 / value for value in rounds] for name, rounds in seconds.items()}
    return {
        "predict_vs_stock": faster(rates["ours"], rates["stock"]),
        "predict_vs_hf": faster(rates["ours"], rates["hf"]),
        "latency_vs_stock": leaner(middle["ours"], middle["stock"]),
        "latency_vs_hf": leaner(middle["ours"], middle["hf"]),
    }


def measure_scores(session: Session, workers: Workers) -> dict[str, Any]:
    """RETURNS (dict): Contender -> its scores on the test corpus, None if it is not trained."""
    session.progress.plan(len(CONTENDERS))
    scores = {}
    for name, worker in workers.items():
        session.progress.step(f"scoring: {name}")
        scores[name] = worker.run(tasks.score, session.paths.test)
    return scores
