"""Memory of our pipeline over long streams: one new process per length."""

from __future__ import annotations

from typing import Any

from .. import tasks
from ..contenders.base import Predictor
from ..documents import endless, first
from ..memory import peak_rss
from ..session import Session, load_contender

NAME = "ours"


def measure_stream(session: Session) -> dict[str, Any]:
    """Send documents through `nlp.pipe` and drop them.

    RETURNS (dict): "streams": per length "documents", "seconds", "peak_rss_mb"; "growth": the
        largest peak over that of the shortest stream.
    """
    texts = next(iter(session.texts.values()))
    session.progress.plan(len(session.settings.stream))
    rows = []
    for documents in sorted(session.settings.stream):
        session.progress.step(f"a stream of {documents} documents")
        with session.worker(NAME, load_contender, NAME, session.paths) as worker:
            seconds, peak = worker.run(stream, texts, documents)
        rows.append(
            {"documents": documents, "seconds": seconds, "peak_rss_mb": peak and peak / 1e6}
        )
    return {"streams": rows, "growth": growth([row["peak_rss_mb"] for row in rows])}


def stream(predictor: Predictor, texts: list[str], documents: int) -> tuple[float, float | None]:
    """RETURNS (tuple): Seconds for that many documents, peak memory in bytes."""
    seconds = tasks.consume_seconds(predictor.stream(first(endless(texts), documents)))
    return seconds, peak_rss()


def growth(peaks: list[float | None]) -> float | None:
    """RETURNS (float | None): The largest over the first; None if one is not known."""
    known = [peak for peak in peaks if peak]
    return max(known) / known[0] if known and len(known) == len(peaks) else None
