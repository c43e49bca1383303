"""Where the time goes: one more turn of each contender, split into phases."""

from __future__ import annotations

from typing import Any

from .. import tasks
from ..session import Session, Workers


def profile_prediction(session: Session, workers: Workers) -> dict[str, Any]:
    """RETURNS (dict): Contender -> phase -> {"seconds", "share"} of predicting the first texts."""
    texts = next(iter(session.texts.values()))
    session.progress.plan(len(workers))
    split = {}
    for name, worker in workers.items():
        session.progress.step(f"profiling prediction: {name}")
        split[name] = with_shares(worker.run(tasks.split_prediction, texts))
    return split


def profile_training(session: Session, workers: Workers) -> dict[str, Any]:
    """RETURNS (dict): Contender -> phase -> {"seconds", "share"} of one epoch."""
    session.progress.plan(len(workers))
    split = {}
    for name, worker in workers.items():
        session.progress.step(f"profiling training: {name}")
        split[name] = with_shares(worker.run(tasks.split_epoch))
    return split


def with_shares(seconds: dict[str, float]) -> dict[str, dict[str, float]]:
    """RETURNS (dict): Phase -> its seconds and its share (0 to 1) of the whole."""
    total = sum(seconds.values()) or 1.0
    return {phase: {"seconds": s, "share": s / total} for phase, s in seconds.items()}
