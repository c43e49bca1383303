"""The ways to choose texts from a pool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..errors import XinzhiError
from .diversity import density, k_center_greedy, weighted_clusters
from .uncertainty import combined, ranks

PREFILTER = 5  # texts that are clustered for each one that is chosen
Rows = list[int]


@dataclass
class Pool:
    """Texts to choose from.

    vectors (ndarray): A row of length 1 for each text.
    by_task (dict): Task -> how unsure the pipeline is of each text; see `task_uncertainty`.
    done (ndarray | None): Vectors of texts that are annotated already.
    """

    vectors: np.ndarray
    by_task: dict[str, np.ndarray] = field(default_factory=dict)
    done: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.vectors)


def choose(strategy: str, pool: Pool, size: int, seed: int = 0) -> Rows:
    """Choose texts.

    strategy (str): "clusters": of the texts that the pipeline is most unsure of and that are
        typical, one of each kind. "uncertainty": the most unsure ones. "diversity": of every kind,
        whatever the pipeline thinks of them. "random".
    pool (Pool): The texts.
    size (int): How many.
    seed (int): Of the random numbers.
    RETURNS (list): Row numbers, the first to annotate first.
    RAISES (XinzhiError): There is no such strategy, or the pipeline cannot do it.
    """
    if strategy not in STRATEGIES:
        raise XinzhiError(
            f"There is no strategy '{strategy}'.", f"Use one of {', '.join(STRATEGIES)}."
        )
    return STRATEGIES[strategy](pool, min(size, len(pool)), seed)


def by_clusters(pool: Pool, size: int, seed: int) -> Rows:
    """See `choose`."""
    unsure = combined(pool.by_task)
    value = unsure * ranks(density(pool.vectors)) ** 0.5
    best = np.argsort(-value, kind="stable")[: PREFILTER * size]
    chosen = weighted_clusters(pool.vectors[best], value[best], size, seed)
    return best[chosen].tolist()


def by_uncertainty(pool: Pool, size: int, seed: int) -> Rows:
    """See `choose`."""
    return np.argsort(-combined(pool.by_task), kind="stable")[:size].tolist()


def by_diversity(pool: Pool, size: int, seed: int) -> Rows:
    """See `choose`."""
    return k_center_greedy(pool.vectors, size, pool.done, seed)


def at_random(pool: Pool, size: int, seed: int) -> Rows:
    """See `choose`."""
    return np.random.default_rng(seed).permutation(len(pool))[:size].tolist()


STRATEGIES: dict[str, Callable[[Pool, int, int], Rows]] = {
    "clusters": by_clusters,
    "uncertainty": by_uncertainty,
    "diversity": by_diversity,
    "random": at_random,
}
