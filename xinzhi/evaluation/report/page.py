"""The report as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...pages import render
from .blocks import Section
from .plots import score_bar
from .spans import pieces


def render_page(report: Mapping[str, Any], sections: list[Section]) -> str:
    """RETURNS (str): The page: no script, no outside resource, light and dark, fit for print."""
    return render(
        __package__,
        "report.html",
        run=report["run"],
        counts=report["counts"],
        sections=sections,
        pieces=pieces,
        score_bar=score_bar,
    )
