"""Which run is going on, for plug-ins that spaCy calls without telling them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """A run of `xinzhi train`.

    folder (Path): Where its log and other records go.
    resumed_at (int | None): The step of the checkpoint that it goes on from.
    """

    folder: Path
    resumed_at: int | None = None


_current: ContextVar[Run | None] = ContextVar("xinzhi_run", default=None)


@contextmanager
def running(run: Run) -> Iterator[None]:
    """In this block, `current_run` is that run."""
    token = _current.set(run)
    try:
        yield
    finally:
        _current.reset(token)


def current_run() -> Run | None:
    """RETURNS (Run): The run; None under `spacy train`."""
    return _current.get()


def in_run_folder(path: str | None, name: str) -> Path:
    """RETURNS (Path): The path if it is set, else `name` in the run's folder, or in the current
    folder under `spacy train`."""
    if path:
        return Path(path)
    run = current_run()
    return run.folder / name if run else Path(name)


def resumed_at() -> int | None:
    """RETURNS (int): The step that the run goes on from; None if it is a new one."""
    run = current_run()
    return run.resumed_at if run else None
