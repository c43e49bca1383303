"""The dashboard of the opinion monitor, read for one caller after the other."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from ..apps.monitor.database import open_database
from ..apps.monitor.page import render_dashboard
from ..apps.monitor.trends import dashboard_data
from ..errors import XinzhiError
from .background import Background
from .problems import Problem
from .settings import ServeSettings

logger = logging.getLogger("xinzhi.serving")
MOST_WAITING = 8
KEPT = 16  # answers that are kept until the database changes


class Dashboard:
    """Reads the dashboard, one caller after the other. The database is open only meanwhile, so
    that `xinzhi monitor ingest` and `watch` get their turn.

    path (Path): The database.
    settings (ServeSettings): The deadline.
    RAISES (XinzhiError): If there is no such database, or its extra is not installed.
    """

    def __init__(self, path: Path, settings: ServeSettings) -> None:
        with open_database(path):
            pass
        self._path = path
        self._background = Background("monitor", MOST_WAITING, settings.timeout_seconds)
        self._kept: dict[tuple[Any, ...], tuple[Any, Any]] = {}

    async def read(self, as_json: bool, since: date | None, until: date | None) -> Any:
        """Read the dashboard.

        as_json (bool): The data of the page instead of the page.
        since, until (date): First and last day; None: see `dashboard_data`.
        RETURNS (str | dict): HTML, or JSON values.
        RAISES (Problem): 503 if the database cannot be read now; see `Background`.
        """
        return await self._background.run(partial(self._read, as_json, since, until))

    def stop(self) -> None:
        """End the thread."""
        self._background.stop()

    def _read(self, as_json: bool, since: date | None, until: date | None) -> Any:
        asked, stamp = (as_json, since, until), self._stamp()
        known = self._kept.get(asked)
        if known is not None and known[0] == stamp:
            return known[1]
        data = self._data(since, until)
        found = data if as_json else render_dashboard(data)
        while len(self._kept) >= KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[asked] = stamp, found
        return found

    def _data(self, since: date | None, until: date | None) -> dict[str, Any]:
        with ExitStack() as stack:
            try:
                database = stack.enter_context(open_database(self._path))
            except XinzhiError as err:
                facts = {"reason": err.fact}
                logger.warning("the dashboard cannot be read", extra={"facts": facts})
                raise _busy() from err
            try:
                return dashboard_data(database, since, until)
            except XinzhiError as err:
                raise Problem(422, "invalid_day", err.fact) from err

    def _stamp(self) -> tuple[float, ...]:
        """RETURNS (tuple): Changes when the database does."""
        files = (self._path, self._path.with_name(self._path.name + ".wal"))
        return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in files)


def _busy() -> Problem:
    return Problem(
        503,
        "monitor_busy",
        "The database cannot be read now, perhaps since posts are being put into it. Try again "
        "after Retry-After seconds.",
        headers={"Retry-After": "2"},
    )
