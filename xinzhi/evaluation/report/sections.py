"""The report as sections, in their order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .blocks import Section
from .sections_confidence import confidence
from .sections_data import data_card, slices, speed, surfaces, training, worst
from .sections_scores import entities, head, overview, tokens, values


def sections(report: Mapping[str, Any]) -> list[Section]:
    """RETURNS (list): The sections of a report, see `build.build_report`."""
    labels = list(report["entities"]["labels"]) if report["entities"] else []
    found = [
        overview(report),
        *entities(report["entities"]),
        *tokens(report["tokens"]),
        *(head(name, scores) for name, scores in report["heads"].items()),
        *values(report),
        *confidence(report),
        *slices(report["slices"]),
    ]
    if report["entities"]:
        found.append(surfaces(report["surfaces"]))
    return [
        *found,
        worst(report["worst"], labels),
        training(report["training"]),
        data_card(report["data"]),
        speed(report),
    ]
