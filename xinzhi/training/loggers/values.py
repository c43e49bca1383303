"""Scores and other values of a training step, flat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

SEPARATOR = "/"


def flatten(scores: dict[str, Any] | None) -> dict[str, float]:
    """All numbers of a nested dict.

    scores (dict): As spaCy's scorers return: {"ents_f": 0.8, "ents_per_type": {"组织": {"p": …}}}.
    RETURNS (dict): {"ents_f": 0.8, "ents_per_type/组织/p": …}; what is None is left out.
    """
    return dict(_walk(scores or {}, ""))


def _walk(scores: dict[str, Any], prefix: str) -> Iterator[tuple[str, float]]:
    for name, value in scores.items():
        if isinstance(value, dict):
            yield from _walk(value, f"{prefix}{name}{SEPARATOR}")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{prefix}{name}", float(value)


def scalars(info: dict[str, Any]) -> dict[str, float]:
    """What to plot of an evaluation.

    info (dict): The info of a step that was evaluated.
    RETURNS (dict): "score", "scores/…", "losses/…", and under `xinzhi train` "speed/…" and
        "time/…" (share of each part of the work).
    """
    values = {"score": float(info["score"])}
    values |= {f"scores/{name}": value for name, value in flatten(info["other_scores"]).items()}
    values |= {f"losses/{name}": float(value) for name, value in info["losses"].items()}
    seconds = info.get("time")
    if seconds:
        total = sum(seconds.values()) or 1.0
        values |= {f"time/{part}": value / total for part, value in seconds.items()}
        values["speed/documents_per_second"] = documents_per_second(info)
    return values


def documents_per_second(info: dict[str, Any]) -> float:
    """RETURNS (float): Training documents per second of training, evaluations and saving apart."""
    seconds = sum(info["time"][part] for part in ("data", "update", "optimiser"))
    return info["documents"] / seconds if seconds else 0.0
