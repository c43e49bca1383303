"""How far scores could be off by the luck of the draw: intervals by bootstrap over documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from .counts import Counts

Interval = list[float] | None
Statistic = Callable[[np.ndarray], np.ndarray]
CELLS = 1 << 22  # numbers in a block of draws


def bootstrap(
    counts: np.ndarray,
    statistic: Statistic,
    *,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> list[Interval]:
    """Percentile intervals (Efron 1979) of scores that are functions of sums over documents.

    Documents are drawn with replacement, not entities: entities of one document are alike. Equal to
    `scipy.stats.bootstrap(method="percentile")` (tested) but for the random numbers; that one calls
    the statistic with a copy of the counts for every draw, which takes too much memory here.

    counts (ndarray): Shape (documents, …).
    statistic (Callable): Sums of counts, shape (draws, …), to scores, shape (draws, scores); NaN
        where a score is not defined.
    level (float): The share of the draws inside the interval.
    draws (int): How often the documents are drawn.
    seed (int): Of the random numbers.
    RETURNS (list): Low and high end for each score; None if it is defined in no draw.
    """
    found = [statistic(sums) for sums in drawn_sums(np.asarray(counts), draws, seed)]
    return [_interval(column, level) for column in np.concatenate(found).T]


def drawn_sums(counts: np.ndarray, draws: int, seed: int) -> Iterator[np.ndarray]:
    """Draw documents with replacement, and add up their counts.

    counts (ndarray): Shape (documents, …).
    draws (int): How often as many documents are drawn as there are.
    seed (int): Of the random numbers.
    YIELDS (ndarray): Sums of a block of the draws, shape (draws of the block, …).
    """
    documents = len(counts)
    rng = np.random.default_rng(seed)
    for block in blocks(documents, draws):
        weights = rng.multinomial(documents, np.full(documents, 1 / documents), size=block)
        yield np.tensordot(weights, counts.astype(float), axes=1)


def blocks(documents: int, draws: int) -> Iterator[int]:
    """YIELDS (int): Sizes of blocks that together are all draws, each small enough for the
    memory."""
    size = max(1, CELLS // max(1, documents))
    for start in range(0, draws, size):
        yield min(size, draws - start)


def precision_recall_f(sums: np.ndarray) -> np.ndarray:
    """Precision, recall and F-score of each label.

    sums (ndarray): True positives, false positives and false negatives, shape (draws, 3, labels).
    RETURNS (ndarray): Shape (draws, 3, labels); NaN where a score is not defined.
    """
    tp, fp, fn = np.moveaxis(sums, 1, 0)
    parts = (divide(tp, tp + fp), divide(tp, tp + fn), divide(2 * tp, 2 * tp + fp + fn))
    return np.stack(parts, axis=1)


def label_intervals(counts: Counts) -> dict[str, dict[str, Interval]]:
    """RETURNS (dict): Label -> "precision", "recall", "f1" -> low and high end."""
    width = len(counts.labels)
    found = bootstrap(
        counts.stacked(), lambda sums: precision_recall_f(sums).reshape(-1, 3 * width)
    )
    return {
        label: dict(zip(("precision", "recall", "f1"), found[i::width], strict=True))
        for i, label in enumerate(counts.labels)
    }


def overall_intervals(counts: Counts) -> dict[str, Interval]:
    """RETURNS (dict): "precision", "recall" and "f1" over all cases, and "macro_f1"."""

    def statistic(sums: np.ndarray) -> np.ndarray:
        micro = precision_recall_f(sums.sum(2, keepdims=True))[:, :, 0]
        per_label = precision_recall_f(sums)[:, 2]
        seen = ~np.isnan(per_label)
        macro = divide(np.nan_to_num(per_label).sum(1), seen.sum(1))
        return np.column_stack([micro, macro])

    found = bootstrap(counts.stacked(), statistic)
    return dict(zip(("precision", "recall", "f1", "macro_f1"), found, strict=True))


def mean_interval(values: np.ndarray) -> Interval:
    """RETURNS (list): The interval of a mean over documents, such as an accuracy."""
    return bootstrap(np.asarray(values), lambda sums: sums[:, None] / len(values))[0]


def divide(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): The quotient; NaN where `below` is 0."""
    return np.divide(above, below, out=np.full(np.shape(below), np.nan), where=below != 0)


def _interval(scores: np.ndarray, level: float) -> Interval:
    scores = scores[~np.isnan(scores)]
    if not len(scores):
        return None
    return np.quantile(scores, [(1 - level) / 2, (1 + level) / 2]).tolist()
