"""Scores that travel in a wheel's metadata."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import srsly

from ..errors import XinzhiError

NO_SCORES = {"labels", "tokens", "speed", "counts", "run"}  # tables and facts, not scores


def read_metrics(path: Path) -> dict[str, Any]:
    """Read the JSON file of an evaluation.

    path (Path): A file of `xinzhi evaluate` or `spacy evaluate`.
    RETURNS (dict[str, Any]): Its contents.
    RAISES (XinzhiError): If it is no JSON object.
    """
    try:
        metrics = srsly.read_json(path)
    except ValueError as err:
        raise XinzhiError(
            f"{path} cannot be read as JSON: {err}", "Write it again: xinzhi evaluate"
        ) from err
    if not isinstance(metrics, dict):
        raise XinzhiError(
            f"{path} holds no table of scores.", "Give the JSON file of xinzhi evaluate."
        )
    return metrics


def flat_scores(metrics: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """The single scores of an evaluation, for spaCy's `meta["performance"]`.

    metrics (Mapping[str, Any]): Nested scores.
    RETURNS (dict[str, float]): {"entities_f1": …, "heads_topic_accuracy": …}, without the scores
        of single labels.
    """
    flat: dict[str, float] = {}
    for key, value in metrics.items():
        if key in NO_SCORES or key.endswith("per_type"):
            continue
        if isinstance(value, Mapping):
            flat |= flat_scores(value, f"{prefix}{key}_")
        elif isinstance(value, float):
            flat[f"{prefix}{key}"] = value
    return flat
