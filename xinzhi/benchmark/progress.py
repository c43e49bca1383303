"""A progress bar with the current phase. The number of steps grows as they become known."""

from __future__ import annotations

from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress


class Progress:
    """Counts steps and shows what is being done.

    visible (bool): Draw the bar.
    """

    def __init__(self, visible: bool = True) -> None:
        columns = (
            BarColumn(30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
        )
        self._bar = RichProgress(*columns, disable=not visible)
        self._task = self._bar.add_task("", total=0)
        self._planned = 0
        self._started = 0

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._bar.update(self._task, completed=self._planned, description="done")
        self._bar.stop()

    def plan(self, steps: int) -> None:
        """Announce further steps."""
        self._planned += steps
        self._bar.update(self._task, total=self._planned)

    def step(self, phase: str) -> None:
        """Begin the next step; what was begun before is done."""
        self._bar.update(self._task, completed=self._started, description=phase)
        self._started += 1
