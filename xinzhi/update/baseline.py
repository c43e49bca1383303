"""A head that the old pipeline lacks is compared with the answer that is always the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..evaluation.comparison.outcomes import HeadOutcome, read_outcomes
from ..evaluation.comparison.systems import read_system
from ..evaluation.significance import Metric, compare_counts, ratio

ACCURACY = Metric("accuracy", [0, 1], ratio)


def head_baselines(
    pipeline: Path, test: Path, heads: Sequence[str], resamples: int, seed: int, gpu_id: int = -1
) -> dict[str, dict[str, Any]]:
    """Compare the accuracy of heads with that of their most frequent answer in the test texts.

    pipeline (Path): The candidate.
    test (Path): The test texts.
    heads (Sequence[str]): Heads that only the candidate has.
    resamples, seed (int): Of the paired test.
    gpu_id (int): The number of the GPU, -1 for the CPU.
    RETURNS (dict): Head -> what `compare` says of a metric: "a" (the constant), "b", "p", …; a
        head that no test text has is left out.
    """
    if not heads:
        return {}
    outcomes = read_outcomes(read_system(pipeline, test, gpu_id))
    found = {}
    for head in heads:
        rows = [outcome.heads[head] for outcome in outcomes if head in outcome.heads]
        if rows:
            found[head] = _compare(rows, resamples, seed)
    return found


def _compare(rows: Sequence[HeadOutcome], resamples: int, seed: int) -> dict[str, Any]:
    answers = Counter(tuple(row.gold) for row in rows)
    constant = answers.most_common(1)[0][0]
    a = [[float(tuple(row.gold) == constant), 1.0] for row in rows]
    b = [[float(row.is_right), 1.0] for row in rows]
    (difference,) = compare_counts(a, b, [ACCURACY], resamples=resamples, seed=seed)  # type: ignore[arg-type]
    return asdict(difference)
