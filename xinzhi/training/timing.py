"""Where the time of a training goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

PARTS = ("data", "update", "optimiser", "evaluation", "saving")
NAMES = {"update": "forward and backward", "exchange": "exchange of gradients"}
LARGE_SHARE = 0.3


class Stopwatch:
    """Adds up seconds by part of the work.

    seconds (dict): To go on from.
    """

    def __init__(self, seconds: dict[str, float] | None = None) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0) | (seconds or {})

    @property
    def total(self) -> float:
        """RETURNS (float): Seconds of all parts."""
        return sum(self.seconds.values())

    @contextmanager
    def time(self, part: str) -> Iterator[None]:
        """Measure the block under the name of a part."""
        start = perf_counter()
        try:
            yield
        finally:
            spent = self.seconds.get(part, 0.0) + perf_counter() - start
            self.seconds[part] = spent


def shares(seconds: dict[str, float]) -> dict[str, float]:
    """RETURNS (dict): Part -> share of the total time, 0 to 1."""
    total = sum(seconds.values()) or 1.0
    return {part: value / total for part, value in seconds.items()}


def describe_split(seconds: dict[str, float]) -> str:
    """RETURNS (str): The shares in percent, e.g. "data 1 %, forward and backward 80 %, …"."""
    return ", ".join(f"{NAMES.get(k, k)} {v:.0%}" for k, v in shares(seconds).items())


def hint(seconds: dict[str, float]) -> str | None:
    """RETURNS (str): What to do if evaluations take a large part of the time, else None."""
    share = shares(seconds)["evaluation"]
    if share <= LARGE_SHARE:
        return None
    return (
        f"Evaluations took {share:.0%} of the time. Evaluate less often (training.eval_frequency), "
        "or on fewer texts (corpora.dev.limit)."
    )
