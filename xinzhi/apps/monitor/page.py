"""The dashboard as one self-contained HTML page: for a file, or to be served."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from ...files import write_text
from ...pages import render
from .database import Database
from .drift import DriftRow
from .plots import spark, style_of, trend
from .trends import dashboard_data

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def write_dashboard(
    database: Database,
    path: Path,
    *,
    since: date | None = None,
    until: date | None = None,
    drift: Sequence[DriftRow] = (),
) -> None:
    """Write the page; it appears when it is complete.

    database (Database): An open database.
    path (Path): The HTML file.
    since, until (date | None): First and last day, see `dashboard_data`.
    drift (Sequence[DriftRow]): To show as well.
    """
    write_text(path, render_dashboard(dashboard_data(database, since, until), drift))


def render_dashboard(data: dict[str, Any], drift: Sequence[DriftRow] = ()) -> str:
    """RETURNS (str): The page: no script, no outside resource, light and dark."""
    return render(
        __package__,
        "dashboard.html",
        data=data,
        drift=drift,
        weekdays=WEEKDAYS,
        worst=data["sentiments"][0] if data["sentiments"] else "",
        heat=_heat(data),
        busiest=max((n for row in data["hours"] for n in row), default=0) or 1,
        marks={topic["name"]: _marks(data, topic["name"]) for topic in data["topics"]},
        trend=trend,
        spark=spark,
        style_of=style_of,
    )


def _heat(data: dict[str, Any]) -> int:
    """RETURNS (int): The largest count of the first sentiment on a day."""
    first = data["sentiments"][:1]
    counts = [topic["counts"][name] for topic in data["topics"] for name in first]
    return max((value for values in counts for value in values), default=0) or 1


def _marks(data: dict[str, Any], topic: str) -> list[tuple[str, str]]:
    return [
        (alarm["raised_at"][:10], f"alarm {alarm['id']}, {alarm['raised_at']}")
        for alarm in data["alarms"]
        if alarm["topic"] in (None, topic)
    ]
